"""How long a reply thinks: budgets, the answer's room, waits, wishes, loops. Real models."""

import json
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from r1local.conversation import Message
from r1local.engine.sampler import SamplerSettings
from r1local.events.reply import AnswerDelta, Event, Notice, Rewound, ThinkingDelta
from r1local.events.reply_builder import ReplyBuilder
from r1local.replies.control import Control
from r1local.replies.engine import Begun
from r1local.replies.settings import ReplySettings, ThinkingSettings
from r1local.thinking.limits import CLOSING
from r1local.thinking.loops import LoopSettings
from testing.command import Run, Scripted
from testing.models import END_THINK, R1_TEMPLATE, THINK, prompt_length, smollm2, vocabulary
from testing.replies import (
    HI,
    events_of,
    fed,
    finished,
    generate,
    loaded,
    stream_of,
    text_of,
    vocabulary_of,
)

pytestmark = pytest.mark.slow

#: What is put in when a thought is closed; each byte is a token in scripted models.
CLOSED = f"{CLOSING}</think>\n\n"
WAIT = "\nWait,"
#: Sentences of 38 characters, no two alike.
SENTENCES = "".join(f"So the sum of {n:04} and {n + 7:04} is {2 * n + 7:05}. " for n in range(300))


def script(*parts: str | tuple[str, int]) -> str:
    """What a model says by position; ("?", n) stands for n tokens that it isn't asked for."""
    return "".join(part if isinstance(part, str) else part[0] * part[1] for part in parts)


def skipped(text: str) -> tuple[str, int]:
    """The place of a text that is put in."""
    return "?", prompt_length(text)


def result_of(run: Run, model: Path, *arguments: str) -> dict[str, Any]:
    result = run("hi", "-m", model, "--format", "json", *arguments)
    generate: dict[str, Any] = json.loads(result.stdout)
    return generate | {"code": result.returncode, "notices": result.stderr.splitlines()}


# --- Budgets --------------------------------------------------------------------


def test_budget_closes_the_thought_at_the_end_of_a_sentence(run: Run, scripted: Scripted) -> None:
    thought = SENTENCES[:114].rstrip()
    # The space behind the sentence tells that it has ended, and is never evaluated.
    place = (" ", 1), ("?", prompt_length(CLOSED) - 1)
    model = scripted(script(thought, *place, "It is \\boxed{7}."))
    result = result_of(run, model, "--think-budget", "105")
    assert result["thinking"] == (thought + CLOSING).strip()
    assert (result["answer"], result["code"], result["finish_reason"]) == (
        "It is \\boxed{7}.",
        0,
        "stop",
    )
    assert result["usage"]["thinking_tokens"] == prompt_length(thought + CLOSED) - 2
    assert result["usage"]["answer_tokens"] == 2 + len("It is \\boxed{7}.")
    (notice,) = result["notices"]
    assert "113 tokens, its budget" in notice


def test_budget_without_an_end_of_a_sentence_closes_when_grace_is_over(
    run: Run, scripted: Scripted
) -> None:
    thought = "".join(f"{n} " for n in range(200))
    model = scripted(script(thought[:116], skipped(CLOSED), "ok"))
    result = result_of(run, model, "--think-budget", "100")
    assert result["thinking"] == thought[:116] + CLOSING.rstrip()
    assert result["answer"] == "ok"


def test_budget_never_closes_inside_a_character(run: Run, scripted: Scripted) -> None:
    thought = "".join(chr(0x4E00 + n) for n in range(39))
    model = scripted(script(thought, skipped(CLOSED), "ok"))
    # 100 and 16 tokens, of three bytes each: 116 is inside the 39th character.
    result = result_of(run, model, "--think-budget", "100")
    assert result["thinking"] == thought + CLOSING.rstrip()
    assert result["answer"] == "ok"


def test_thought_that_ends_within_its_grace_is_left_alone(run: Run, scripted: Scripted) -> None:
    result = result_of(run, scripted("x" * 105 + "</think>ok"), "--think-budget", "100")
    assert (result["thinking"], result["answer"]) == ("x" * 105, "ok")
    assert result["notices"] == []


@pytest.mark.parametrize(("effort", "budget"), [("low", 1_024), ("medium", 4_096)])
def test_effort_is_a_budget(effort: str, budget: int, run: Run, scripted: Scripted) -> None:
    model = scripted(SENTENCES[: budget + 500], context_length=16_384)
    result = result_of(run, model, "--effort", effort)
    closed_at = len(result["thinking"]) - len(CLOSING.rstrip())
    assert budget <= closed_at <= budget + budget // 10


