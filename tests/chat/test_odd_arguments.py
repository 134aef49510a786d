"""Slash commands with arguments that nobody expects: each is answered, and none ends the chat."""

import subprocess
from pathlib import Path

import pytest

from r1local.chat.slash_commands import SLASH_COMMANDS
from testing.command import COMMAND, Scripted
from testing.waiting import PATIENCE_S

ARGUMENTS = (
    "~nosuchuser/x",
    "~/x",
    "a\0b",
    "x" * 5000,
    "é" * 300,
    "\x1b]0;evil\x07",
    "9" * 30,
    "-1",
    "٣",
    "²",
    "'open",
    "\\",
    "{",
    "[",
    "../../etc/passwd",
    "code 99999999999999",
    "http://[::1",
    "/dev/zero",
    "temperature 1e400",
    "seed nan",
)


@pytest.mark.slow
@pytest.mark.parametrize("command", sorted(SLASH_COMMANDS.keys() - {"quit"}))
def test_an_odd_argument_is_answered(command: str, scripted: Scripted, tmp_path: Path) -> None:
    typed = "".join(f"/{command} {argument}\n" for argument in ARGUMENTS)
    result = subprocess.run(
        [*COMMAND, "chat", "-m", str(scripted("so"))],
        input=f"How many?\n{typed}/stats\n",
        capture_output=True,
        cwd=tmp_path,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "a bug" not in result.stderr
    assert (result.returncode, "the same tokens at" in result.stderr) == (0, True)
