"""The built wheel, and what the command says of itself."""

import json
import os
import re
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from r1local import __version__
from r1local.config import paths
from testing.command import COMMAND, ROOT


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel as a release would carry it."""
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*build, str(ROOT)], check=True, capture_output=True)
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_carries_the_catalog_the_model_and_the_types(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {"r1local/models.toml", "r1local/nano.gguf", "r1local/py.typed"} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "tools/", "docs/"))]


def test_wheel_carries_manual_pages_and_completion(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    data = f"r1local-{__version__}.data/data/share/man/man1"
    pages = (ROOT / "docs/man").glob("*.1")
    assert {f"{data}/{page.name}" for page in pages} <= names
    assert f"{data}/r1local.1" in names
    for script in ("bash.sh", "zsh.zsh", "fish.fish", "powershell.ps1"):
        assert f"r1local/commands/shells/{script}" in names


def test_embedded_model_is_small(wheel: Path) -> None:
    assert zipfile.ZipFile(wheel).getinfo("r1local/nano.gguf").file_size <= 6_000_000


@pytest.mark.slow
def test_installed_wheel_answers(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target"]
    subprocess.run([*install, str(site), str(wheel)], check=True, capture_output=True)
    environment = os.environ | {"PYTHONPATH": str(site)}
    where = subprocess.run(
        [sys.executable, "-c", "import r1local; print(r1local.__file__)"],
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert Path(where.stdout.strip()).is_relative_to(site)
    reply = subprocess.run(
        [*COMMAND, "run", "2 + 3", "--temperature", "0", "--format", "json"],
        env=environment,
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(reply.stdout)["final_answer"] == "5"


def test_version_names_what_it_runs_on() -> None:
    result = subprocess.run([*COMMAND, "--version"], capture_output=True, text=True, check=True)
    lines = result.stdout.splitlines()
    assert lines[0] == f"r1local {__version__}"
    assert lines[1] == f"llama-cpp-python {version('llama-cpp-python')}"
    assert lines[2].startswith("llama.cpp ")
    assert lines[3].startswith("backends ")
    assert "CPU" in lines[3]


def test_bugs_leave_a_report_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], home: Path
) -> None:
    from r1local.cli.error_handler import run_and_exit

    def broken() -> int:
        raise RuntimeError("secret text")

    monkeypatch.setenv("XDG_STATE_HOME", str(home))
    with pytest.raises(SystemExit) as caught:
        run_and_exit(broken)
    assert caught.value.code == 70
    errors = capsys.readouterr().err
    assert "Traceback" not in errors
    assert "secret" not in errors
    (report,) = home.rglob("bug-*.log")
    assert str(report) in errors
    assert "in broken" in report.read_text()
    assert report.stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(sys.platform != "linux", reason="the folders of Linux")
def test_readme_says_what_uninstalling_leaves(home: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    folders = (
        paths.hub_cache_folder(),
        paths.sessions_folder().parent,
        paths.config_folder(),
        paths.state_folder(),
        paths.cache_folder(),
    )
    for folder in folders:
        assert f"`~/{folder.relative_to(home)}`" in text


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md"])
def test_installing_leaves_out_what_is_never_loaded(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    commands = [line for line in text.splitlines() if line.startswith("python3 -m venv")]
    assert commands
    for command in commands:
        (included,) = re.findall(r"CMAKE_PROJECT_INCLUDE=\$PWD/(\S+) ", command)
        assert (ROOT / included).is_file()