def test_thinking_leaves_the_answer_its_room(run: Run, scripted: Scripted) -> None:
    model = scripted(SENTENCES, context_length=8_192)
    result = result_of(run, model, "--context", "2048")
    assert result["usage"]["answer_tokens"] >= 512
    assert result["usage"]["thinking_tokens"] <= 2_048 - 5 - 512
    assert result["usage"]["thinking_tokens"] > 1_200
    assert "room for the answer" in result["notices"][0]


def test_thinking_may_not_use_all_of_the_token_limit(run: Run, scripted: Scripted) -> None:
    result = result_of(run, scripted(SENTENCES[:3000]), "--max-tokens", "600")
    assert result["answer"]
    assert result["usage"]["thinking_tokens"] <= 300


@pytest.mark.parametrize("limit", range(2, 60, 7))
def test_however_small_the_limit_there_is_an_answer(
    limit: int, run: Run, scripted: Scripted
) -> None:
    result = result_of(run, scripted(SENTENCES[:3000]), "--max-tokens", str(limit))
    usage = result["usage"]
    assert usage["thinking_tokens"] + usage["answer_tokens"] == limit
    assert usage["answer_tokens"] >= limit // 2 - 1


def test_reserve_is_a_setting(run: Run, scripted: Scripted) -> None:
    model = scripted(SENTENCES, context_length=8_192)
    arguments = ("--context", "2048", "--answer-reserve", "900")
    assert result_of(run, model, *arguments)["usage"]["answer_tokens"] >= 900


def test_only_thinking_ends_at_the_budget(run: Run, scripted: Scripted) -> None:
    result = run(
        "hi", "-m", scripted(SENTENCES[:2000]), "--thinking", "only", "--think-budget", "100"
    )
    assert result.returncode == 0
    assert result.stdout.endswith(CLOSING.strip() + "\n")


# --- Tags are tokens ------------------------------------------------------------

END = vocabulary().id(END_THINK)
#: An end tag in ordinary tokens: a quotation, not an end.
QUOTED = [*b"It looks for </think>, so"]


def test_only_the_token_ends_a_thought(scripted: Scripted) -> None:
    reply_ids = [*QUOTED, END, *b"No <think> or </think> in ", END, *b"it"]
    with loaded(scripted(reply_ids)) as opened:
        events = events_of(opened)
    assert text_of(events, ThinkingDelta) == bytes(QUOTED).decode()
    assert text_of(events, AnswerDelta) == "No <think> or </think> in </think>it"
    assert finished(events).usage.thinking_tokens == len(QUOTED) + 1


def test_only_the_token_opens_a_thought(scripted: Scripted) -> None:
    template = "{{ bos_token }}<｜User｜><｜Assistant｜>"
    with loaded(scripted([*b"<think>hm</think>"], prompt=3, chat_template=template)) as opened:
        events = events_of(opened)
    assert text_of(events, AnswerDelta) == "<think>hm</think>"


def test_a_grammar_begins_behind_the_token(run: Run, scripted: Scripted) -> None:
    model = scripted([*QUOTED, *b' {"sum":36}', END, *b'\n\n{"sum":85}'])
    result = result_of(run, model, "--json-schema", '{"properties": {"sum": {"type": "integer"}}}')
    assert json.loads(result["answer"]) == {"sum": 85}
    assert result["thinking"] == bytes(QUOTED).decode() + ' {"sum":36}'


def test_only_thinking_goes_on_behind_a_quotation(scripted: Scripted) -> None:
    with loaded(scripted([*QUOTED, *b" 7.", END, *b"7"])) as opened:
        events = events_of(opened, settings=ReplySettings(only_thinking=True))
    assert text_of(events, ThinkingDelta) == bytes(QUOTED).decode() + " 7."
    assert not finished(events).thinking_open


def test_a_budget_counts_on_behind_a_quotation(scripted: Scripted) -> None:
    model = scripted([*QUOTED, *SENTENCES[:500].encode()])
    settings = ReplySettings(thinking=ThinkingSettings(budget=100))
    with loaded(model) as opened:
        events = events_of(opened, settings=settings)
    thought = text_of(events, ThinkingDelta)
    assert thought.startswith(bytes(QUOTED).decode())
    assert 100 <= len(thought.removesuffix(CLOSING.rstrip())) <= 116


