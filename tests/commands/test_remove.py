"""`r1local rm`: what goes, what stays, and that the cache stays whole."""

import sys
from pathlib import Path

import pytest
from filelock import FileLock
from huggingface_hub import scan_cache_dir

from r1local.errors import StoreError
from r1local.hub.journal import JOURNAL
from r1local.models.catalog import load_catalog
from r1local.models.references import parse_reference
from r1local.models.store.search import find_installed, remove_files
from testing.command import COMMAND
from testing.homes import MAIN, OLDER, REPO_7B, Homes, homes_in, r1local
from testing.models import write_scripted_model

pytestmark = pytest.mark.slow

UNSLOTH = REPO_7B.replace("bartowski", "unsloth")
FOLDER = f"models--{REPO_7B.replace('/', '--')}"


@pytest.fixture
def homes(home: Path, monkeypatch: pytest.MonkeyPatch) -> Homes:
    return homes_in(home, monkeypatch)


def cached(homes: Homes) -> set[str]:
    """The files that huggingface_hub finds in the cache, which must be sound."""
    report = scan_cache_dir(homes.cache)
    assert not report.warnings
    return {
        file.file_name
        for repo in report.repos
        for revision in repo.revisions
        for file in revision.files
    }


def test_the_last_model_of_a_repository(homes: Homes) -> None:
    blob = homes.in_cache("m-Q4_K_M.gguf")
    size = blob.stat().st_size
    result = r1local("rm", "--yes", "7b")
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == f"removed r1-distill-qwen-7b Q4_K_M; {size / 1000:.0f} kB freed\n"
    assert not (homes.cache / FOLDER).exists()
    assert cached(homes) == set()
    assert r1local("rm", "--yes", "7b").returncode == 1


def test_other_files_stay(homes: Homes) -> None:
    homes.in_cache("m-Q4_K_M.gguf")
    other = homes.in_cache("m-Q8_0.gguf")
    homes.in_cache("README.md", data=b"read me")
    assert r1local("rm", "--yes", "7b:q4_k_m").returncode == 0
    assert cached(homes) == {"m-Q8_0.gguf", "README.md"}
    assert other.exists()
    assert (homes.cache / FOLDER / "refs/main").exists()


def test_a_blob_stays_while_a_snapshot_needs_it(homes: Homes) -> None:
    data = homes.data()
    homes.in_cache("m-Q4_K_M.gguf", commit=OLDER, data=data)
    blob = homes.in_cache("m-Q4_K_M.gguf", data=data)
    result = r1local("rm", "--yes", "7b")
    assert f"of revision {MAIN}; another revision still uses the file" in result.stderr
    assert blob.exists()
    assert cached(homes) == {"m-Q4_K_M.gguf"}
    assert "freed" in r1local("rm", "--yes", "7b").stderr
    assert not blob.exists()


def test_all_parts_of_a_split_and_its_folder(homes: Homes) -> None:
    for number in (1, 2):
        homes.in_cache(f"Q8_0/m-Q8_0-0000{number}-of-00002.gguf")
    homes.in_cache("m-Q4_K_M.gguf")
    assert r1local("rm", "--yes", "7b:q8_0").returncode == 0
    assert cached(homes) == {"m-Q4_K_M.gguf"}
    assert not (homes.cache / FOLDER / "snapshots" / MAIN / "Q8_0").exists()
    assert len(list((homes.cache / FOLDER / "blobs").iterdir())) == 1


def test_unfinished_downloads_of_the_quantization_go_too(homes: Homes) -> None:
    homes.in_cache("m-Q4_K_M.gguf")
    part = homes.partial("m-Q4_K_M.gguf", blocks=2, done=1)
    kept = homes.partial("m-Q8_0.gguf", blocks=2, done=1)
    assert "4.2 MB freed" in r1local("rm", "--yes", "7b:q4_k_m").stderr
    assert not part.exists() and not part.with_suffix(JOURNAL).exists()
    assert kept.exists() and kept.with_suffix(JOURNAL).exists()
    assert r1local("rm", "--yes", "7b").returncode == 0
    assert not (homes.cache / FOLDER).exists()


def test_a_download_under_way_is_left_alone(homes: Homes) -> None:
    part = homes.partial("m-Q4_K_M.gguf", blocks=2, done=1)
    locks = homes.cache / ".locks" / FOLDER
    locks.mkdir(parents=True)
    with FileLock(locks / f"{part.stem}.lock"):
        result = r1local("rm", "--yes", "7b")
    assert result.returncode == 1
    assert "m-Q4_K_M.gguf is being downloaded" in result.stderr
    assert part.exists()


def test_several_quantizations_have_to_be_told_apart(homes: Homes) -> None:
    blobs = [homes.in_cache("m-Q4_K_M.gguf"), homes.in_cache("m-Q8_0.gguf")]
    result = r1local("rm", "--yes", "7b")
    assert result.returncode == 2
    assert "7b means 2 models here" in result.stderr
    for quantization in ("Q4_K_M", "Q8_0"):
        assert f"r1local rm r1-distill-qwen-7b:{quantization}" in result.stderr
    assert all(blob.exists() for blob in blobs)


def test_so_have_several_repositories(homes: Homes) -> None:
    homes.in_cache("m-Q4_K_M.gguf")
    homes.in_cache("m-Q4_K_M.gguf", UNSLOTH)
    assert f"r1local rm hf:{UNSLOTH}:Q4_K_M" in r1local("rm", "--yes", "7b").stderr
    assert r1local("rm", "--yes", f"hf:{UNSLOTH}").returncode == 0
    assert (homes.cache / FOLDER).exists()


