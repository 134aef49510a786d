"""llama-bench doing the same work: a stand-in whose figures are known, and what can go wrong."""

import sys
import time
from pathlib import Path

import pytest

from r1local.engine.load_settings import LoadSettings
from r1local.errors import BenchmarkError, UsageError
from r1local.events.benchmark import Figure
from r1local.measuring import llama_bench
from testing.stand_ins import write_llama_bench
from testing.waiting import PATIENCE_S

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the stand-in is a POSIX script")

FIGURES = [
    Figure("reply", (5.0,)),
    *(Figure(kind, (1.0, 2.0), at) for kind in ("prompt", "generation") for at in (0, 1_024)),
]
SETTINGS = LoadSettings(4_096, gpu_layers=-1, threads=3, kv_cache="f16")


def never() -> bool:
    return False


def compare(program: Path, settings: LoadSettings = SETTINGS) -> list[Figure]:
    return llama_bench.compare(program, Path("m.gguf"), settings, FIGURES, (512, 32), never)


def test_the_faster_attention_counts(tmp_path: Path) -> None:
    program = write_llama_bench(tmp_path, prompt=(100, 150), generation=(30, 20))
    found = {(f.kind, f.at): f.median for f in compare(program)}
    assert found == {
        ("prompt", 0): 150,
        ("prompt", 1_024): 150,
        ("generation", 0): 30,
        ("generation", 1_024): 30,
    }


def test_it_is_given_the_same_work(tmp_path: Path) -> None:
    program = write_llama_bench(tmp_path)
    compare(program)
    given = (tmp_path / "arguments").read_text().split("\n")
    pairs = dict(zip(given[::2], given[1::2], strict=False))
    assert pairs["-m"] == "m.gguf"
    assert (pairs["-p"], pairs["-n"], pairs["-d"], pairs["-r"]) == ("512", "32", "0,1024", "2")
    assert (pairs["-t"], pairs["-ngl"], pairs["-ctk"], pairs["-fa"]) == ("3", "999", "f16", "0,1")
    compare(program, LoadSettings(4_096, gpu_layers=7, threads=3, kv_cache="q8_0"))
    given = (tmp_path / "arguments").read_text().split("\n")
    pairs = dict(zip(given[::2], given[1::2], strict=False))
    assert (pairs["-ngl"], pairs["-ctv"], pairs["-fa"]) == ("7", "q8_0", "1")


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("echo 'cannot load' >&2; exit 3", "exit code 3: cannot load"),
        ("exit 3", "exit code 3"),
        ("kill -SEGV $$", "crashes (SIGSEGV)"),
        ("echo '{\"n_prompt\": 1}'", "not that of a version that r1local knows"),
        ("echo '[]'", "not that of a version that r1local knows"),
    ],
)
def test_what_fails_is_told(tmp_path: Path, script: str, words: str) -> None:
    program = tmp_path / "llama-bench"
    program.write_text(f"#!/bin/sh\n{script}\n")
    with pytest.raises(BenchmarkError, match="Permission denied"):
        compare(program)
    program.chmod(0o755)
    with pytest.raises(BenchmarkError) as failed:
        compare(program)
    assert words in failed.value.message
    assert not failed.value.message.endswith(":")


def test_a_cancelled_program_is_ended_and_its_whole_lines_count(tmp_path: Path) -> None:
    written = tmp_path / "written"
    then = f"printf '{{\"n_prompt\"'; touch {written}; exec sleep {2 * PATIENCE_S}"
    program = write_llama_bench(tmp_path, then=then)
    started = time.monotonic()
    found = llama_bench.compare(
        program, Path("m.gguf"), SETTINGS, FIGURES, (512, 32), written.exists
    )
    assert time.monotonic() - started < PATIENCE_S
    assert len(found) == 4


def test_a_program_that_is_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UsageError, match="not on the PATH"):
        llama_bench.find_program()