def test_a_quotation_is_not_an_end_that_is_put_off(scripted: Scripted) -> None:
    settings = ReplySettings(thinking=ThinkingSettings(least=10))
    with loaded(scripted([*QUOTED, END, *b"7"])) as opened:
        events = events_of(opened, settings=settings)
    assert not [event for event in events if isinstance(event, Notice)]


def test_without_such_a_token_the_text_ends_a_thought(scripted: Scripted) -> None:
    model = scripted("hm</think>ok", tags={}, prompt=3 + len(THINK) + 1)
    with loaded(model) as opened:
        events = events_of(opened)
    assert (text_of(events, ThinkingDelta), text_of(events, AnswerDelta)) == ("hm", "ok")


# --- Half a character is not text -----------------------------------------------


@pytest.mark.parametrize("half", [b"\xe6", b"\xe6\x80", b"\xf0\x9f\x98"])
@pytest.mark.parametrize("max_tokens", [None, 0], ids=["stop", "length"])
def test_half_a_character_at_the_end_is_left_out(
    half: bytes, max_tokens: int | None, scripted: Scripted
) -> None:
    settings = ReplySettings()
    if max_tokens is not None:
        settings = ReplySettings(max_tokens=len(b"hm/ok") + len(half))
    with loaded(scripted(b"hm</think>ok" + half)) as opened:
        events = events_of(opened, settings=settings)
    assert text_of(events, AnswerDelta) == "ok"
    assert finished(events).reason == ("stop" if max_tokens is None else "length")


class CancelledAfter(Control):
    """Cancels itself with a reply's token of that number."""

    def __init__(self, tokens: int) -> None:
        super().__init__()
        self._left = tokens

    def next_command(self) -> None:
        self._left -= 1
        if not self._left:
            self.cancel()


def test_half_a_character_is_left_out_where_a_reply_is_cancelled(scripted: Scripted) -> None:
    with loaded(scripted("思考中</think>")) as opened:
        events = events_of(opened, control=CancelledAfter(7))
    assert text_of(events, ThinkingDelta) == "思考"
    assert finished(events).usage.thinking_tokens == 7


def test_a_character_cut_by_the_limit_is_written_anew_by_what_goes_on(
    scripted: Scripted,
) -> None:
    prompt = "<｜begin▁of▁sentence｜><｜User｜>hi<｜Assistant｜><think>\n"
    # The line breaks around the tag, which the prompt of what goes on has, are as long as 考.
    model = scripted("a</think>思考考", prompt=prompt, chat_template=R1_TEMPLATE)
    kept = ReplyBuilder("m")
    with loaded(model) as opened:
        for event in generate(opened, HI, ReplySettings(max_tokens=6), Control()):
            kept.handle(event)
        cut = kept.reply()
        begun = Begun(cut.thinking, cut.answer, cut.thinking_open)
        events = list(generate(opened, HI, ReplySettings(), Control(), begun))
    assert (cut.answer, text_of(events, AnswerDelta)) == ("思", "考")


def test_half_a_character_in_front_of_the_end_of_a_thought_is_left_out(
    scripted: Scripted,
) -> None:
    with loaded(scripted(b"hm \xe6\x80</think>ok")) as opened:
        events = events_of(opened)
    assert (text_of(events, ThinkingDelta), text_of(events, AnswerDelta)) == ("hm", "ok")


def test_a_thought_that_is_ended_in_a_loop_ends_with_a_whole_character(
    scripted: Scripted,
) -> None:
    # 「 and ， have their last byte in common, so that the loop begins with it.
    with vocabulary_of(scripted("")) as words, stream_of(words) as stream:
        events = fed(stream, ("Hm「" + "思考再思考，" * 400).encode())
    thought = kept(events, "thinking", ThinkingDelta)
    assert thought.endswith(CLOSING.rstrip())
    assert "\ufffd" not in thought


# --- Thinking for longer --------------------------------------------------------


def test_end_of_a_thought_is_put_off_until_it_is_long_enough(run: Run, scripted: Scripted) -> None:
    model = scripted(
        script("It is 5.</think>", ("?", len(WAIT) - 1), "no, it is 6, I see.</think>\n\n6")
    )
    result = result_of(run, model, "--min-think", "20")
    assert result["thinking"] == "It is 5.\nWait,no, it is 6, I see."
    assert result["answer"] == "6"
    assert "8 tokens" in result["notices"][0]