def test_nobody_to_ask(homes: Homes) -> None:
    blob = homes.in_cache("m-Q4_K_M.gguf")
    result = r1local("rm", "7b")
    assert result.returncode == 2
    assert "hint: confirm it on the command line: r1local rm --yes 7b" in result.stderr
    assert blob.exists()


@pytest.mark.parametrize(("answer", "code"), [("n", 1), ("", 1), ("y", 0)])
def test_it_asks_on_a_terminal(homes: Homes, answer: str, code: int) -> None:
    if sys.platform == "win32":
        pytest.skip("pseudo-terminals are POSIX's")
    from testing.pseudo_terminal import PseudoTerminal

    blob = homes.in_cache("m-Q4_K_M.gguf")
    with PseudoTerminal([*COMMAND, "rm", "7b"], columns=100) as terminal:
        terminal.wait_for(lambda: "[y/N]" in terminal.text())
        assert f"remove r1-distill-qwen-7b Q4_K_M, 2 kB of {REPO_7B}" in terminal.text()
        terminal.type(answer + "\r")
        assert terminal.finish() == code
    assert blob.exists() == (code == 1)


def test_other_programs_models_are_never_touched(homes: Homes) -> None:
    ollama = homes.in_ollama("registry.ollama.ai/library/deepseek-r1/7b", homes.data())
    file = homes.in_lm_studio("o/m/m-Q8_0.gguf")
    result = r1local("rm", "--yes", "7b")
    assert result.returncode == 1
    assert "error: deepseek-r1:7b belongs to Ollama" in result.stderr
    assert "hint: remove it there: ollama rm deepseek-r1:7b" in result.stderr
    assert "LM Studio" in r1local("rm", "--yes", "hf:o/m").stderr
    assert ollama.exists() and file.exists()
    homes.in_cache("m-Q4_K_M.gguf")
    assert r1local("rm", "--yes", "7b").returncode == 0
    assert ollama.exists()


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("nano", "nano is part of r1local"),
        ("7b", "7b is not on this machine"),
        ("7bb", "did you mean 7b"),
    ],
)
def test_what_can_not_be_removed(reference: str, words: str) -> None:
    result = r1local("rm", "--yes", reference)
    assert result.returncode == 1
    assert words in result.stderr


def test_a_file_of_the_users_own(homes: Homes, tmp_path: Path) -> None:
    path = tmp_path / "own.gguf"
    path.write_bytes(homes.data())
    entry = find_installed(parse_reference(str(path), load_catalog()), load_catalog())
    assert entry is not None
    with pytest.raises(StoreError, match=r"own\.gguf is your own file"):
        remove_files(entry)
    assert "own.gguf is your own file" in r1local("rm", "--yes", path).stderr
    assert path.exists()


def test_a_cache_without_links(homes: Homes) -> None:
    """As huggingface_hub makes it where links can't be had: the snapshot has the file itself."""
    blob = homes.in_cache("m-Q4_K_M.gguf")
    link = homes.cache / FOLDER / "snapshots" / MAIN / "m-Q4_K_M.gguf"
    blob.replace(link)
    assert r1local("verify", "7b").stdout.startswith("no checksum\t")
    assert "2 kB freed" in r1local("rm", "--yes", "7b").stderr
    assert not (homes.cache / FOLDER).exists()


def test_what_is_left_of_a_repository_is_sound(homes: Homes) -> None:
    homes.in_cache("m-Q4_K_M.gguf")
    incomplete = homes.cache / FOLDER / "blobs" / f"{'0' * 64}.incomplete"
    incomplete.write_bytes(b"another program's download")
    assert r1local("rm", "--yes", "7b").returncode == 0
    assert incomplete.exists()
    assert cached(homes) == set()


def test_a_link_out_of_the_cache_is_only_unlinked(homes: Homes, tmp_path: Path) -> None:
    outside = tmp_path / "blobs/outside.gguf"
    outside.parent.mkdir()
    outside.write_bytes(homes.data())
    homes.in_cache("m-Q8_0.gguf")
    link = homes.cache / FOLDER / "snapshots" / MAIN / "m-Q4_K_M.gguf"
    link.symlink_to(outside)
    assert r1local("rm", "--yes", "7b:q4_k_m").returncode == 0
    assert outside.exists() and not link.is_symlink()


def test_a_cache_that_may_not_be_written(homes: Homes) -> None:
    blob = homes.in_cache("m-Q4_K_M.gguf")
    snapshot = homes.cache / FOLDER / "snapshots" / MAIN
    snapshot.chmod(0o500)
    try:
        (snapshot / "probe").touch()
    except PermissionError:
        result = r1local("rm", "--yes", "7b")
        assert result.returncode == 1
        assert "can't be removed: Permission denied" in result.stderr
        assert blob.exists()
    else:
        pytest.skip("this user may write everywhere")
    finally:
        snapshot.chmod(0o700)


def test_an_imported_model_whose_file_has_gone_is_told_and_forgotten(homes: Homes) -> None:
    path = homes.home / "mine.gguf"
    write_scripted_model(path, "x")
    assert r1local("import", path, "--name", "mine").returncode == 0
    path.unlink()
    run = r1local("run", "hi", "-m", "mine")
    assert run.returncode == 1
    assert f"the file of mine has gone: {path}" in run.stderr
    assert "r1local rm mine" in run.stderr
    removed = r1local("rm", "--yes", "mine")
    assert (removed.returncode, removed.stderr) == (
        0,
        f"forgot mine; its file is no longer at {path}\n",
    )
