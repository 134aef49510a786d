"""Benchmarks of real models: what is measured, left out, and cancelled."""

import itertools
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from r1local.errors import TruncatedGGUF
from r1local.events.benchmark import BenchmarkEvent, Figure, LeftOut, Step
from r1local.measuring.benchmark import Benchmark, Work
from r1local.models.catalog import load_catalog
from r1local.models.loading import LoadOptions
from r1local.models.selection import select
from r1local.replies.control import Control
from testing.models import write_scripted_model

NANO = select("nano", load_catalog()).path
TINY = Work(
    runs=2,
    depths=(0, 256, 16_384),
    votes=(1, 3),
    prompt_tokens=32,
    generated_tokens=4,
    reply_tokens=8,
    seconds=60,
)


def measured(work: Work = TINY, control: Control | None = None) -> list[BenchmarkEvent]:
    benchmark = Benchmark(NANO, LoadOptions(threads=1), work, control or Control())
    return list(benchmark.events())


def test_everything_is_measured_in_several_runs() -> None:
    events = measured()
    figures = [event for event in events if isinstance(event, Figure)]
    found = {(figure.kind, figure.at) for figure in figures}
    depths = {(kind, depth) for kind in ("prompt", "generation") for depth in (0, 256)}
    assert depths | {("votes", 1), ("votes", 3), ("load_warm", 0), ("reply", 0)} <= found
    assert {kind for kind, _at in found} >= {"first_token", "memory"}
    variants = {figure.variant for figure in figures if figure.kind == "reply"}
    assert variants == {
        f"{text}, {drafts}"
        for text in ("prose", "copying")
        for drafts in ("without drafts", "with drafts")
    }
    votes = {figure.variant for figure in figures if figure.kind == "votes"}
    assert votes == {"without drafts", "with drafts"}
    assert all(0 < figure.least <= figure.median <= figure.most for figure in figures)
    assert all(len(figure.runs) == 2 for figure in figures if figure.kind != "memory")
    (memory,) = (figure for figure in figures if figure.kind == "memory")
    assert NANO.stat().st_size < memory.median < 2**30
    (left,) = (e for e in events if isinstance(e, LeftOut) and "depth" in e.what)
    assert (left.what, left.why) == ("depth 16,384", "the context has 4,096 tokens")


def test_what_takes_too_long_is_left_out() -> None:
    events = measured(replace(TINY, depths=(0,), votes=(3,), seconds=0.001))
    assert {e.kind for e in events if isinstance(e, Figure)} >= {"load_warm", "reply"}
    assert not [e for e in events if isinstance(e, Figure) and e.kind in ("prompt", "votes")]
    left = [event for event in events if isinstance(event, LeftOut)]
    assert [each.what for each in left][-2:] == ["depth 0", "3 replies at once"]
    assert "it would take too long: --minutes 1 allows it" in {each.why for each in left}


@pytest.mark.parametrize("steps", range(1, 7))
def test_what_is_cancelled_keeps_what_was_measured(steps: int) -> None:
    control = Control()
    benchmark = Benchmark(NANO, LoadOptions(threads=1), TINY, control)
    events: list[BenchmarkEvent] = []
    with closing(benchmark.events()) as running:
        for event in running:
            events.append(event)
            if sum(isinstance(each, Step) for each in events) == steps:
                control.cancel()
    assert sum(isinstance(event, Step) for event in events) == steps
    assert isinstance(events[-1], Step)


def cancelled_after(calls: int) -> Callable[[], bool]:
    count = itertools.count()
    return lambda: next(count) >= calls


@pytest.mark.parametrize("calls", [5, 20, 40, 80, 160])
def test_it_ends_wherever_it_is_cancelled(calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    control = Control()
    monkeypatch.setattr(control, "cancelled", cancelled_after(calls))
    assert all(figure.runs for figure in measured(control=control) if isinstance(figure, Figure))


def test_a_file_that_is_no_model(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(NANO.read_bytes()[:-4096])
    with pytest.raises(TruncatedGGUF):
        Benchmark(path, LoadOptions(), TINY, Control())


def test_replies_with_a_draft_model_are_measured(tmp_path: Path) -> None:
    large = write_scripted_model(tmp_path / "large.gguf", "Hello. " * 40, slow=True)
    small = write_scripted_model(tmp_path / "small.gguf", "Hello. " * 40)
    options = LoadOptions(threads=1, draft=str(small), draft_model=small)
    events = Benchmark(large, options, replace(TINY, depths=(0,), votes=()), Control()).events()
    replies = [e for e in events if isinstance(e, Figure) and e.kind == "reply"]
    assert "prose, with a draft model" in {each.variant for each in replies}
