"""What is fastest is measured once, kept, and found again only where it holds."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.config.paths import cache_folder
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.gguf.file import read_gguf
from r1local.machine import calibration, hardware
from r1local.machine.calibration import (
    PLAIN,
    Calibration,
    calibrate,
    find,
    keep,
    last_flash_depth,
    thread_counts,
)
from tools.nano.evaluate import SHIPPED

SETTINGS = LoadSettings(4096, 0, 1, "f16", flash_attention=False, micro_batch=48)
DECIDED = Calibration(416, True, 64, 128, 2, None)


def never() -> bool:
    return False


@pytest.fixture
def nano(tmp_path: Path) -> Path:
    return shutil.copyfile(SHIPPED, tmp_path / "nano.gguf")


def test_what_was_decided_is_found_again(nano: Path) -> None:
    gguf = read_gguf(nano)
    assert find(gguf, 1) is None
    keep(gguf, 1, DECIDED)
    keep(gguf, 7, PLAIN)
    assert find(gguf, 1) == DECIDED
    assert find(gguf, 8) == PLAIN  # as many as the next power of two
    assert find(gguf, 2) is None


def change_file(nano: Path, _monkeypatch: pytest.MonkeyPatch) -> None:
    os.utime(nano, ns=(1, 1))


def change_processor(_nano: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(calibration, "processor_name", lambda: "another one")


@pytest.mark.parametrize("change", [change_file, change_processor])
def test_it_holds_for_one_file_and_processor(
    nano: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[..., None]
) -> None:
    keep(read_gguf(nano), 1, DECIDED)
    change(nano, monkeypatch)
    assert find(read_gguf(nano), 1) is None


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "{",
        "[]",
        '{"version": 0, "sequences": {}}',
        '{"version": 1, "sequences": 5}',
        '{"version": 1, "sequences": {"1": {}}}',
        json.dumps({"version": 1, "sequences": {"1": asdict(DECIDED) | {"flash_until": -1}}}),
        json.dumps({"version": 1, "sequences": {"1": asdict(DECIDED) | {"threads": "2"}}}),
        "[" * 99_999,
    ],
)
def test_a_damaged_file_is_as_none_and_is_replaced(nano: Path, damage: str) -> None:
    gguf = read_gguf(nano)
    keep(gguf, 1, DECIDED)
    (file,) = (cache_folder() / "calibration").iterdir()
    file.write_text(damage)
    assert find(gguf, 1) is None
    keep(gguf, 1, DECIDED)
    assert find(gguf, 1) == DECIDED


def test_nothing_is_kept_where_nothing_can_be_written(nano: Path) -> None:
    cache_folder().parent.mkdir(parents=True, exist_ok=True)
    cache_folder().write_text("a file in the way")
    keep(read_gguf(nano), 1, DECIDED)
    assert find(read_gguf(nano), 1) is None


@pytest.mark.parametrize(
    ("plain", "flash", "least", "most"),
    [
        # Milliseconds at 32 and 2,176 tokens, as measured (docs/benchmarks.md).
        ((6.5, 13.8), (5.75, 15.1), 300, 900),
        ((0.288, 1.6), (0.172, 2.95), 64, 160),
        ((17.5, 25.5), (11.1, 58.0), 256, 800),
        ((323.0, 335.0), (345.0, 640.0), 0, 0),
        ((26.6, 31.2), (26.6, 31.3), 0, 0),
        ((26.6, 31.2), (25.0, 31.2), 1_000, 4_352),
        ((10.0, 20.0), (8.0, 12.0), calibration._NEVER, calibration._NEVER),
    ],
    ids=[
        "SmolLM2",
        "nano",
        "SmolLM2 on a Xeon",
        "7B",
        "equal",
        "equal when deep",
        "flash is always better",
    ],
)
def test_where_flash_attention_is_left(
    plain: tuple[float, float], flash: tuple[float, float], least: int, most: int
) -> None:
    assert least <= last_flash_depth(plain, flash) <= most


@given(*[st.tuples(st.floats(0.1, 10), st.floats(10, 100))] * 2)
def test_flash_attention_is_kept_if_it_gains_everywhere_and_left_if_nowhere(
    plain: tuple[float, float], flash: tuple[float, float]
) -> None:
    until = last_flash_depth(plain, flash)
    assert 0 <= until <= calibration._NEVER
    slower = (plain[0] * 2, plain[1] * 2)
    assert last_flash_depth(slower, plain) == calibration._NEVER
    assert last_flash_depth(plain, slower) <= 256  # below, plain attention computes 256 tokens


@pytest.mark.parametrize("sequences", [1, 3])
def test_a_real_model_is_measured(sequences: int) -> None:
    settings = replace(SETTINGS, sequences=sequences)
    with Model(SHIPPED, settings, never) as model:
        model.evaluate([5, 6, 7], never)
        decided = calibrate(model, settings, never)
        assert model.position == 3
    assert decided
    assert decided.flash_batch == 64
    assert decided.threads is decided.prompt_threads is None


def test_tuning_measures_threads_and_steps_too() -> None:
    with Model(SHIPPED, SETTINGS, never) as model:
        decided = calibrate(model, SETTINGS, never, thorough=True)
    assert decided
    assert 1 <= (decided.threads or 0) <= hardware.performance_cores()
    assert decided.flash_batch in (32, 64, 128, 256, 512)
    assert decided.plain_batch in (32, 512)  # or as many as memory allows


def test_a_slight_difference_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    before = replace(DECIDED, flash_until=448)
    for found, kept in ((416, 448), (500, 448), (32, 32), (1024, 1024)):
        monkeypatch.setattr(calibration, "last_flash_depth", lambda *_: found)  # noqa: B023
        with Model(SHIPPED, SETTINGS, never) as model:
            decided = calibrate(model, SETTINGS, never, before=before)
        assert decided
        assert decided.flash_until == kept


def test_a_cancelled_calibration_decides_nothing() -> None:
    with Model(SHIPPED, SETTINGS, never) as model:
        assert calibrate(model, SETTINGS, lambda: True) is None


def test_powers_of_two_and_all_cores_are_tried() -> None:
    assert thread_counts(1) == [1]
    assert thread_counts(6) == [1, 2, 4, 6]
    assert thread_counts(8) == [1, 2, 4, 8]
