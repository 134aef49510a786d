"""What is said of models beforehand: to the token what loading decides."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1local.gguf.file import read_gguf
from r1local.machine.memory import Machine, facts_of
from r1local.machine.planner import PlanRequest, plan
from r1local.models.catalog import load_catalog
from r1local.models.planning import plan_of
from r1local.models.store.installed import Installed
from testing.models import r1_header

MIB = 2**20
GIB = 2**30


@pytest.fixture(scope="module")
def seven_billion(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The real 7B's header before a hole as large as its data."""
    path = tmp_path_factory.mktemp("model") / "DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf"
    shutil.copy(r1_header(), path)
    os.truncate(path, 4_683_073_504)
    return entry(path)


def entry(path: Path) -> Installed:
    size = path.stat().st_size
    return Installed("r1-distill-qwen-7b", "7b", "Hugging Face", path, (path,), size, 0, "Q4_K_M")


@pytest.mark.slow
@settings(max_examples=30)
@given(
    memory=st.integers(0, 16 * GIB // MIB),
    gpus=st.lists(st.integers(0, 8 * GIB // MIB), max_size=2),
    shared=st.booleans(),
    context=st.none() | st.integers(256, 131_072),
)
def test_a_list_says_what_loading_does(
    seven_billion: Installed, memory: int, gpus: list[int], shared: bool, context: int | None
) -> None:
    machine = Machine(memory * MIB, tuple(gpu * MIB for gpu in gpus), shared)
    said = plan_of(seven_billion, machine, PlanRequest(context))
    done = plan(facts_of(read_gguf(seven_billion.path)), machine, PlanRequest(context))
    assert said is not None
    assert replace(said, refusal=None) == replace(done, refusal=None)
    assert (said.refusal is None) == (done.refusal is None)


def test_a_file_that_is_not_as_usual_has_no_plan(tmp_path: Path) -> None:
    path = tmp_path / "broken.gguf"
    path.write_bytes(b"GGUF")
    assert plan_of(entry(path), Machine(GIB)) is None


def test_an_unfinished_download_is_planned_by_the_catalog(seven_billion: Installed) -> None:
    known = load_catalog().find("7b")
    begun = replace(seven_billion, known=known, done=1)
    made = plan_of(begun, Machine(64 * GIB))
    assert made is not None
    assert (made.kind, made.context_window) == ("CPU", 32_768)
    assert plan_of(replace(begun, known=None), Machine(64 * GIB)) is None
