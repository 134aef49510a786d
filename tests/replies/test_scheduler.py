"""Several replies from one model: each says what it says alone, and none holds up the others."""

import gc
import threading
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import chain
from math import ceil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.conversation import Conversation, Message
from r1local.engine.sampler import SamplerSettings
from r1local.errors import InferenceError, PromptTooLong, R1LocalError
from r1local.events.reply import (
    AnswerDelta,
    Event,
    Finished,
    Notice,
    Reading,
    Rewound,
    ThinkingDelta,
)
from r1local.models.loading import LoadedModel
from r1local.replies.control import Control
from r1local.replies.engine import Happening
from r1local.replies.generation import TokenisedPrompt, reply_to, tokenised_prompt
from r1local.replies.scheduler import Scheduler, shared_out
from r1local.replies.settings import ReplySettings
from testing.command import ROOT, Scripted
from testing.models import smollm2
from testing.replies import HI, finished, loaded, text_of
from testing.waiting import PATIENCE_S

NANO = ROOT / "r1local" / "nano.gguf"
GREEDY = ReplySettings(SamplerSettings(temperature=0), max_tokens=60)
#: Text without end that doesn't go in circles.
COUNTING = "".join(f"{number * number}, " for number in range(500))
QUESTIONS = ("What is 37 * 48?", "Is 97 a prime number?", "hi", "What is 15 % of 80?")


def asked(model: LoadedModel, *messages: str, settings: ReplySettings = GREEDY) -> TokenisedPrompt:
    """The prompt of a conversation whose messages are the user's and the assistant's in turn."""
    conversation: Conversation = tuple(
        Message("assistant" if number % 2 else "user", text) for number, text in enumerate(messages)
    )
    return tokenised_prompt(model, conversation, settings)


def of_length(model: LoadedModel, tokens: int, word: str = "word ") -> TokenisedPrompt:
    """A prompt with so many tokens."""
    whole = asked(model, word * tokens)
    return TokenisedPrompt([*whole.tokens[: tokens - 8], *whole.tokens[-8:]], whole.start)


class Log:
    """What happened to each request, in steps."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler
        self.steps: list[list[tuple[int, Happening]]] = []

    def step(self, times: int = 1) -> None:
        self.steps += (self.scheduler.step() for _ in range(times))

    def finish(self, steps: int = 10_000) -> "Log":
        while self.scheduler.busy:
            self.step()
            assert len(self.steps) < steps
        return self

    def happened(self, number: int) -> list[Happening]:
        return [what for each, what in chain(*self.steps) if each == number]

    def events(self, number: int) -> list[Event]:
        return [each for each in self.happened(number) if not isinstance(each, str | R1LocalError)]

    def first_step(self, number: int) -> int:
        """The step in which a request's first token was drawn."""
        return next(n for n, step in enumerate(self.steps) if (number, "started") in step)


def alone(
    model: LoadedModel, prompt: TokenisedPrompt, settings: ReplySettings = GREEDY
) -> list[Event]:
    return list(reply_to(model, prompt, settings, Control()))


def said(events: Sequence[Event]) -> tuple[object, ...]:
    """What of a reply doesn't depend on the clock, or on what was cached."""
    end = finished(list(events))
    usage = end.usage
    return (
        [each for each in events if isinstance(each, ThinkingDelta | AnswerDelta | Rewound)],
        [each for each in events if isinstance(each, Notice)],
        (end.reason, end.seed if end.usage.discarded_tokens else None, end.thinking_open),
        (usage.prompt_tokens, usage.thinking_tokens, usage.answer_tokens),
    )


@pytest.fixture(scope="module")
def nano() -> Iterator[LoadedModel]:
    with loaded(NANO, sequences=3, context=1_024) as model:
        yield model


@pytest.fixture
def counting(scripted: Scripted) -> Path:
    return scripted(f"{COUNTING[:300]}</think>{COUNTING[300:500]}")


