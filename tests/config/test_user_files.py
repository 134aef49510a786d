"""The user's own files: changed by one process at a time, and at once or not at all."""

import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from r1local.config import user_files
from r1local.config.user_files import changing, replace_text
from r1local.errors import StoreError

HOLDING = """
import sys
from pathlib import Path
from r1local.config.user_files import changing
with changing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "config.toml"
    replace_text(path, "a = 1\n")
    replace_text(path, "b = '中'\r\n")
    assert path.read_bytes() == "b = '中'\r\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_links_and_permissions_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "dotfiles" / "own.toml", tmp_path / "config.toml"
    target.parent.mkdir()
    target.write_text("old")
    target.chmod(0o604)
    link.symlink_to(target)
    replace_text(link, "new")
    assert link.is_symlink() and target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o604


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("old")
    with pytest.raises(UnicodeEncodeError):
        replace_text(path, "new \udc80")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_two_threads_never_change_it_at_once(tmp_path: Path) -> None:
    path = tmp_path / "count"
    path.write_text("0")

    def add() -> None:
        for _ in range(10):
            with changing(path):
                replace_text(path, str(int(path.read_text()) + 1))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() == "40"


def test_another_process_is_waited_for_but_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_files, "_LOCK_S", 0.1)
    path = tmp_path / "config.toml"
    command = [sys.executable, "-c", HOLDING, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout and process.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match="another r1local is changing"), changing(path):
            pass
        process.kill()
    with changing(path):
        assert not path.exists(), "the lock lies elsewhere"


def test_no_place_for_the_lock_is_told(home: Path) -> None:
    (home / ".local").write_text("in the way")
    with pytest.raises(StoreError, match="can't be written"), changing(home / "config.toml"):
        pass


def test_the_lock_is_let_go_of_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), changing(tmp_path / "a"):
        raise ZeroDivisionError
    with changing(tmp_path / "a"):
        assert not any(tmp_path.iterdir())
