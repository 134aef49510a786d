"""Sockets are where this user alone can reach them."""

import os
import socket
from pathlib import Path

import pytest

from r1local.config.paths import engines_folder
from r1local.errors import WarmEngineError
from r1local.warm import places
from r1local.warm.places import check_peer, place_for, private_folder


def test_the_folder_is_made_for_its_owner_alone(engines: Path) -> None:
    before = os.umask(0)
    try:
        assert private_folder() == engines
    finally:
        os.umask(before)
    assert engines.stat().st_mode & 0o777 == 0o700


def test_the_session_s_own_folder_is_preferred(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    assert engines_folder() == tmp_path / "r1local"
    monkeypatch.setenv("XDG_RUNTIME_DIR", "relative")
    assert engines_folder().is_absolute()


@pytest.mark.parametrize("mode", [0o755, 0o710, 0o701, 0o777])
def test_a_folder_that_others_may_enter_is_refused(engines: Path, mode: int) -> None:
    engines.mkdir(parents=True)
    engines.chmod(mode)
    with pytest.raises(WarmEngineError, match="others may enter") as refused:
        place_for("key")
    assert refused.value.hint == f"type: chmod 700 {engines}"


def test_a_link_to_a_folder_is_refused(engines: Path, tmp_path: Path) -> None:
    engines.parent.mkdir(parents=True)
    engines.symlink_to(tmp_path)
    with pytest.raises(WarmEngineError, match="isn't a folder of this user's"):
        private_folder()


def test_a_file_in_its_place_is_refused(engines: Path) -> None:
    engines.parent.mkdir(parents=True)
    engines.touch()
    with pytest.raises(WarmEngineError, match="can't be made"):
        private_folder()


def test_another_user_s_folder_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    private_folder()
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    with pytest.raises(WarmEngineError, match="isn't a folder of this user's"):
        private_folder()


def test_a_path_too_long_for_a_socket_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("long" * 25)))
    with pytest.raises(WarmEngineError, match="too long"):
        place_for("key")


def test_systems_without_such_sockets_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "available", lambda: False)
    assert places.places() == []
    with pytest.raises(WarmEngineError, match="on this system"):
        private_folder()


def test_the_other_end_s_user_is_asked_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert check_peer(ours) == os.getpid()
        monkeypatch.setattr(os, "geteuid", lambda: 12_345)
        with pytest.raises(WarmEngineError, match="another user"):
            check_peer(ours)