# --- The same as alone ----------------------------------------------------------


def test_different_prompts_join_and_leave_and_each_says_what_it_says_alone(
    nano: LoadedModel,
) -> None:
    prompts = [asked(nano, question) for question in QUESTIONS]
    expected = [said(alone(nano, prompt)) for prompt in prompts]
    with Scheduler(nano) as scheduler:
        log, numbers = Log(scheduler), []
        for prompt in prompts:
            numbers.append(scheduler.add(prompt, GREEDY, Control()))
            log.step(7)
        log.finish()
    assert [said(log.events(number)) for number in numbers] == expected


@pytest.mark.slow
def test_with_a_real_model_as_well() -> None:
    # Texts whose continuation is clear: the sums of a larger batch are rounded in another way.
    texts = (
        "The capital of France is",
        "The old lighthouse stood on the rocks above the sea. " * 60,
        "def add(a, b):",
        "The capital of France is",
    )
    settings = ReplySettings(SamplerSettings(temperature=0), max_tokens=12)
    with loaded(smollm2(), threads=1, sequences=3, context=2_048) as model:
        tokenise = model.model.vocabulary.tokenise
        prompts = [TokenisedPrompt(tokenise([text]), "none") for text in texts]
        expected = [said(alone(model, prompt, settings)) for prompt in prompts]
        with Scheduler(model) as scheduler:
            log, numbers = Log(scheduler), []
            for prompt in prompts:
                numbers.append(scheduler.add(prompt, settings, Control()))
                log.step(4)
            log.finish()
    assert [said(log.events(number)) for number in numbers] == expected


def test_one_that_is_led_out_of_a_loop_disturbs_nobody(scripted: Scripted) -> None:
    settings = ReplySettings(SamplerSettings(seed=1))
    model_file = scripted("Fine. " + "round and " * 40 + "</think>It is \\boxed{42}.")
    with loaded(model_file, sequences=2) as model:
        prompt = asked(model, "hi")
        expected = said(alone(model, prompt, settings))
        with Scheduler(model) as scheduler:
            log = Log(scheduler)
            first = scheduler.add(prompt, settings, Control())
            log.step(50)
            second = scheduler.add(prompt, settings, Control())
            log.finish()
    assert any(isinstance(event, Notice) and event.kind == "loop" for event in log.events(second))
    assert said(log.events(first)) == said(log.events(second)) == expected


def test_every_stream_ends_with_its_only_finished(nano: LoadedModel) -> None:
    with Scheduler(nano) as scheduler:
        numbers = [scheduler.add(asked(nano, each), GREEDY, Control()) for each in QUESTIONS * 2]
        log = Log(scheduler).finish()
    for number in numbers:
        assert finished(log.events(number)).reason in ("stop", "length")
        assert log.happened(number)[0] == "started"


def test_a_prompts_notices_come_first(nano: LoadedModel) -> None:
    notice = Notice("template", "something that a person should know")
    prompt = asked(nano, "hi")
    with Scheduler(nano) as scheduler:
        marked = TokenisedPrompt(prompt.tokens, prompt.start, (notice,))
        number = scheduler.add(marked, GREEDY, Control())
        log = Log(scheduler).finish()
    assert log.happened(number)[:2] == ["started", notice]


def test_usage_is_that_of_each_reply(counting: Path) -> None:
    with loaded(counting, sequences=2) as model:
        prompt = asked(model, "hi")
        with Scheduler(model) as scheduler:
            numbers = [scheduler.add(prompt, ReplySettings(), Control()) for _ in range(3)]
            log = Log(scheduler).finish()
        usages = [finished(log.events(number)).usage for number in numbers]
    for usage in usages:
        assert (usage.thinking_tokens, usage.answer_tokens) == (301, 200)
        assert usage.load_s == model.load_s
        assert usage.thinking_s > 0 < usage.answer_s
        assert usage.prompt_s > 0
    shared = len(prompt.tokens) - 1
    assert [usage.cached_tokens for usage in usages] == [0, shared, shared]


