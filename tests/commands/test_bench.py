"""`r1local bench`: figures for people and programs, and what is kept of them."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from testing.command import COMMAND, Completed, Scripted
from testing.homes import r1local
from testing.stand_ins import write_llama_bench
from testing.waiting import PATIENCE_S

pytestmark = pytest.mark.slow

TINY = ("--quick", "--runs", "2")
KEYS = {"model", "path", "quantization", "complete", "figures", "llama_bench", "left_out"}


def bench(*arguments: str | Path) -> Completed:
    return r1local("bench", "nano", *TINY, *arguments)


def test_a_table_a_plot_and_an_image(tmp_path: Path) -> None:
    image = tmp_path / "speed.svg"
    result = bench("--svg", image, "--minutes", "10")
    assert result.returncode == 0, result.stderr
    head, *rows = result.stdout.splitlines()
    assert head.split("\t") == ["MEASURED", "MEDIAN", "SPREAD", "RUNS"]
    named = {row.split("\t")[0]: row.split("\t")[1:] for row in rows if "\t" in row}
    for words in (
        "load, from memory",
        "a whole reply, prose, without drafts",
        "prompt at depth 1,024",
        "votes: 4 at once, with drafts",
    ):
        assert named[words][2] == "2"
    assert "Generation, tokens/s by depth" in rows
    assert sum("█" in row for row in rows) == 4
    assert "depth 1,024 …" in result.stderr
    assert ET.parse(image).getroot().tag.endswith("svg")


def test_json_and_what_is_told_afterwards() -> None:
    before = json.loads(r1local("show", "nano", "--format", "json").stdout)
    assert not before["variants"][0]["measured"]
    assert "speed" not in before["facts"]
    result = bench("--json")
    data = json.loads(result.stdout)
    assert data.keys() == KEYS
    assert (data["model"], data["complete"], data["llama_bench"]) == ("nano", True, [])
    figures = {(each["kind"], each["at"]): each for each in data["figures"]}
    generation = figures["generation", 0]
    assert generation["unit"] == "tokens/s"
    assert generation["least"] <= generation["median"] <= generation["most"]
    assert len(generation["runs"]) == 2

    card = json.loads(r1local("show", "nano", "--format", "json").stdout)
    (variant,) = card["variants"]
    assert variant["measured"]
    assert variant["fastest"] == pytest.approx(generation["median"])
    assert "measured on" in card["facts"]["speed"]
    assert " measured" in r1local("show", "nano").stdout
    known = json.loads(r1local("list", "--available", "--format", "json").stdout)
    nano = next(model for model in known if model["name"] == "nano")
    assert nano["measured"]
    assert nano["tokens_per_s"][0] == pytest.approx(generation["median"])
    seven = next(model for model in known if model["name"] == "r1-distill-qwen-7b")
    assert not seven["measured"]
    assert "measured\t" in r1local("list", "--available").stdout


def test_figures_of_other_settings_are_not_kept() -> None:
    assert bench("--threads", "1", "--context", "512").returncode == 0
    card = json.loads(r1local("show", "nano", "--format", "json").stdout)
    assert not card["variants"][0]["measured"]


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a POSIX script")
def test_the_ratio_to_llama_bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_llama_bench(tmp_path, prompt=(1.0, 0.5), generation=(0.5, 2.0))
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    data = json.loads(bench("--compare", "--format", "json").stdout)
    theirs = {(each["kind"], each["at"]): each["median"] for each in data["llama_bench"]}
    assert theirs == {
        ("prompt", 0): 1.0,
        ("prompt", 1_024): 1.0,
        ("generation", 0): 2.0,
        ("generation", 1_024): 2.0,
    }
    ours = {(each["kind"], each["at"]): each["median"] for each in data["figures"]}
    result = bench("--compare")
    assert "\tLLAMA-BENCH\tRATIO" in result.stdout
    row = next(line for line in result.stdout.splitlines() if line.startswith("generation at d"))
    assert row.split("\t")[4] == "2.00 tokens/s"
    assert float(row.split("\t")[5]) > 1
    assert ours["generation", 0] > 2


@pytest.mark.skipif(not shutil.which("llama-bench"), reason="llama-bench is not on the PATH")
def test_the_real_llama_bench() -> None:
    data = json.loads(bench("--compare", "--json").stdout)
    theirs = {(each["kind"], each["at"]): each["median"] for each in data["llama_bench"]}
    assert set(theirs) == {(kind, at) for kind in ("prompt", "generation") for at in (0, 1_024)}
    assert all(speed > 1 for speed in theirs.values())


def test_no_llama_bench_and_one_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = bench("--compare")
    assert (result.returncode, result.stdout) == (2, "")
    assert "not on the PATH" in result.stderr
    if sys.platform == "win32":
        return
    program = tmp_path / "llama-bench"
    program.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
    program.chmod(0o755)
    result = bench("--compare")
    assert result.returncode == 0
    assert "llama-bench failed: ends with exit code 1: broken" in result.stderr
    assert "generation at depth 0" in result.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize("step", ["a reply, copying", "depth 0"])
def test_ctrl_c_keeps_what_was_measured(step: str) -> None:
    process = subprocess.Popen(
        [*COMMAND, "bench", "nano", "--runs", "100", "--minutes", "60", "--json"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    assert process.stderr
    for line in process.stderr:
        if line.startswith(step):
            break
    time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, _err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130
    data = json.loads(out)
    assert not data["complete"]
    kinds = {each["kind"] for each in data["figures"]}
    assert "load_warm" in kinds
    assert "votes" not in kinds


def test_what_cannot_be_measured_or_written(scripted: Scripted, tmp_path: Path) -> None:
    result = r1local("bench", tmp_path / "gone.gguf")
    assert (result.returncode, result.stdout) == (1, "")
    result = bench("--svg", tmp_path / "file" / "x.svg", "--runs", "0")
    assert result.returncode == 2
    result = bench("--svg", tmp_path / f"{'x' * 250}.svg")
    assert result.returncode == 1
    assert "choose another file for --svg" in result.stderr
    assert "generation at depth 0" in result.stdout  # what was measured isn't lost
    result = bench("--svg", tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    result = bench("--svg", tmp_path / "gone" / "x.svg")
    assert (result.returncode, result.stdout) == (2, "")
    assert not (tmp_path / "gone").exists()
    result = r1local("bench", scripted("A."), *TINY)  # the smallest context, and a short reply
    assert result.returncode == 0, result.stderr
    assert "generation at depth 0" in result.stdout