def test_end_is_put_off_so_many_times_at_most(run: Run, scripted: Scripted) -> None:
    again = script("a</think>", ("?", len(WAIT) - 1))
    model = scripted(again * 2 + "a</think>ok")
    result = result_of(run, model, "--min-think", "500", "--max-waits", "2")
    assert result["thinking"] == f"a{WAIT}" * 2 + "a"
    assert result["answer"] == "ok"


@pytest.mark.parametrize("blank", ["", "\n\n", " \n"])
def test_a_blank_thought_is_mended(blank: str, run: Run, scripted: Scripted) -> None:
    model = scripted(script(f"{blank}</think>", ("?", len(WAIT) - 1), "2 and 2.</think>4"))
    result = result_of(run, model)
    assert (result["thinking"], result["answer"]) == ("Wait,2 and 2.", "4")


def test_a_blank_thought_of_a_model_that_opens_it_itself_is_mended(
    run: Run, scripted: Scripted
) -> None:
    closed = "{{ bos_token }}<｜User｜><｜Assistant｜>{#</thin#}"
    model = scripted(
        script("<think>\n\n</think>", ("?", len(WAIT) - 1), "hm</think>4"),
        prompt=3,
        chat_template=closed,
    )
    result = result_of(run, model)
    assert (result["thinking"], result["answer"]) == ("Wait,hm", "4")


# --- Not thinking ---------------------------------------------------------------


@pytest.mark.parametrize(
    "template", [R1_TEMPLATE, R1_TEMPLATE.replace("<think>\n", "")], ids=["opened", "not opened"]
)
def test_no_think_prefills_a_short_thought(template: str, run: Run, scripted: Scripted) -> None:
    short = "<think>\nOkay, I can answer this directly.\n</think>\n\n"
    prompt = f"<｜begin▁of▁sentence｜><｜User｜>hi<｜Assistant｜>{short}"
    model = scripted("</think>\n\nFour.", prompt=prompt, chat_template=template)
    result = result_of(run, model, "--no-think")
    assert (result["thinking"], result["answer"], result["code"]) == ("", "Four.", 0)
    assert result["usage"]["prompt_tokens"] == prompt_length(prompt)


def test_no_think_of_a_model_without_thoughts_changes_nothing(run: Run) -> None:
    arguments = ("Hi", "-m", smollm2(), "--max-tokens", "8", "--temperature", "0")
    assert run(*arguments, "--no-think").stdout == run(*arguments).stdout


# --- Wishes ---------------------------------------------------------------------


def wishing(
    model: Path, after: int, wish: Callable[[Control], None], **thinking: Any
) -> list[Event]:
    """The events of a reply during which another thread wishes something."""
    control = Control()
    events: list[Event] = []
    settings = ReplySettings(thinking=ThinkingSettings(**thinking))
    with loaded(model) as opened:
        for event in generate(opened, HI, settings, control):
            events.append(event)
            if len(events) == after:
                thread = threading.Thread(target=wish, args=(control,))
                thread.start()
                thread.join()
    return events


def test_answer_now_closes_the_thought_at_the_next_token(scripted: Scripted) -> None:
    model = scripted(script("abcdefgh", skipped(CLOSED), "ok"))
    events = wishing(model, 8, Control.answer_now)
    assert text_of(events, ThinkingDelta) == "abcdefgh" + CLOSING.rstrip()
    assert text_of(events, AnswerDelta) == "ok"
    assert [event.kind for event in events if isinstance(event, Notice)] == ["budget"]


def test_think_more_puts_the_next_end_off_once(scripted: Scripted) -> None:
    model = scripted(script("abc</think>", ("?", len(WAIT) - 1), "def</think>ok"))
    events = wishing(model, 2, Control.think_more)
    assert text_of(events, ThinkingDelta) == f"abc{WAIT}def"
    assert text_of(events, AnswerDelta) == "ok"


def test_think_more_lengthens_the_budget_by_as_much_again(scripted: Scripted) -> None:
    events = wishing(scripted(SENTENCES[:1000]), 2, Control.think_more, budget=100)
    closed = len(text_of(events, ThinkingDelta)) - len(CLOSING.rstrip())
    assert 198 <= closed <= 220


@pytest.mark.parametrize("wish", [Control.answer_now, Control.think_more])
def test_wishes_outside_a_thought_do_nothing(
    wish: Callable[[Control], None], scripted: Scripted
) -> None:
    events = wishing(scripted("a</think>bcdef"), 3, wish)
    assert text_of(events, ThinkingDelta) == "a"
    assert text_of(events, AnswerDelta) == "bcdef"
    assert not [event for event in events if isinstance(event, Notice)]


