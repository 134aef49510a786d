"""Manual pages, as `man` reads them."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from r1local.cli.overview import COMMANDS
from testing.command import ROOT
from tools.man_pages import man_pages

PAGES = man_pages()


def test_every_command_has_a_page() -> None:
    assert set(PAGES) == {"r1local.1", *(f"r1local-{name}.1" for name in COMMANDS)}


def test_nothing_of_a_text_is_taken_for_a_command_of_roff() -> None:
    known = {".TH", ".nh", ".SH", ".SS", ".TP", ".PP", ".BR"}
    lines = "".join(PAGES.values()).splitlines()
    assert {line.split()[0] for line in lines if line.startswith((".", "'"))} <= known


def read(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run `man`, or skip the test where it isn't installed."""
    if not shutil.which("man"):
        pytest.skip("there is no man here")
    return subprocess.run(
        ["man", *arguments],
        env=os.environ | {"LC_ALL": "C.UTF-8", "MANWIDTH": "80"} | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pytest.mark.parametrize("name", PAGES)
def test_man_finds_nothing_wrong(name: str) -> None:
    done = read("--warnings", "-l", str(ROOT / "docs/man" / name))
    assert done.stderr == ""
    assert "r1local" in done.stdout


def test_options_are_as_in_the_help() -> None:
    text = read("-P", "cat", "-l", str(ROOT / "docs/man/r1local-run.1")).stdout
    assert "-m, --model <str>" in text
    assert "the last \\boxed{…}" in " ".join(text.split())


def test_pages_are_found_beside_the_command(tmp_path: Path) -> None:
    pages = tmp_path / "share/man/man1"
    shutil.copytree(ROOT / "docs/man", pages)
    (tmp_path / "bin").mkdir()
    path = os.pathsep.join((str(tmp_path / "bin"), os.environ["PATH"]))
    for words in (["r1local"], ["r1local-run"], ["r1local", "run"]):
        done = read("-w", *words, PATH=path, MANPATH="")
        assert done.stdout.splitlines()[-1] == str(pages / f"{'-'.join(words)}.1"), done.stderr
