"""An engine in a process that stays is an engine like any other, and its end is survived."""

import signal
import threading
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from r1local.conversation import Conversation, Message
from r1local.engine.sampler import SamplerSettings
from r1local.errors import (
    InferenceError,
    LoadingCancelled,
    NotAGGUFFile,
    PromptTooLong,
    WarmEngineError,
)
from r1local.events.reply import AnswerDelta, Event, Finished, Notice, ThinkingDelta, Usage
from r1local.models.loading import LoadOptions
from r1local.replies.control import Control
from r1local.replies.engine import Begun, Engine, generate, prepared, reply_to
from r1local.replies.local import LocalEngine
from r1local.replies.settings import ReplySettings, ThinkingSettings
from r1local.voting.election import hold_vote
from r1local.voting.settings import VoteSettings
from r1local.warm.engine import WarmEngine
from testing.command import Scripted
from testing.models import R1_TEMPLATE
from testing.replies import never
from testing.waiting import PATIENCE_S, eventually
from testing.warm import NANO, kill, pids, statuses, wanted, warm

pytestmark = pytest.mark.slow
HI: Conversation = (Message("user", "17+25?"),)
SEEDED = ReplySettings(sampler=SamplerSettings(seed=7))
#: A scripted model writes its text without fail if it may only take the likeliest token.
EXACT = ReplySettings(sampler=SamplerSettings(temperature=0))
LONG = " ".join(f"The square of {n} is {n * n}." for n in range(250))
NO_TIME = Usage(0, 0, 0, 0, 0.0, 0.0, 0.0, 0.0)


def replied(
    engine: Engine,
    conversation: Conversation = HI,
    settings: ReplySettings = SEEDED,
    control: Control | None = None,
    begun: Begun | None = None,
) -> list[Event]:
    return list(generate(engine, conversation, settings, control or Control(), begun))


def timeless(events: list[Event]) -> list[Event]:
    """The events without their seconds, and what was drafted, which depends on them."""
    *others, last = events
    assert isinstance(last, Finished)
    usage = replace(last.usage, load_s=0.0, prompt_s=0.0, thinking_s=0.0, answer_s=0.0)
    usage = replace(usage, draft_tokens=0, accepted_tokens=0)
    return [*others, replace(last, usage=usage)]


def answer_of(events: list[Event]) -> str:
    return "".join(each.text for each in events if isinstance(each, AnswerDelta))


def thought_of(events: list[Event]) -> str:
    return "".join(each.text for each in events if isinstance(each, ThinkingDelta))


@pytest.fixture
def slow(scripted: Scripted) -> Path:
    """A model that thinks for seconds, and then answers."""
    return scripted(f"{LONG}</think>\n\nDone.", slow=True)


def test_events_are_those_of_an_engine_in_this_process() -> None:
    with closing(LocalEngine.open(NANO, LoadOptions(), never)) as local, warm() as engine:
        assert timeless(replied(engine)) == timeless(replied(local))
        assert engine.context_window == local.context_window
        assert engine.details == local.details
        assert (engine.position or 0) > 9


def test_a_conversation_s_earlier_turns_are_still_in_the_cache() -> None:
    with warm() as engine:
        first = replied(engine, settings=replace(SEEDED, thinking=ThinkingSettings(off=True)))
        longer = (*HI, Message("assistant", answer_of(first)), Message("user", "2+2?"))
    with warm() as engine:  # another program
        *_, last = replied(engine, longer)
    assert isinstance(last, Finished)
    assert last.usage.cached_tokens > len("17+25?")


def test_a_reply_is_steered(slow: Path) -> None:
    control, events = Control(), list[Event]()
    with warm(slow) as engine:
        for event in generate(engine, HI, ReplySettings(), control):
            if isinstance(event, ThinkingDelta) and not events:
                control.answer_now()
            events.append(event)
    assert 0 < len(thought_of(events)) < len(LONG) / 2


def test_a_thought_is_put_off_its_end(scripted: Scripted) -> None:
    control = Control()
    control.think_more()
    with warm(scripted("Short.</think>\n\nDone.")) as engine:
        assert "Wait" in thought_of(replied(engine, settings=ReplySettings(), control=control))


def test_a_reply_is_cancelled(slow: Path) -> None:
    control, events = Control(), list[Event]()
    with warm(slow) as engine:
        for event in generate(engine, HI, ReplySettings(), control):
            control.cancel()
            events.append(event)
        assert isinstance(events[-1], Finished)
        assert events[-1].reason == "cancelled"
        assert len(thought_of(events)) < len(LONG) / 2
        (status,) = statuses()
        assert status.state == "open"


