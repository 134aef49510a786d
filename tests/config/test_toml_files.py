"""Reading files of the user's own, whatever has taken their place."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from r1local.config.paths import config_file, user_models
from r1local.config.user_files import read_toml
from r1local.errors import InvalidSetting
from testing.command import COMMAND
from testing.waiting import PATIENCE_S

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="POSIX pipes and devices")


@posix_only
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
@pytest.mark.parametrize("place", [config_file, user_models])
def test_only_regular_files_are_read(kind: str, place: object) -> None:
    path: Path = place()  # type: ignore[operator]
    path.parent.mkdir(parents=True, exist_ok=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(InvalidSetting) as told:
        read_toml(path, InvalidSetting)
    assert told.value.message == f"{path} can't be read: it is not a regular file"
    done = subprocess.run(
        [*COMMAND, "list"], capture_output=True, encoding="utf-8", timeout=PATIENCE_S, check=False
    )
    assert told.value.message in done.stderr


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"a = \xff", "is not valid UTF-8 (byte 4)"),
        (b"#" * 4_194_305, "can't be read: it is larger than 4 MiB"),
        (b"a = 1\nb = 1 2", "is not valid TOML: line 2, column 7: "),
        (b"a = 1\nb", "is not valid TOML: at its end: "),
        (b"a = " + b"[" * 100_000, "is not valid TOML: it is nested too deep"),
        (b"a = " + b"9" * 5_000, "is not valid TOML: "),
    ],
)
def test_what_is_no_toml_is_told(data: bytes, why: str) -> None:
    path = config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    with pytest.raises(InvalidSetting) as told:
        read_toml(path, InvalidSetting)
    assert told.value.message.startswith(f"{path} {why}")
    for command in (["list"], ["config", "set", "vi", "on"]):
        done = subprocess.run(
            [*COMMAND, *command],
            capture_output=True,
            encoding="utf-8",
            timeout=PATIENCE_S,
            check=False,
        )
        assert f"error: {told.value.message}\n" in done.stderr, "one wording for every command"


def test_the_ends_of_lines_stay() -> None:
    path = config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"vi = true\r\n")
    assert read_toml(path, InvalidSetting) == ("vi = true\r\n", {"vi": True})
