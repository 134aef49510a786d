"""`r1local import`: a file known by a name, and the user's own lines left alone."""

import json
import tomllib
from pathlib import Path

import pytest

from testing.homes import Homes, homes_in, r1local
from testing.models import write_small_model

OWN = """# My models.

[models.mine]  # the first
display_name = "Mine"
file = "/models/mine.gguf"

[models.mine.sizes]
Q8_0 = [1]

# What follows is hidden.
[models.nano]
hidden = true
"""


@pytest.fixture
def homes(home: Path, monkeypatch: pytest.MonkeyPatch) -> Homes:
    return homes_in(home, monkeypatch)


def listed(name: str) -> dict[str, object]:
    entries = json.loads(r1local("list", "--format", "json").stdout)
    (entry,) = [entry for entry in entries if entry["name"] == name]
    found: dict[str, object] = entry
    return found


def test_a_file_is_known_by_a_name_of_its_own(tmp_path: Path) -> None:
    path = write_small_model(tmp_path / "My Model_v2 Q8_0.gguf")
    result = r1local("import", path)
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == (
        'imported as my-model-v2-q8-0; run it with: r1local run -m my-model-v2-q8-0 "…"\n'
    )
    entry = listed("my-model-v2-q8-0")
    assert (entry["home"], entry["path"], entry["quantization"]) == ("imported", str(path), "Q8_0")
    assert entry["reference"] == "my-model-v2-q8-0"
    again = r1local("import", path)
    assert again.returncode == 1
    assert "is already imported as my-model-v2-q8-0" in again.stderr


@pytest.mark.slow
def test_a_name_of_the_users_choice(homes: Homes, tmp_path: Path) -> None:
    path = write_small_model(tmp_path / "m.gguf", {"general.file_type": 15})
    assert r1local("import", path, "--name", "tiny-1.5").returncode == 0
    assert listed("tiny-1.5")["quantization"] == "Q4_K_M"
    own = tomllib.loads(homes.user_models.read_text())["models"]["tiny-1.5"]
    assert own["display_name"] == "Scripted"
    assert own["sizes"] == {"Q4_K_M": [path.stat().st_size]}


@pytest.mark.slow
def test_a_relative_path_is_made_absolute(
    homes: Homes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_small_model(tmp_path / "m.gguf")
    monkeypatch.chdir(tmp_path)
    assert r1local("import", "m.gguf").returncode == 0
    monkeypatch.chdir(homes.home)
    assert listed("m")["path"] == str(tmp_path / "m.gguf")


@pytest.mark.slow
def test_two_files_of_one_name(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        assert r1local("import", write_small_model(tmp_path / folder / "m.gguf")).returncode == 0
    assert listed("m-2")["path"] == str(tmp_path / "b/m.gguf")


def test_a_name_that_can_not_be(homes: Homes, tmp_path: Path) -> None:
    result = r1local("import", write_small_model(tmp_path / "m.gguf"), "--name=Mine")
    assert result.returncode == 1
    assert "'Mine' can't be a model's name" in result.stderr
    assert not homes.user_models.exists()


def test_a_file_that_is_no_model(homes: Homes, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"PK\x03\x04" + bytes(64))
    result = r1local("import", path)
    assert result.returncode == 1
    assert "a PyTorch checkpoint" in result.stderr
    assert not homes.user_models.exists()


@pytest.mark.slow
def test_the_users_own_lines_stay(homes: Homes, tmp_path: Path) -> None:
    homes.user_models.parent.mkdir(parents=True)
    homes.user_models.write_text(OWN.rstrip("\n"))
    homes.user_models.chmod(0o600)
    path = write_small_model(tmp_path / "m.gguf")
    assert r1local("import", path).returncode == 0
    assert homes.user_models.read_text().startswith(OWN)
    assert homes.user_models.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in homes.user_models.parent.iterdir()] == ["models.toml"]
    result = r1local("rm", "--yes", "m")
    assert result.stderr == f"forgot m; its file is still at {path}\n"
    assert homes.user_models.read_text().rstrip() == OWN.rstrip()
    assert path.exists()


def test_a_broken_models_file_is_not_made_worse(homes: Homes, tmp_path: Path) -> None:
    homes.user_models.parent.mkdir(parents=True)
    homes.user_models.write_text("[models.x\n")
    result = r1local("import", write_small_model(tmp_path / "m.gguf"))
    assert result.returncode == 1
    assert "is not valid TOML" in result.stderr
    assert homes.user_models.read_text() == "[models.x\n"


def test_a_folder_that_may_not_be_written(homes: Homes, tmp_path: Path) -> None:
    homes.user_models.parent.parent.mkdir(parents=True)
    homes.user_models.parent.write_text("in the way")
    result = r1local("import", write_small_model(tmp_path / "m.gguf"))
    assert result.returncode == 1
    assert "can't be" in result.stderr
