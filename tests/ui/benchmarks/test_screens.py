"""Tables and bars of a benchmark, on screens of any width."""

import pytest

from r1local.events.benchmark import Figure, Trial
from r1local.ui.benchmarks.plot import print_plot
from r1local.ui.benchmarks.table import print_figures
from r1local.ui.benchmarks.trials import print_trials
from testing.terminals import Terminal, console_on

OURS = [
    Figure("load_warm", (0.5, 0.25, 1.0)),
    Figure("memory", (2.0**30,), 4_096),
    Figure("generation", (90.0, 80.0, 100.0)),
    Figure("generation", (45.0, 45.0, 45.0), 4_096),
]
THEIRS = [Figure("generation", (60.0,)), Figure("generation", (90.0,), 4_096)]


@pytest.mark.parametrize(
    ("columns", "headings"),
    [
        (40, "MEASURED MEDIAN"),
        (80, "MEASURED MEDIAN SPREAD RUNS LLAMA-BENCH RATIO"),
        (60, "MEASURED MEDIAN LLAMA-BENCH RATIO"),
    ],
)
def test_the_table(columns: int, headings: str, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(columns)
    print_figures(console_on(terminal, monkeypatch), OURS, THEIRS)
    head, load, memory, empty, deep = terminal.rows[:5]
    assert head.split() == headings.split()
    assert "0.500 s" in load
    assert "1.0 GiB" in memory
    assert "90.0 tokens/s" in empty
    if columns >= 80:
        assert "80.0-100.0" in empty
        assert empty.endswith("1.50")
        assert deep.endswith("0.50")


@pytest.mark.parametrize("columns", [30, 80, 200])
def test_bars_are_as_long_as_speeds(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(columns)
    print_plot(console_on(terminal, monkeypatch), OURS, THEIRS)
    bars = [row for row in terminal.rows if "█" in row]
    assert [row.split()[-1] for row in bars] == ["90.0", "60.0", "45.0", "90.0"]
    lengths = [row.count("█") for row in bars]
    assert lengths[0] == lengths[3]
    assert lengths[2] == pytest.approx(lengths[0] / 2, abs=1)
    assert all(len(row) < columns for row in bars)
    assert not any("Prompt" in row for row in terminal.rows)


def test_what_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    trials = [
        Trial("threads", "2", 100.0, 10.0, 0.0, best=False),
        Trial("threads", "4", 150.0, 12.0, 0.234, best=True),
    ]
    terminal = Terminal(80)
    print_trials(console_on(terminal, monkeypatch), trials)
    rows = [row.split() for row in terminal.rows if "threads" in row]
    assert rows[0][-1] == "+0%"
    assert rows[1][-2:] == ["+23%", "best"]
