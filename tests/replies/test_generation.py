"""The engine and one reply, in process, on real models."""

import psutil
import pytest

from r1local.conversation import Message
from r1local.engine.sampler import Sampler, SamplerSettings
from r1local.errors import PromptTooLong
from r1local.events.reply import AnswerDelta, Reading, ThinkingDelta
from r1local.replies.control import Control
from r1local.replies.generation import check_prompt
from r1local.replies.settings import ReplySettings
from testing.command import ROOT, Scripted
from testing.models import R1_TEMPLATE, smollm2
from testing.replies import HI, events_of, finished, generate, loaded, never, text_of

NANO = ROOT / "r1local/nano.gguf"
GREEDY = ReplySettings(SamplerSettings(temperature=0), max_tokens=8)


def test_characters_cut_over_tokens_come_whole(scripted: Scripted) -> None:
    # Each byte is a token of its own in this model.
    with loaded(scripted("思考😀</think>答え👩‍👩‍👧é")) as model:
        events = events_of(model)
    deltas = [event.text for event in events if isinstance(event, ThinkingDelta | AnswerDelta)]
    assert deltas == [*"思考😀答え👩‍👩‍👧é"]


def test_deltas_count_the_tokens_of_their_part(scripted: Scripted) -> None:
    with loaded(scripted("ab</think>cd")) as model:
        events = events_of(model)
    counts = [
        (event.text, event.tokens)
        for event in events
        if isinstance(event, ThinkingDelta | AnswerDelta)
    ]
    assert counts == [("a", 1), ("b", 2), ("c", 1), ("d", 2)]


def test_thinking_and_answer_times_add_up(scripted: Scripted) -> None:
    numbers = "".join(map(str, range(200)))
    with loaded(scripted(f"{numbers[:300]}</think>{numbers[-100:]}")) as model:
        usage = finished(events_of(model)).usage
    assert usage.thinking_s > usage.answer_s > 0
    assert usage.tokens_per_s == pytest.approx(401 / (usage.thinking_s + usage.answer_s))


def test_a_long_prompt_tells_how_far_it_is_read(scripted: Scripted) -> None:
    path = scripted("ok", prompt=64, chat_template=R1_TEMPLATE, context_length=4_096)
    with loaded(path) as model:
        short = events_of(model, (Message("user", "one"),))
        long = events_of(model, (Message("user", "one" + "x" * 1_200),))
    assert not any(isinstance(event, Reading) for event in short)
    told = [event for event in long if isinstance(event, Reading)]
    usage = finished(long).usage
    assert long[: len(told)] == told
    assert [event.done - usage.cached_tokens for event in told] == [0, 512, 1_024]
    assert {event.total for event in told} == {usage.prompt_tokens}


def test_prefix_shared_with_the_last_prompt_is_kept(scripted: Scripted) -> None:
    with loaded(scripted("ok", prompt=64, chat_template=R1_TEMPLATE)) as model:
        first = finished(events_of(model, (Message("user", "one"),))).usage
        second = finished(events_of(model, (Message("user", "one and two"),))).usage
        same = finished(events_of(model, (Message("user", "one and two"),))).usage
    assert first.cached_tokens == 0
    assert second.cached_tokens == len("one") + 2
    assert same.cached_tokens == same.prompt_tokens - 1


@pytest.mark.slow
def test_kept_prefix_gives_the_same_reply() -> None:
    longer = (*HI, Message("assistant", "Hello!"), Message("user", "What is 2 + 2?"))
    with loaded(smollm2(), context=512) as model:
        events_of(model, HI, GREEDY)
        kept = events_of(model, longer, GREEDY)
    with loaded(smollm2(), context=512) as model:
        afresh = events_of(model, longer, GREEDY)
    assert finished(kept).usage.cached_tokens > 0
    assert text_of(kept, AnswerDelta) == text_of(afresh, AnswerDelta)


@pytest.mark.slow
def test_cancelled_prompt_leaves_the_model_usable() -> None:
    asked = 0

    def cancel_in_a_batch() -> bool:
        nonlocal asked
        asked += 1
        return asked > 50

    with loaded(smollm2(), context=1024) as model:
        tokens = model.model.vocabulary.tokenise(["word " * 600])
        assert model.model.evaluate(tokens, cancel_in_a_batch) is None
        assert model.model.position < len(tokens)
        after = events_of(model, HI, GREEDY)
    with loaded(smollm2(), context=1024) as model:
        assert text_of(events_of(model, HI, GREEDY), AnswerDelta) == text_of(after, AnswerDelta)


def test_cancelled_before_it_begins(scripted: Scripted) -> None:
    control = Control()
    control.cancel()
    with loaded(scripted("ok")) as model:
        last = finished(events_of(model, control=control))
    assert last.reason == "cancelled"
    assert last.usage.thinking_tokens == 0


def test_reply_abandoned_half_way_frees_its_sampler(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[Sampler] = []

    class Watched(Sampler):
        def close(self) -> None:
            closed.append(self)
            super().close()

    monkeypatch.setattr("r1local.replies.stream.Sampler", Watched)
    with loaded(scripted("abc")) as model:
        events = generate(model, HI, ReplySettings(), Control())
        next(events)
        assert not closed
        events.close()
        assert closed


@pytest.mark.slow
def test_two_models_in_one_process(scripted: Scripted) -> None:
    with loaded(scripted("one</think>1")) as first, loaded(smollm2(), context=512) as second:
        assert text_of(events_of(second, HI, GREEDY), AnswerDelta)
        assert text_of(events_of(first), AnswerDelta) == "1"
    with loaded(smollm2(), context=512) as third:
        assert text_of(events_of(third, HI, GREEDY), AnswerDelta)


@pytest.mark.slow
def test_closing_frees_everything(scripted: Scripted) -> None:
    path = scripted("abc</think>d", context_length=8192)
    process = psutil.Process()

    def cycle() -> int:
        for _ in range(10):
            with loaded(path) as model:
                events_of(model)
        resident: int = process.memory_info().rss
        return resident

    settled = cycle()
    # Each context's KV cache alone is 2 MB; eighty of them would show.
    assert max(cycle() for _ in range(8)) - settled < 40 * 2**20


def test_tags_count_as_thinking(scripted: Scripted) -> None:
    model_with_outer_tag = scripted(
        "\n<think>ab</think>\n\ncd",
        prompt=3,
        chat_template="{{ bos_token }}<｜User｜><｜Assistant｜>{#</thin#}",
    )
    with loaded(model_with_outer_tag) as model:
        usage = finished(events_of(model)).usage
    assert (usage.thinking_tokens, usage.answer_tokens) == (5, 4)


@pytest.mark.parametrize("context", [256, 257, 300, 400, 511, 512, 513, 700])
def test_any_prompt_and_any_context_are_taken_or_refused(context: int) -> None:
    with loaded(NANO, context=context) as model:
        assert model.model.context_window == context
        for length in (context - 2, context - 1, context, 2 * context):
            tokens = [100 + n % 900 for n in range(length)]
            if length < context:
                check_prompt(tokens, context)
                assert model.model.evaluate(tokens, never) is not None
            else:
                with pytest.raises(PromptTooLong):
                    check_prompt(tokens, context)


def test_a_short_context_answers_a_prompt_that_fills_it(scripted: Scripted) -> None:
    path = scripted("x</think>y", context_length=300, chat_template=R1_TEMPLATE)
    with loaded(path) as model:
        assert model.model.context_window == 300
        events = events_of(model, (Message("user", "a" * 250),))
    assert finished(events).reason in ("stop", "length")