# --- Prompts in parts -----------------------------------------------------------


@pytest.mark.slow
def test_a_long_prompt_is_read_between_the_tokens_of_others() -> None:
    with (
        loaded(smollm2(), threads=1, sequences=2, context=2_048) as model,
        Scheduler(model) as scheduler,
    ):
        log = Log(scheduler)
        prompt = asked(model, "Count to a hundred.")
        settings = ReplySettings(SamplerSettings(temperature=0), max_tokens=40)
        writing = scheduler.add(prompt, settings, Control())
        log.step(3)
        reading = scheduler.add(of_length(model, 120), settings, Control())
        log.finish()
    begun = log.first_step(reading)
    # Four tokens in each step; meanwhile the other one has got a token in each.
    assert begun == 3 + ceil((120 - cached(log, reading)) / 4) - 1
    deltas = [
        sum(number == writing and isinstance(each, AnswerDelta) for number, each in step)
        for step in log.steps[3:begun]
    ]
    assert sum(deltas) >= len(deltas) - 1


@pytest.mark.slow
def test_alone_a_prompt_is_read_in_the_largest_parts() -> None:
    with (
        loaded(smollm2(), threads=1, sequences=2, context=2_048) as model,
        Scheduler(model) as scheduler,
    ):
        log = Log(scheduler)
        number = scheduler.add(of_length(model, 1_000), GREEDY, Control())
        log.step(3)  # the first one only tells that it begins
        assert log.first_step(number) == 2
        told = [each for each in chain(*log.steps) if isinstance(each[1], Reading)]
        assert told == [(number, Reading(0, 1_000)), (number, Reading(512, 1_000))]


@pytest.mark.slow
def test_a_short_prompt_does_not_wait_for_a_long_one() -> None:
    with (
        loaded(smollm2(), threads=1, sequences=2, context=2_048) as model,
        Scheduler(model) as scheduler,
    ):
        log = Log(scheduler)
        long = scheduler.add(of_length(model, 1_800), GREEDY, Control())
        short = scheduler.add(asked(model, "hi"), GREEDY, Control())
        log.step(7)
        # A step tells that a long one begins; then both read what their prompts have in common.
        assert log.first_step(short) == 2
        scheduler.cancel(long)


@given(st.dictionaries(st.integers(1, 99), st.integers(2, 600), min_size=1), st.integers(1, 512))
def test_shares_of_a_step_waste_nothing_and_nobody_waits_for_ever(
    wanted: dict[int, int], tokens: int
) -> None:
    shares = shared_out(wanted, tokens)
    assert shares.keys() == wanted.keys()
    assert all(0 <= share <= wanted[number] for number, share in shares.items())
    assert sum(shares.values()) == min(tokens, sum(wanted.values()))
    first = min(wanted)
    assert shares[first] >= min(wanted[first], tokens / 2)


def test_equal_prompts_are_read_in_order() -> None:
    assert shared_out({3: 400, 1: 400, 2: 400}, 512) == {1: 400, 2: 112, 3: 0}
    assert shared_out({1: 8_000, 2: 50, 3: 20}, 128) == {1: 64, 2: 44, 3: 20}


# --- Beginnings in common -------------------------------------------------------


def cached(log: Log, number: int) -> int:
    return finished(log.events(number)).usage.cached_tokens


def test_a_beginning_is_read_once_while_another_one_reads_it(nano: LoadedModel) -> None:
    document = of_length(nano, 700)
    nano.model.rewind(0)
    with Scheduler(nano) as scheduler:
        log = Log(scheduler)
        room = scheduler._batch.room
        numbers = [scheduler.add(document, GREEDY, Control()) for _ in range(3)]
        log.step(4)
        assert log.first_step(numbers[0]) <= log.first_step(numbers[2]) == 3
        # All have read the prompt, and it is stored once.
        assert room - scheduler._batch.room < 710
        log.finish()
    assert [cached(log, number) for number in numbers] == [0, 699, 699]
    assert len({str(said(log.events(number))) for number in numbers}) == 1


