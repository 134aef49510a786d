"""What the command line says of arguments that it can't take."""

import os
import subprocess

import pytest

from testing.command import COMMAND
from testing.waiting import PATIENCE_S


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["--resume"], "hint: it is an option of the chat: r1local chat --resume"),
        (["show", "--format"], "hint: see r1local show --help"),
        (["--nonsense"], 'hint: ask with: r1local run "…", or see r1local --help'),
    ],
)
def test_the_hint_is_that_of_what_was_meant(arguments: list[str], hint: str) -> None:
    done = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 2
    assert hint in done.stderr.splitlines()


@pytest.mark.parametrize("arguments", [["--help"], ["presets", "--help"], ["list", "--help"]])
def test_help_fits_a_narrow_terminal(arguments: list[str]) -> None:
    done = subprocess.run(
        [*COMMAND, *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
        env=os.environ | {"COLUMNS": "40"},
    )
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if len(line) > 40] == []
