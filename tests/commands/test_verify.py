"""`r1local verify`: damage is found, and nothing else is called damage."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from testing.command import COMMAND
from testing.homes import REPO_7B, Homes, homes_in, r1local
from testing.loopback_hub import loopback_hub
from testing.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.slow

FOLDER = f"models--{REPO_7B.replace('/', '--')}"


@pytest.fixture
def homes(home: Path, monkeypatch: pytest.MonkeyPatch) -> Homes:
    return homes_in(home, monkeypatch)


def damage(path: Path) -> None:
    with path.open("r+b") as stream:
        stream.seek(path.stat().st_size // 2)
        stream.write(b"\xff\x00\xff")


def states(*arguments: str) -> dict[str, str]:
    result = r1local("verify", *arguments, "--format", "json")
    return {Path(each["file"]).name: each["state"] for each in json.loads(result.stdout)}


def test_whole_files(homes: Homes) -> None:
    homes.in_cache("m-Q4_K_M.gguf")
    blob = homes.in_ollama("registry.ollama.ai/library/qwen3/4b", homes.data())
    homes.in_lm_studio("o/m/m-Q8_0.gguf")
    homes.partial("m-Q6_K.gguf", blocks=2, done=1)
    result = r1local("verify")
    assert (result.returncode, result.stderr) == (0, "")
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    assert {(state, Path(path).name) for state, _model, path in lines} == {
        ("ok", "m-Q4_K_M.gguf"),
        ("ok", blob.name),
        ("no checksum", "m-Q8_0.gguf"),
        ("no checksum", "nano.gguf"),
    }


def test_a_damaged_file(homes: Homes) -> None:
    damage(homes.in_cache("m-Q4_K_M.gguf"))
    homes.in_cache("m-Q8_0.gguf")
    result = r1local("verify", "7b")
    assert result.returncode == 1
    assert result.stdout.startswith("ok\t") or "\nok\t" in result.stdout
    assert "damaged\tr1-distill-qwen-7b:Q4_K_M\t" in result.stdout
    assert result.stderr == (
        "r1-distill-qwen-7b:Q4_K_M is damaged: r1local rm --yes r1-distill-qwen-7b:Q4_K_M"
        " && r1local pull r1-distill-qwen-7b:Q4_K_M\n"
    )
    assert states("7b") == {"m-Q4_K_M.gguf": "damaged", "m-Q8_0.gguf": "ok"}
    assert r1local("verify", "7b:q8_0").returncode == 0


def test_what_pull_brought_and_how_it_is_mended(
    homes: Homes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with loopback_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.add("org/repo", "m-Q4_K_M.gguf", homes.data())
        assert r1local("pull", "hf:org/repo:q4_k_m").returncode == 0
        assert r1local("verify").returncode == 0
        damage(next(homes.cache.glob("models--org--repo/blobs/*")))
        advice = r1local("verify").stderr.strip().partition("is damaged: ")[2]
        removal, _and, pull = advice.partition(" && ")
        for command in (removal, pull):
            assert r1local(*command.split()[1:]).returncode == 0
        result = r1local("verify", "hf:org/repo")
    assert result.returncode == 0
    assert result.stdout.startswith("ok\thf:org/repo:Q4_K_M\t")


def test_one_part_of_a_split_model(homes: Homes) -> None:
    homes.in_cache("m-Q8_0-00001-of-00002.gguf")
    damage(homes.in_cache("m-Q8_0-00002-of-00002.gguf"))
    assert states() | {"nano.gguf": ""} == {
        "m-Q8_0-00001-of-00002.gguf": "ok",
        "m-Q8_0-00002-of-00002.gguf": "damaged",
        "nano.gguf": "",
    }


def test_a_damaged_model_of_ollamas(homes: Homes) -> None:
    damage(homes.in_ollama("registry.ollama.ai/library/qwen3/4b", homes.data()))
    result = r1local("verify", "ollama:qwen3:4b")
    assert result.returncode == 1
    assert "ollama rm qwen3:4b && ollama pull qwen3:4b" in result.stderr


def test_a_file_without_a_checksum(homes: Homes, tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(homes.data())
    result = r1local("verify", str(path))
    assert (result.returncode, result.stdout) == (0, f"no checksum\t{path}\t{path}\n")
    linked = homes.in_cache("m-Q4_K_M.gguf")
    other = tmp_path / "link.gguf"
    other.symlink_to(linked)
    assert r1local("verify", str(other)).stdout.startswith("ok\t")


def test_a_file_that_has_gone(homes: Homes) -> None:
    homes.user_models.parent.mkdir(parents=True)
    homes.user_models.write_text('[models.mine]\nfile = "/nowhere/m.gguf"\n')
    result = r1local("verify", "mine")
    assert result.returncode == 1
    assert result.stderr == "mine is unreadable: r1local rm mine\n"


def test_what_is_not_here() -> None:
    result = r1local("verify", "7b")
    assert result.returncode == 1
    assert "7b is not on this machine" in result.stderr


def put_large_file(homes: Homes, size: int) -> Path:
    """A file of zeros that takes no room, under a name that can't be its checksum."""
    homes.in_cache("m-Q4_K_M.gguf")
    (blob,) = (homes.cache / FOLDER / "blobs").iterdir()
    with blob.open("r+b") as stream:
        stream.truncate(size)
    return blob


def _has_open(pid: int, path: Path) -> bool:
    return path.resolve() in [Path(each.path) for each in psutil.Process(pid).open_files()]


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent otherwise there")
def test_ctrl_c_stops_at_once(homes: Homes) -> None:
    blob = put_large_file(homes, 200 * 10**9)
    process = subprocess.Popen(
        [*COMMAND, "verify", "7b"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        eventually(lambda: _has_open(process.pid, blob))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE_S)
    assert (process.returncode, out, err) == (130, b"", b"")


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
@pytest.mark.parametrize("columns", [40, 80, 200])
def test_on_a_screen(homes: Homes, columns: int) -> None:
    from testing.pseudo_terminal import PseudoTerminal

    put_large_file(homes, 10**9)
    with PseudoTerminal([*COMMAND, "verify", "7b"], columns=columns) as terminal:
        assert terminal.finish() == 1
    assert " %  verifying r1-dist" in terminal.plain
    assert "verifying" not in terminal.text()
    first = terminal.text().splitlines()[0]
    assert first.startswith("damaged      r1-distill-qwen-7b:Q4_K_M")
    assert first.endswith("m-Q4_K_M.gguf") == (columns > 40)