def test_a_document_is_shared_with_one_that_has_been_read(nano: LoadedModel) -> None:
    first = of_length(nano, 300)
    second = TokenisedPrompt([*first.tokens[:200], *asked(nano, "hi").tokens], first.start)
    expected = said(alone(nano, second))
    nano.model.rewind(0)
    with Scheduler(nano) as scheduler:
        log = Log(scheduler)
        scheduler.add(first, GREEDY, Control())
        log.step(3)
        number = scheduler.add(second, GREEDY, Control())
        log.finish()
    assert cached(log, number) == 200
    assert said(log.events(number)) == expected


def test_the_leader_goes_and_its_follower_reads_on(nano: LoadedModel) -> None:
    document = of_length(nano, 900)
    expected = said(alone(nano, document))
    nano.model.rewind(0)
    with Scheduler(nano) as scheduler:
        log = Log(scheduler)
        leader, follower = (scheduler.add(document, GREEDY, Control()) for _ in range(2))
        log.step(2)
        scheduler.cancel(leader)
        log.finish()
    assert 0 < cached(log, follower) < 899
    assert finished(log.events(leader)).reason == "cancelled"
    assert said(log.events(follower)) == expected


def test_the_next_turn_begins_where_the_last_one_ended(nano: LoadedModel) -> None:
    with Scheduler(nano) as scheduler:
        log = Log(scheduler)
        first = scheduler.add(prompt := asked(nano, "What is 37 * 48?"), GREEDY, Control())
        log.finish()
        other = scheduler.add(asked(nano, "Is 97 a prime number?"), GREEDY, Control())
        log.finish()
        answer = text_of(log.events(first), AnswerDelta)
        turn = asked(nano, "What is 37 * 48?", answer, "And 2 + 2?")
        second = scheduler.add(turn, GREEDY, Control())
        log.finish()
    common = [a == b for a, b in zip(prompt.tokens, turn.tokens, strict=False)].index(False)
    assert cached(log, second) == common > 5
    assert cached(log, other) < common


def test_what_the_chat_holds_is_shared_and_given_back(nano: LoadedModel) -> None:
    prompt = asked(nano, "What is 37 * 48?")
    alone(nano, prompt)
    before = nano.model.position
    with Scheduler(nano) as scheduler:
        number = scheduler.add(prompt, GREEDY, Control())
        log = Log(scheduler).finish()
    assert cached(log, number) == len(prompt.tokens) - 1
    assert nano.model.position == before
    again = list(reply_to(nano, prompt, GREEDY, Control()))
    assert finished(again).usage.cached_tokens == len(prompt.tokens) - 1


# --- Room in the KV cache -------------------------------------------------------


