"""A draft model is loaded where there is room for it, and left out or refused where there isn't."""

from dataclasses import replace
from pathlib import Path

import pytest

from r1local.engine.draft_model import DraftsOfModel
from r1local.engine.drafts import Drafts
from r1local.engine.model import Model
from r1local.errors import DraftModelError, OutOfMemory
from r1local.gguf.file import GGUFFile, read_gguf
from r1local.machine.memory import Machine, facts_of, memory_bytes
from r1local.machine.planner import plan
from r1local.models import drafting
from r1local.models.drafting import drafts_of, planned, request_of
from r1local.models.load_options import LoadOptions
from testing.known_models import known
from testing.models import write_scripted_model
from testing.replies import loaded

MIB = 2**20
SEVEN = known("r1-distill-qwen-7b")
AUTO = LoadOptions(draft="auto")
NAMED = LoadOptions(draft="small.gguf")


@pytest.fixture
def small(tmp_path: Path) -> GGUFFile:
    return read_gguf(write_scripted_model(tmp_path / "small.gguf", "Hi"))


def test_with_room_it_is_planned_for(small: GGUFFile) -> None:
    machine = Machine(64 * 1024 * MIB)
    assert request_of(SEVEN, machine, NAMED, None).draft is None
    for options in (AUTO, NAMED):
        assert request_of(SEVEN, machine, options, small).draft is not None


def test_the_model_s_own_context_comes_first(small: GGUFFile) -> None:
    tight = Machine(memory_bytes(SEVEN, 8_192))
    alone = plan(SEVEN, tight, AUTO.request)
    assert request_of(SEVEN, tight, AUTO, small).draft is None
    asked = request_of(SEVEN, tight, NAMED, small)
    assert asked.draft is not None
    assert plan(SEVEN, tight, asked).context_window < alone.context_window


def test_one_that_was_asked_for_is_refused_without_room(small: GGUFFile) -> None:
    tight = Machine(memory_bytes(SEVEN, 512) + MIB)
    with pytest.raises(DraftModelError, match=r"no room for the draft model .*small\.gguf"):
        request_of(SEVEN, tight, NAMED, small)


def test_one_that_nobody_named_is_used_if_it_fits(tmp_path: Path) -> None:
    small = write_scripted_model(tmp_path / "small.gguf", "Hi")
    large = write_scripted_model(tmp_path / "large.gguf", "Hi", slow=True)
    with loaded(large, draft="auto", draft_model=small) as model:
        assert isinstance(model.drafts, DraftsOfModel)
        assert not model.drafts.asked_for
        assert "draft model" in model.details
        assert not model.notices


def test_several_replies_have_one_as_well(tmp_path: Path) -> None:
    small = write_scripted_model(tmp_path / "small.gguf", "Hi")
    large = write_scripted_model(tmp_path / "large.gguf", "Hi", slow=True)
    with loaded(large, draft=str(small), draft_model=small, sequences=2) as model:
        assert isinstance(model.drafts, DraftsOfModel)


def test_where_both_have_no_room_nothing_is_planned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = write_scripted_model(tmp_path / "small.gguf", "Hi")
    large = write_scripted_model(tmp_path / "large.gguf", "Hi", slow=True)
    options = LoadOptions(512, draft=str(small), draft_model=small, sequences=2)
    with_room = planned(large, options)
    assert with_room
    assert with_room.draft
    tight = Machine(memory_bytes(facts_of(read_gguf(large)), 512) + MIB)
    monkeypatch.setattr(drafting, "survey_machine", lambda: tight)
    alone = planned(large, replace(options, draft="none", draft_model=None))
    assert alone
    assert alone.kind != "no"
    assert planned(large, options) is None


def test_if_memory_runs_out_the_model_replies_without_it(tmp_path: Path, small: GGUFFile) -> None:
    def opened(*_arguments: object) -> Model:
        raise OutOfMemory("memory ran out while loading small.gguf", "")

    large = write_scripted_model(tmp_path / "large.gguf", "Hi", slow=True)
    with loaded(large) as model:
        gguf = read_gguf(large)
        request = request_of(SEVEN, Machine(64 * 1024 * MIB), NAMED, small)
        made = plan(SEVEN, Machine(64 * 1024 * MIB), request)
        drafts, notices = drafts_of(model.model, gguf, NAMED, made, small, opened)
    assert type(drafts) is Drafts
    assert [each.message for each in notices] == [
        "the draft model is left out: memory ran out while loading small.gguf"
    ]
