"""Figures that are kept: by what they depend on, and whatever is in their files."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.config.paths import cache_folder
from r1local.events.benchmark import Figure
from r1local.gguf.file import read_gguf
from r1local.gguf.format import GGUFFile
from r1local.measuring import records
from testing.models import write_small_model

FIGURES = (Figure("generation", (10.0, 12.0, 11.0)), Figure("prompt", (100.0,), 1_024))


@pytest.fixture
def gguf(tmp_path: Path) -> GGUFFile:
    return read_gguf(write_small_model(tmp_path / "m.gguf"))


def only_file() -> Path:
    (path,) = (cache_folder() / "measured").iterdir()
    return path


def test_figures_are_found_again(gguf: GGUFFile) -> None:
    assert records.find(gguf.parts) is None
    assert records.all_reached() == []
    records.keep(gguf, 0, FIGURES)
    record = records.find(gguf.parts)
    assert record
    assert record.figures == FIGURES
    (reached,) = records.all_reached()
    assert (reached.tokens_per_s, reached.on_gpu) == (11.0, False)
    assert reached.read > 0


def test_a_later_benchmark_replaces_only_what_it_measured(gguf: GGUFFile) -> None:
    records.keep(gguf, 0, FIGURES)
    records.keep(gguf, -1, [Figure("generation", (20.0,)), Figure("memory", (1e6,))])
    record = records.find(gguf.parts)
    assert record
    assert {(f.kind, f.at): f.median for f in record.figures} == {
        ("generation", 0): 20.0,
        ("prompt", 1_024): 100.0,
        ("memory", 0): 1e6,
    }
    assert record.reached
    assert record.reached.on_gpu


def test_a_model_partly_on_a_gpu_tells_nothing_of_others(gguf: GGUFFile) -> None:
    records.keep(gguf, 7, FIGURES)
    assert records.find(gguf.parts)
    assert records.all_reached() == []


def test_another_file_or_machine_has_none(gguf: GGUFFile, monkeypatch: pytest.MonkeyPatch) -> None:
    records.keep(gguf, 0, FIGURES)
    with monkeypatch.context() as other:
        records._machine.cache_clear()
        other.setattr(records, "processor_name", lambda: "another")
        assert records.find(gguf.parts) is None
        assert records.all_reached() == []
    records._machine.cache_clear()
    assert records.find(gguf.parts)
    gguf.path.write_bytes(gguf.path.read_bytes() + b"x")
    assert records.find(gguf.parts) is None
    gguf.path.unlink()
    assert records.find(gguf.parts) is None


DAMAGE = [b"", b"{", b"[]", b"null", b"[" * 100_000, b"\xff\xfe", b'{"machine": 1}', bytes(300_000)]


@pytest.mark.parametrize("data", DAMAGE, ids=lambda data: repr(data[:9]))
def test_a_damaged_file_counts_as_none(gguf: GGUFFile, data: bytes) -> None:
    records.keep(gguf, 0, FIGURES)
    only_file().write_bytes(data)
    assert records.find(gguf.parts) is None
    assert records.all_reached() == []
    records.keep(gguf, 0, FIGURES)
    assert records.find(gguf.parts)


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(), st.lists(st.floats())
)


def test_whatever_a_record_says_is_a_figure_or_nothing(gguf: GGUFFile) -> None:
    records.keep(gguf, 0, FIGURES)
    text = only_file().read_text()

    @given(st.data())
    def check(data: st.DataObject) -> None:
        whole = json.loads(text)
        place = data.draw(st.sampled_from([whole, whole["figures"][0], whole["reached"]]))
        place[data.draw(st.sampled_from(sorted(place)))] = data.draw(VALUES)
        only_file().write_text(json.dumps(whole))
        record = records.find(gguf.parts)
        assert record is None or all(figure.median > 0 for figure in record.figures)
        assert all(reached.bytes_per_s >= 0 for reached in records.all_reached())

    check()


def test_a_folder_that_cannot_be_written_keeps_nothing(gguf: GGUFFile) -> None:
    cache_folder().parent.mkdir(parents=True, exist_ok=True)
    cache_folder().write_text("not a folder")
    records.keep(gguf, 0, FIGURES)
    assert records.find(gguf.parts) is None