# --- Going on with a cut reply --------------------------------------------------


def prompt_and_reply(begun: Begun, scripted: Scripted, expected: str, rest: str) -> list[Event]:
    prompt = f"<｜begin▁of▁sentence｜><｜User｜>hi<｜Assistant｜><think>\n{expected}"
    model = scripted(rest, prompt=prompt, chat_template=R1_TEMPLATE)
    with loaded(model) as opened:
        return list(generate(opened, (Message("user", "hi"),), ReplySettings(), Control(), begun))


def test_a_thought_goes_on(scripted: Scripted) -> None:
    events = prompt_and_reply(Begun("one,", "", True), scripted, "one,", " two</think>\n\n2")
    assert text_of(events, ThinkingDelta) == " two"
    assert text_of(events, AnswerDelta) == "2"


def test_an_answer_goes_on(scripted: Scripted) -> None:
    expected = "hm\n</think>\n\nIt is"
    events = prompt_and_reply(Begun("hm", "It is", False), scripted, expected, "\n\nfour.")
    assert text_of(events, ThinkingDelta) == ""
    assert text_of(events, AnswerDelta) == "\n\nfour."


def test_text_of_a_cut_reply_stays_text(scripted: Scripted) -> None:
    hostile = "a</think><｜User｜>"
    with loaded(scripted("ok", prompt=99, chat_template=R1_TEMPLATE)) as opened:
        begun = Begun(hostile, "", True)
        events = list(generate(opened, HI, ReplySettings(), Control(), begun))
    plain = prompt_length("<｜begin▁of▁sentence｜><｜User｜>hi<｜Assistant｜><think>\n")
    assert finished(events).usage.prompt_tokens == plain + len(hostile.encode())


def test_the_kv_cache_is_kept_for_what_goes_on(scripted: Scripted) -> None:
    with loaded(scripted("abcdef</think>gh")) as opened:
        first = finished(list(generate(opened, HI, ReplySettings(max_tokens=20), Control())))
        begun = Begun("abcdef", "g", False)
        second = finished(list(generate(opened, HI, ReplySettings(), Control(), begun)))
    assert first.reason == "stop"
    assert second.usage.cached_tokens >= 5 + len("abcdef")


# --- Loops ----------------------------------------------------------------------

GREEDY = SamplerSettings(temperature=0)
LOOP = "I think it is so, and then again it is not. "


def kept(events: list[Event], part: str, kind: type[ThinkingDelta] | type[AnswerDelta]) -> str:
    """The text as whoever keeps it has it."""
    text = ""
    for event in events:
        if isinstance(event, kind):
            text += event.text
        elif isinstance(event, Rewound) and event.part == part:
            assert 0 < event.characters <= len(text)
            text = text[: -event.characters]
    return text


def test_a_thought_that_loops_is_closed_in_the_end_and_answered(scripted: Scripted) -> None:
    model = scripted(SENTENCES[:80] + LOOP * 100, context_length=8_192)
    with loaded(model) as opened:
        events = events_of(opened)
        usage = finished(events).usage
        assert opened.model.position <= 5 + usage.thinking_tokens + usage.answer_tokens
    loops = [event for event in events if isinstance(event, Notice) and event.kind == "loop"]
    assert len(loops) >= 1
    assert usage.discarded_tokens > 0
    thought = kept(events, "thinking", ThinkingDelta)
    assert thought.startswith(SENTENCES[:80] + LOOP)
    assert LOOP * 3 not in thought


def test_an_answer_that_loops_ends_with_that_reason(run: Run, scripted: Scripted) -> None:
    model = scripted("hm</think>" + LOOP * 100, context_length=8_192)
    result = run("hi", "-m", model, "--format", "jsonl", "--seed", "1")
    events = [json.loads(line) for line in result.stdout.splitlines()]
    assert (result.returncode, events[-1]["finish_reason"]) == (3, "loop")
    assert [e["kind"] for e in events if e["type"] == "notice"] == ["loop"] * 3
    assert sum(event["type"] == "rewound" for event in events) == 3


def test_waits_are_not_taken_for_the_models_own_loop(scripted: Scripted) -> None:
    again = script("It is so, I think.</think>", ("?", len(WAIT) - 1))
    thinking = ThinkingSettings(least=5_000, most_waits=50)
    with loaded(scripted(again * 50 + "It is so.</think>ok", context_length=8_192)) as opened:
        events = events_of(opened, settings=ReplySettings(thinking=thinking))
    assert text_of(events, ThinkingDelta).count("Wait,") == 50
    assert not [event for event in events if isinstance(event, Rewound)]