def test_a_reply_that_nobody_hears_to_its_end_is_ended(slow: Path) -> None:
    with warm(slow) as engine:
        events = generate(engine, HI, ReplySettings(), Control())
        next(events)
        events.close()
        eventually(lambda: statuses()[0].state == "open")


def test_one_cancelled_beforehand_gives_its_end_alone() -> None:
    control = Control()
    control.cancel()
    with warm() as engine:
        (only,) = replied(engine, control=control)
    assert isinstance(only, Finished)
    assert only.reason == "cancelled"


def test_a_cut_reply_goes_on(scripted: Scripted) -> None:
    with warm(scripted("abc</think>\n\nThe answer.", chat_template=R1_TEMPLATE)) as engine:
        begun = Begun("ab", "", thinking_open=True)
        with closing(LocalEngine.open(engine._wanted.path, LoadOptions(), never)) as local:
            assert timeless(replied(engine, begun=begun)) == timeless(replied(local, begun=begun))


def test_two_programs_are_answered_at_the_same_time(slow: Path) -> None:
    """Each waits after its first event until the other has one, which only both together can."""
    both = threading.Barrier(2, timeout=PATIENCE_S)
    found: list[str] = []

    def program() -> None:
        with warm(slow) as engine:
            events = generate(engine, HI, EXACT, Control())
            first = next(events)
            both.wait()
            found.append(answer_of([first, *events])[-5:])

    threads = [threading.Thread(target=program) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["Done.", "Done."]
    assert len(pids()) == 1


def test_votes_are_held_on_it() -> None:
    settings = VoteSettings(5, SEEDED)
    with warm(at_once=5) as engine:
        *_, result = hold_vote(engine, HI, settings, Control())
        assert result.answer == "42"  # type: ignore[union-attr]
        assert engine.at_once == 5
        *_, cancelled = hold_vote(engine, HI, settings, _cancelled())
        assert cancelled.ended == "cancelled"  # type: ignore[union-attr]


def _cancelled() -> Control:
    control = Control()
    control.cancel()
    return control


def test_a_prompt_that_is_too_long_is_refused() -> None:
    with warm(context=256) as engine, pytest.raises(PromptTooLong):
        replied(engine, (Message("user", "1+1 " * 400),))


def test_a_larger_context_is_found_and_taken() -> None:
    with warm(context=256) as engine:
        larger = engine.larger(lambda tokens: tokens >= 700)
        assert larger == 1_024
        assert engine.larger(lambda tokens: tokens >= 10**6) is None
        before = pids()
        with closing(engine.reopened(never, context=larger)) as other:
            assert other.context_window == larger
            assert engine.closed
            assert before != pids()
            assert len(pids()) == 1


def test_more_replies_at_once_need_another_process() -> None:
    with warm() as engine, closing(engine.reopened(never, at_once=6)) as other:
        assert other.at_once == 6
        assert len(pids()) == 1


def test_notices_of_the_prompt_are_for_every_program(scripted: Scripted) -> None:
    path = scripted("abc</think>\n\ndef", tags={}, extra_tokens=["</think>"])
    settings = ReplySettings(thinking=ThinkingSettings(budget=3))
    for _program in range(2):
        with warm(path) as engine:
            first, second = (replied(engine, settings=settings) for _ in range(2))
            prompt = engine.prepare(HI, settings)
            assert [each for each in first if isinstance(each, Notice)] == [*prompt.notices]
            assert not any(isinstance(each, Notice) for each in second)


# --- The end of its process -------------------------------------------------------


def test_what_hadn_t_begun_is_asked_of_another_process() -> None:
    with warm() as engine:
        expected = answer_of(replied(engine))
        prompt = prepared(engine, HI, SEEDED)
        (before,) = pids()
        kill(before)
        assert answer_of(list(reply_to(engine, prompt, SEEDED, Control()))) == expected
        (second,) = pids()
        kill(second)
        assert answer_of(replied(engine)) == expected
        assert before != second


def test_what_had_begun_ends_with_an_error_and_can_be_asked_again(slow: Path) -> None:
    with warm(slow) as engine:
        events = generate(engine, HI, ReplySettings(), Control())
        assert isinstance(next(events), ThinkingDelta)
        kill(pids()[0])
        with pytest.raises(InferenceError, match="in the middle of the reply") as ended:
            list(events)
        assert "/continue" in ended.value.hint
        begun = Begun("so far", "", thinking_open=True)
        control = Control()
        rest = generate(engine, HI, ReplySettings(), control, begun)
        assert isinstance(next(rest), ThinkingDelta)
        rest.close()


def test_many_replies_end_with_it(slow: Path) -> None:
    with warm(slow) as engine:
        replies, prompt = engine.together(), prepared(engine, HI, SEEDED)
        replies.add(prompt, SEEDED, Control())
        while not [*replies.step()]:
            pass
        kill(pids()[0])
        with pytest.raises(InferenceError, match="in the middle"):
            while True:
                [*replies.step()]
        with pytest.raises(InferenceError, match="in the middle"):
            replies.add(prompt, SEEDED, Control())
        replies.close()
        assert answer_of(replied(engine, settings=EXACT)).endswith("Done.")


def test_a_process_that_is_stuck_is_given_up(monkeypatch: pytest.MonkeyPatch, slow: Path) -> None:
    monkeypatch.setattr("r1local.warm.engine._TIME_TO_STOP_S", 0.3)
    control = Control()
    with warm(slow) as engine:
        events = generate(engine, HI, ReplySettings(), control)
        written = [next(events)]
        (pid,) = pids()
        kill(pid, signal.SIGSTOP)
        control.cancel()
        *more, end = events  # some may have been sent before
        assert isinstance(end, Finished) and end.reason == "cancelled"
        last = [*written, *more][-1]
        assert isinstance(last, ThinkingDelta)
        assert (end.usage.thinking_tokens, end.thinking_open) == (last.tokens, True)
        assert end.usage.prompt_tokens
        kill(pid)


def test_one_that_is_stuck_before_the_reply_begins_is_not_looked_for_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("r1local.warm.engine._TIME_TO_STOP_S", 0.3)
    control = Control()
    with warm() as engine:
        prompt = prepared(engine, HI, SEEDED)
        (pid,) = pids()
        kill(pid, signal.SIGSTOP)
        threading.Timer(0.2, control.cancel).start()
        began = time.monotonic()
        (end,) = reply_to(engine, prompt, SEEDED, control)
        assert time.monotonic() - began < 4  # a new connection would wait for 5 s
        assert isinstance(end, Finished) and end.reason == "cancelled"
        kill(pid)
        assert answer_of(replied(engine, settings=SEEDED))


def test_a_prompt_that_a_stuck_process_is_to_make_is_cancelled() -> None:
    cancelled = Control()
    with warm() as engine:
        (pid,) = pids()
        kill(pid, signal.SIGSTOP)
        threading.Timer(0.2, cancelled.cancel).start()
        (end,) = replied(engine, control=cancelled)
        kill(pid)
    assert isinstance(end, Finished)
    assert end.reason == "cancelled"


def test_a_stuck_process_is_told_even_where_nobody_cancels(monkeypatch: pytest.MonkeyPatch) -> None:
    with warm() as engine:
        (pid,) = pids()
        kill(pid, signal.SIGSTOP)
        monkeypatch.setattr("r1local.warm.client._PATIENCE_S", 0.3)
        with pytest.raises(WarmEngineError, match="doesn't answer"):
            prepared(engine, HI, SEEDED)
        kill(pid)


def test_votes_of_a_stuck_process_end(monkeypatch: pytest.MonkeyPatch, slow: Path) -> None:
    with warm(slow) as engine, closing(engine.together()) as replies:
        replies.add(prepared(engine, HI, SEEDED), SEEDED, Control())
        while not [*replies.step()]:
            pass
        (pid,) = pids()
        kill(pid, signal.SIGSTOP)
        monkeypatch.setattr("r1local.warm.client._PATIENCE_S", 0.3)
        with pytest.raises(InferenceError, match="in the middle"):
            while True:
                [*replies.step()]
        kill(pid)


def test_a_file_that_is_no_model_is_the_same_error_as_here(tmp_path: Path) -> None:
    path = tmp_path / "no.gguf"
    path.write_bytes(b"no model")
    with pytest.raises(NotAGGUFFile), warm(path):
        pass
    eventually(lambda: not pids())


def test_loading_that_nobody_waits_for_ends(slow: Path) -> None:
    with pytest.raises(LoadingCancelled):
        WarmEngine.open(wanted(slow), lambda: True)
    eventually(lambda: not pids() or statuses()[0].clients == 0)
