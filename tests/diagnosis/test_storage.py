"""Room for models, and who can read conversations."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from r1local.config.paths import sessions_folder, state_folder
from r1local.diagnosis.storage import cache_space, judged_space, session_permissions

GB = 10**9
posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")


@pytest.mark.parametrize(
    ("free", "writable", "state", "command"),
    [
        (50 * GB, True, "ok", ""),
        (4 * GB, True, "warning", "r1local list"),
        (GB // 100, True, "broken", "r1local list"),
        (50 * GB, False, "broken", "mkdir -p ~/huggingface && export HF_HOME=~/huggingface"),
    ],
)
def test_room(free: int, writable: bool, state: str, command: str) -> None:
    found = judged_space(Path("/cache"), free, writable)
    assert (found.state, found.command) == (state, command)
    assert "/cache" in found.text


def test_a_cache_that_does_not_exist_yet(home: Path) -> None:
    (found,) = cache_space()
    assert found.facts["folder"] == str(home / ".cache/huggingface/hub")
    assert isinstance(found.facts["free"], int)
    assert found.facts["free"] > 0


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system without any room")
def test_no_room_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", "/proc/none")
    (found,) = cache_space()
    assert found.state == "broken"


def write_session(mode: int, folder_mode: int) -> Path:
    folder = sessions_folder()
    folder.mkdir(parents=True)
    path = folder / "a.jsonl"
    path.touch()
    path.chmod(mode)
    folder.chmod(folder_mode)
    return path


def test_no_sessions_yet() -> None:
    (found,) = session_permissions()
    assert (found.state, found.text) == ("ok", f"none yet in {sessions_folder()}")


@posix
@pytest.mark.parametrize(
    ("mode", "folder_mode", "state"),
    [
        (0o600, 0o700, "ok"),
        (0o644, 0o700, "ok"),  # nobody else gets that far
        (0o600, 0o711, "ok"),
        (0o644, 0o711, "warning"),
        (0o600, 0o755, "warning"),  # the names can be read
        (0o640, 0o710, "warning"),
        (0o666, 0o711, "broken"),
        (0o600, 0o777, "broken"),
    ],
)
def test_permissions(mode: int, folder_mode: int, state: str) -> None:
    write_session(mode, folder_mode)
    (found,) = session_permissions()
    assert found.state == state


@posix
@pytest.mark.parametrize("modes", [(0o644, 0o755), (0o666, 0o777)])
def test_the_command_mends_it(modes: tuple[int, int]) -> None:
    write_session(*modes)
    (found,) = session_permissions()
    subprocess.run(shlex.split(found.command), check=True)
    (found,) = session_permissions()
    assert found.state == "ok"


@posix
def test_the_history_counts_too() -> None:
    history = state_folder() / "history"
    history.parent.mkdir(parents=True)
    history.touch()
    history.chmod(0o644)
    (found,) = session_permissions()
    assert (found.state, found.text) == ("warning", f"others can read {history}")


@posix
@pytest.mark.skipif(os.name == "posix" and os.geteuid() == 0, reason="root may do anything")
def test_sessions_that_can_not_be_written() -> None:
    write_session(0o600, 0o500)
    (found,) = session_permissions()
    assert found.state == "broken"
    assert found.command.startswith("chmod -R u+rwX ")