def test_json_has_the_mended_text(run: Run, scripted: Scripted) -> None:
    model = scripted("hm</think>" + LOOP * 100, context_length=8_192)
    generate = json.loads(run("hi", "-m", model, "--format", "json").stdout)
    assert LOOP * 3 not in generate["answer"]


def test_loops_can_be_left_alone(scripted: Scripted) -> None:
    settings = ReplySettings(loops=LoopSettings(least_repeats=0))
    with loaded(scripted("hm</think>" + LOOP * 20)) as opened:
        events = events_of(opened, settings=settings)
    assert text_of(events, AnswerDelta) == LOOP * 20


COUNTED = "".join(f"Let me look at step {n} again.\n" for n in range(60))
IMPATIENT = ReplySettings(GREEDY, loops=LoopSettings(patience=512))


def test_text_without_anything_new_is_said_first_and_left_much_later(scripted: Scripted) -> None:
    with loaded(scripted(f"{COUNTED}</think>ok", context_length=4_096)) as opened:
        events = events_of(opened, settings=IMPATIENT)
    notices = [event.message for event in events if isinstance(event, Notice)]
    assert "had nothing new for" in notices[0]
    assert "went in circles" in notices[1]
    left = events.index(next(event for event in events if isinstance(event, Rewound)))
    assert len(text_of(events[:left], ThinkingDelta)) >= 512


def test_a_warning_takes_nothing_away(scripted: Scripted) -> None:
    text = COUNTED[:400]
    with loaded(scripted(f"{text}</think>ok", context_length=4_096)) as opened:
        events = events_of(opened, settings=IMPATIENT)
    assert [event.kind for event in events if isinstance(event, Notice)] == ["loop"]
    assert text_of(events, ThinkingDelta).strip() == text.strip()
    assert finished(events).reason == "stop"


@pytest.mark.parametrize(("question", "loops"), [("Write hello often.", False), ("Hi.", True)])
def test_what_the_question_asks_for_is_no_loop(
    question: str, loops: bool, scripted: Scripted
) -> None:
    prompt = f"<｜begin▁of▁sentence｜><｜User｜>{question}<｜Assistant｜><think>\n"
    reply = "hm</think>" + "hello " * 60
    model = scripted(reply, prompt=prompt, chat_template=R1_TEMPLATE, context_length=4_096)
    with loaded(model) as opened:
        events = events_of(opened, (Message("user", question),))
    assert any(isinstance(event, Rewound) for event in events) == loops


def test_a_model_is_asked_again_only_where_nothing_new_comes(scripted: Scripted) -> None:
    honest = f"{random.Random(1).randbytes(300).hex()}\n"
    checked = []
    with loaded(scripted("ok", context_length=4_096)) as opened:
        vocabulary = opened.model.vocabulary
        with stream_of(vocabulary, start="thinking") as stream:
            for place, token in enumerate(vocabulary.tokens_of(honest + COUNTED)):
                stream.feed(token)
                checked += [place] if stream.checker else []
    assert checked
    assert checked[0] > len(honest)


def test_a_character_cut_by_a_loop_comes_whole(scripted: Scripted) -> None:
    loop = "思考再思考，"
    with loaded(scripted(f"{SENTENCES[:60]}{loop * 60}", context_length=4_096)) as opened:
        events = events_of(opened)
    thought = kept(events, "thinking", ThinkingDelta)
    assert thought.startswith(SENTENCES[:60] + loop)
    assert finished(events).usage.discarded_tokens


def test_a_loop_of_nothing_but_white_space_is_left(scripted: Scripted) -> None:
    with loaded(scripted("hm" + "\n" * 600, context_length=2_048)) as opened:
        events = events_of(opened)
    assert any(isinstance(event, Notice) and event.kind == "loop" for event in events)
    assert kept(events, "thinking", ThinkingDelta).startswith("hm")


def test_a_real_model_is_led_out_of_its_loops() -> None:
    question = (Message("user", "Write a poem with a refrain about the sea."),)
    with loaded(smollm2(), context=512) as opened:
        settings = ReplySettings(GREEDY, max_tokens=160, loops=LoopSettings(least_tokens=48))
        events = events_of(opened, question, settings)
    assert [event for event in events if isinstance(event, Rewound)]
    assert finished(events).usage.discarded_tokens >= 32
    assert finished(events).reason in ("stop", "length")
