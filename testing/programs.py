"""Programs that stand in for those of other makers: shell scripts, alone on PATH."""

from pathlib import Path

import pytest


class FakePrograms:
    """A folder that is all of PATH, and the scripts in it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    def add(self, name: str, script: str) -> None:
        """Put a program there."""
        path = self._folder / name
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(0o755)

    def says(self, name: str, output: str, code: int = 0) -> None:
        """Put a program there that prints a text and exits."""
        (self._folder / f"{name}.txt").write_text(output, encoding="utf-8")
        self.add(name, f"/bin/cat '{self._folder}/{name}.txt'; exit {code}")


def fake_programs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    """Leave no programs to be found but those that are added."""
    programs = FakePrograms(folder)
    monkeypatch.setenv("PATH", str(folder))
    return programs