def test_when_room_is_short_replies_are_paused_and_go_on(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("r1local.machine.planner._TOKENS_A_REPLY", 256)
    model_file = scripted(f"{COUNTING[:800]}</think>\\boxed{{42}}")
    with loaded(model_file, sequences=4, context=1_280) as model:
        prompt = asked(model, "hi")
        expected = said(alone(model, prompt, ReplySettings()))
        model.model.rewind(0)
        with Scheduler(model) as scheduler:
            numbers = [scheduler.add(prompt, ReplySettings(), Control()) for _ in range(7)]
            log = Log(scheduler).finish()
    paused = [number for number, what in chain(*log.steps) if what == "paused"]
    assert paused
    assert len(paused) == len(set(paused))
    assert [said(log.events(number)) for number in numbers] == [expected] * 7
    assert [cached(log, number) for number in numbers] == [0, *[len(prompt.tokens) - 1] * 6]


def test_what_is_kept_makes_room_for_what_is_needed(nano: LoadedModel) -> None:
    """Prompts that fill the KV cache several times over are all replied to."""
    with Scheduler(nano) as scheduler:
        numbers = []
        log = Log(scheduler)
        for number in range(8):
            prompt = of_length(nano, 900, word=f"{number} ")
            numbers.append(scheduler.add(prompt, GREEDY, Control()))
        log.finish()
    assert all(finished(log.events(number)).reason != "cancelled" for number in numbers)
    assert not any(what == "paused" for _number, what in chain(*log.steps))


def test_waiting_ones_are_served_in_order(counting: Path) -> None:
    with loaded(counting, sequences=2) as model, Scheduler(model) as scheduler:
        prompt = asked(model, "hi")
        numbers = [scheduler.add(prompt, ReplySettings(), Control()) for _ in range(7)]
        log = Log(scheduler).finish()
    starts = [log.first_step(number) for number in numbers]
    assert starts == sorted(starts)
    assert len(set(starts)) >= 4


# --- One request's end is nobody else's -----------------------------------------


def test_a_prompt_that_is_too_long_is_refused_and_the_others_go_on(nano: LoadedModel) -> None:
    prompt = asked(nano, "hi")
    expected = said(alone(nano, prompt))
    with Scheduler(nano) as scheduler:
        number = scheduler.add(prompt, GREEDY, Control())
        with pytest.raises(PromptTooLong):
            scheduler.add(TokenisedPrompt([5] * 2_000, "none"), GREEDY, Control())
        log = Log(scheduler).finish()
    assert said(log.events(number)) == expected


def test_an_error_ends_its_own_request_only(
    nano: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    def draw(*_: object) -> int:
        raise InferenceError("nothing could continue the grammar here", "change the grammar")

    monkeypatch.setattr("r1local.engine.grammar.GrammarSampler.draw", draw)
    prompt = asked(nano, "hi")
    strict = ReplySettings(SamplerSettings(temperature=0), grammar='root ::= "yes"')
    with Scheduler(nano) as scheduler:
        good = scheduler.add(prompt, GREEDY, Control())
        bad = scheduler.add(TokenisedPrompt(prompt.tokens, "answer"), strict, Control())
        log = Log(scheduler).finish()
    assert isinstance(log.happened(bad)[-1], InferenceError)
    assert finished(log.events(good)).reason in ("stop", "length")


def test_when_llama_cpp_fails_all_that_took_part_end_and_the_next_is_served(
    nano: LoadedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = asked(nano, "hi")
    expected = said(alone(nano, prompt))
    with Scheduler(nano) as scheduler:
        log = Log(scheduler)
        numbers = [scheduler.add(prompt, GREEDY, Control()) for _ in range(2)]
        log.step(4)
        with monkeypatch.context() as patch:
            patch.setattr(scheduler._batch._llama, "llama_decode", lambda *_: -3)
            log.step()
        for number in numbers:
            assert isinstance(log.happened(number)[-1], InferenceError)
        assert not scheduler.busy
        after = scheduler.add(prompt, GREEDY, Control())
        log.finish()
    assert said(log.events(after)) == expected


def test_cancelled_by_its_number_or_its_control(counting: Path) -> None:
    with loaded(counting, sequences=2) as model, Scheduler(model) as scheduler:
        prompt, control = asked(model, "hi"), Control()
        by_number = scheduler.add(prompt, ReplySettings(), Control())
        by_control = scheduler.add(prompt, ReplySettings(), control)
        waiting = scheduler.add(prompt, ReplySettings(), Control())
        last = scheduler.add(prompt, ReplySettings(), Control())
        log = Log(scheduler)
        log.step(20)
        scheduler.cancel(by_number)
        control.cancel()
        scheduler.cancel(waiting)
        log.finish()
        scheduler.cancel(waiting)  # it has ended: nothing happens
        assert scheduler.step() == []
    for number in (by_number, by_control):
        end = finished(log.events(number))
        assert (end.reason, end.thinking_open) == ("cancelled", True)
        assert 10 < end.usage.thinking_tokens <= 20
    assert log.happened(waiting) == [finished(log.events(waiting))]
    assert finished(log.events(waiting)).usage.thinking_tokens == 0
    assert finished(log.events(last)).usage.answer_tokens == 200


@pytest.mark.slow
def test_a_long_prompt_is_left_in_the_middle_of_a_step() -> None:
    asked_times = 0

    class Impatient(Control):
        def cancelled(self) -> bool:
            nonlocal asked_times
            asked_times += 1
            return asked_times > 50

    with (
        loaded(smollm2(), threads=1, sequences=2, context=2_048) as model,
        Scheduler(model) as scheduler,
    ):
        number = scheduler.add(of_length(model, 1_000), GREEDY, Impatient())
        log = Log(scheduler).finish(steps=4)
    assert finished(log.events(number)).reason == "cancelled"
    assert finished(log.events(number)).usage.cached_tokens == 0


def test_a_steering_command_is_for_one_reply(scripted: Scripted) -> None:
    with loaded(scripted(COUNTING), sequences=2) as model, Scheduler(model) as scheduler:
        settings, control = ReplySettings(max_tokens=300), Control()
        hurried = scheduler.add(asked(model, "hi"), settings, control)
        other = scheduler.add(asked(model, "hi"), settings, Control())
        log = Log(scheduler)
        log.step(20)
        control.answer_now()
        log.finish()
    assert finished(log.events(hurried)).usage.thinking_tokens < 150
    assert any("as you asked" in e.message for e in log.events(hurried) if isinstance(e, Notice))
    assert not any("as you asked" in e.message for e in log.events(other) if isinstance(e, Notice))


def test_closed_half_way_it_leaves_the_model_whole(nano: LoadedModel) -> None:
    prompt = asked(nano, "hi")
    expected = said(alone(nano, prompt))
    scheduler = Scheduler(nano)
    for question in QUESTIONS:
        scheduler.add(asked(nano, question), GREEDY, Control())
    for _ in range(5):
        scheduler.step()
    scheduler.close()
    assert not scheduler.busy
    assert said(alone(nano, prompt)) == expected


def test_an_ended_reply_leaves_nothing_to_the_garbage_collector(
    nano: LoadedModel,
) -> None:
    prompt = asked(nano, QUESTIONS[0])
    gc.collect()
    gc.disable()
    try:
        with Scheduler(nano) as scheduler:
            scheduler.add(prompt, GREEDY, Control())
            Log(scheduler).finish()
        del scheduler
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = {type(each).__module__ for each in gc.garbage}
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert not [each for each in left if each.startswith("r1local.")]


# --- Other threads --------------------------------------------------------------


def test_other_threads_add_requests_while_one_steps(nano: LoadedModel) -> None:
    results: dict[int, list[Happening]] = defaultdict(list)
    added: list[int] = []
    with Scheduler(nano) as scheduler:
        assert not scheduler.wait(timeout=0)
        prompts = [asked(nano, question) for question in QUESTIONS]

        def ask(prompt: TokenisedPrompt) -> None:
            added.extend(scheduler.add(prompt, GREEDY, Control()) for _ in range(3))

        threads = [threading.Thread(target=ask, args=(prompt,)) for prompt in prompts]
        for thread in threads:
            thread.start()
        while sum(isinstance(each[-1], Finished) for each in results.values()) < 12:
            assert scheduler.wait(timeout=PATIENCE_S)
            for number, happening in scheduler.step():
                results[number].append(happening)
        for thread in threads:
            thread.join()
    assert sorted(added) == sorted(results) == list(range(1, 13))
    assert not scheduler.busy


def test_hi_is_answered(nano: LoadedModel) -> None:
    with Scheduler(nano) as scheduler:
        number = scheduler.add(tokenised_prompt(nano, HI, GREEDY), GREEDY, Control())
        assert text_of(Log(scheduler).finish().events(number), AnswerDelta)
