"""How other families mark their thoughts: found, split, closed and kept out of questions."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.conversation import Message
from r1local.engine.special_tokens import SpecialTokens
from r1local.events.reply import AnswerDelta, Notice, ThinkingDelta
from r1local.prompts.chat_template import ChatTemplate
from r1local.prompts.template_process import TemplateProgram
from r1local.replies.control import Control
from r1local.replies.engine import Begun
from r1local.replies.generation import prompt_of
from r1local.replies.settings import ReplySettings, ThinkingSettings
from r1local.thinking.dialects import DIALECTS, R1, Dialect, dialect_of, tags_in
from r1local.thinking.limits import CLOSING
from r1local.thinking.splitter import Start, ThinkSplitter, start_of_reply
from testing.command import Run, Scripted
from testing.models import CONTROL
from testing.replies import HI, events_of, finished, generate, loaded, text_of

NONE: frozenset[str] = frozenset()
GPT_OSS = "<|channel|>analysis<|message|>"
FINAL = "<|end|><|start|>assistant<|channel|>final<|message|>"
GRANITE = "<think></think><response></response>"
HUNYUAN = "<think></think><answer></answer>"
COMMAND = "<|START_THINKING|><|END_THINKING|><|START_RESPONSE|><|END_RESPONSE|>"

EXAMPLES: dict[str, tuple[str, str, str, str]] = {
    # name: what the template names, the reply, its thinking, its answer
    "gpt_oss": (GPT_OSS + FINAL, f"{GPT_OSS}hm{FINAL}yes", "hm", "yes"),
    "gpt_oss_thinks_again": (
        GPT_OSS + FINAL,
        f"{GPT_OSS}hm<|end|><|start|>assistant<|channel|>commentary<|message|>so{FINAL}yes<|end|>",
        "hm\n\nso",
        "yes",
    ),
    "gpt_oss_without_a_thought": (GPT_OSS + FINAL, "<|channel|>final<|message|>yes", "", "yes"),
    "gemma": ("<|channel>thought", "<|channel>thought\nhm\n<channel|>yes", "hm", "yes"),
    "solar": (
        "<|think|><|end|><|content|>",
        "<|think|>hm<|end|><|begin|>assistant<|content|>yes<|end|>",
        "hm",
        "yes",
    ),
    "command": (
        COMMAND,
        "<|START_THINKING|>hm<|END_THINKING|><|START_RESPONSE|>yes<|END_RESPONSE|>",
        "hm",
        "yes",
    ),
    "command_without_a_thought": (COMMAND, "<|START_RESPONSE|>yes<|END_RESPONSE|>", "", "yes"),
    "magistral": ("[THINK][/THINK]", "[THINK]hm[/THINK]yes", "hm", "yes"),
    "seed": ("<seed:think>", "<seed:think>hm</seed:think>yes", "hm", "yes"),
    "kimi": ("◁think▷", "◁think▷hm◁/think▷yes", "hm", "yes"),
    "apertus": ("<|inner_prefix|>", "<|inner_prefix|>hm<|inner_suffix|>yes", "hm", "yes"),
    "exaone": ("<thought>", "<thought>\nhm\n</thought>\n\nyes", "hm", "yes"),
    "apriel": (
        "[BEGIN FINAL RESPONSE]",
        "Here are my reasoning steps:\nhm\n[BEGIN FINAL RESPONSE]\nyes\n[END FINAL RESPONSE]\n",
        "hm",
        "yes",
    ),
    "granite": (GRANITE, "<think>hm</think>\n<response>\nyes\n</response>\n", "hm", "yes"),
    "granite_without_a_thought": (GRANITE, "<response> yes</response>", "", " yes"),
    "granite_quotes_its_tag": (
        GRANITE,
        "<think>hm</think><response>a </response> b</response>",
        "hm",
        "a </response> b",
    ),
    "granite_cut_in_its_tag": (
        GRANITE,
        "<think>hm</think><response>a \n</resp",
        "hm",
        "a \n</resp",
    ),
    "granite_unwrapped": (GRANITE, "<think>hm</think>\n  <res", "hm", "  <res"),
    "hunyuan": (HUNYUAN, "<think>\nhm\n</think>\n<answer>\nyes\n</answer>", "hm", "yes"),
    "r1": ("</think>", "<think>hm</think><answer>yes</answer>", "hm", "<answer>yes</answer>"),
}


def found(template: str, tokens: frozenset[str] = NONE) -> Dialect:
    dialect = dialect_of(template, tokens)
    assert dialect is not None
    return dialect


def split(dialect: Dialect, pieces: list[str], start: Start = "none") -> tuple[str, str]:
    splitter = ThinkSplitter(start, dialect)
    deltas = [delta for piece in pieces for delta in splitter.feed(piece)] + splitter.flush()
    assert all(text for _part, text in deltas)
    parts = [part for part, _text in deltas]
    assert parts == sorted(parts, reverse=True), "thinking never follows answer"
    thinking = "".join(text for part, text in deltas if part == "thinking")
    return thinking, "".join(text for part, text in deltas if part == "answer")


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("in_tokens", [False, True], ids=["text", "tokens"])
def test_reply(name: str, in_tokens: bool) -> None:
    template, reply, thinking, answer = EXAMPLES[name]
    dialect = found(template)
    if in_tokens:
        tags = tags_in(dialect, dialect.atoms.index)
        for mark, atom in tags.texts.items():
            reply = reply.replace(atom, chr(mark))
        dialect = tags.dialect
    else:
        tags = tags_in(dialect, lambda _text: None)
    for pieces in ([reply], list(reply), re.split("(?<=[a-z])", reply)):
        assert tuple(map(tags.shown, split(dialect, pieces))) == (thinking, answer)


@given(
    dialect=st.sampled_from(DIALECTS),
    in_tokens=st.booleans(),
    start=st.sampled_from(["open", "closed", "none", "thinking", "answer"]),
    data=st.data(),
)
def test_any_cutting_gives_the_same_texts(
    dialect: Dialect, in_tokens: bool, start: Start, data: st.DataObject
) -> None:
    tags = tags_in(dialect, dialect.atoms.index if in_tokens else lambda _text: None)
    fragments = [*tags.dialect.tags, *dialect.tags, " ", "\n", "<", "a", "思", "assistant"]
    reply = "".join(data.draw(st.lists(st.sampled_from(fragments), max_size=10)))
    whole = split(tags.dialect, [reply], start)
    assert split(tags.dialect, list(reply), start) == whole
    size = data.draw(st.integers(1, 9))
    pieces = [reply[place : place + size] for place in range(0, len(reply), size)]
    assert split(tags.dialect, pieces, start) == whole


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_dialect_is_found_by_its_own_tags(dialect: Dialect) -> None:
    tags = "".join(dialect.tags)
    assert found(tags).opening == dialect.opening
    if dialect.atoms:
        assert found("", frozenset(dialect.atoms)).opening == dialect.opening


def test_none_is_found_where_nothing_speaks_for_it() -> None:
    assert dialect_of("<|user|>{{ content }}<|end|><|assistant|>", frozenset({"<|end|>"})) is None


def test_results_of_tools_are_no_wrapper_of_answers() -> None:
    tokens = frozenset(R1.tags)
    assert found("<think></think> {{ '<response>' + result + '</response>' }}", tokens) is R1


@pytest.mark.parametrize(
    ("prompt", "template", "start"),
    [
        ("<|assistant|>[THINK]", "[THINK]", "open"),
        ("<|turn>model\n<|channel>thought\n", "<|channel>thought", "open"),
        ("<|turn>model\n<|channel>thought\n<channel|>", "<|channel>thought", "closed"),
        ("<|CHATBOT_TOKEN|><|START_THINKING|><|END_THINKING|>", COMMAND, "closed"),
        ("<|start|>assistant", GPT_OSS + FINAL, "none"),
        ("<think>", "[THINK]", "none"),
    ],
)
def test_start_is_read_off_the_prompts_tail(prompt: str, template: str, start: Start) -> None:
    assert start_of_reply(prompt, found(template)) == start


# --- In replies, with real models -----------------------------------------------


TURN = "<｜begin▁of▁sentence｜><｜User｜><｜Assistant｜>"
BARE = "{{ bos_token }}<｜User｜><｜Assistant｜>"


def that_opens_it(scripted: Scripted, dialect: Dialect, reply: str, *, in_tokens: bool) -> Path:
    """A model that opens its thought itself, in a dialect that is text or tokens."""
    tags = dict.fromkeys(dialect.atoms, CONTROL) if in_tokens else {}
    template = BARE if in_tokens else BARE + "{#" + "".join(dialect.tags) + "#}"
    return scripted(reply, prompt=TURN, chat_template=template, tags=tags)


def that_thinks(scripted: Scripted, dialect: Dialect, reply: str) -> Path:
    """A model with tags in vocabulary and template, so that r1local opens its thought."""
    tags = dict.fromkeys(dialect.atoms, CONTROL)
    template = BARE + "{#" + "".join(dialect.tags) + "#}"
    return scripted(reply, prompt=TURN + dialect.opening, chat_template=template, tags=tags)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("in_tokens", [False, True], ids=["text", "tokens"])
def test_reply_of_a_model(name: str, in_tokens: bool, scripted: Scripted) -> None:
    template, reply, thinking, answer = EXAMPLES[name]
    with loaded(that_opens_it(scripted, found(template), reply, in_tokens=in_tokens)) as opened:
        events = events_of(opened)
    assert (text_of(events, ThinkingDelta), text_of(events, AnswerDelta)) == (thinking, answer)
    assert not opened.notices


@pytest.mark.parametrize("template", [GPT_OSS + FINAL, COMMAND, "[THINK]", GRANITE])
def test_no_think_closes_the_thought_in_the_models_own_way(template: str) -> None:
    dialect = found(template)
    source = BARE + "{#" + "".join(dialect.tags) + "#}"
    prompt = ChatTemplate(
        TemplateProgram(source), SpecialTokens("", "", frozenset(dialect.atoms)), thinks=True
    ).render(HI, think=False)
    assert prompt.text.endswith(f"Okay, I can answer this directly.{dialect.end}")
    assert prompt.start == "closed"


@pytest.mark.parametrize("template", [GPT_OSS + FINAL, COMMAND, "[THINK]", GRANITE])
def test_a_budget_closes_the_thought_in_the_models_own_way(
    template: str, scripted: Scripted
) -> None:
    dialect = found(template)
    thought = "".join(f"So {n} and {n}. " for n in range(90))
    settings = ReplySettings(thinking=ThinkingSettings(budget=100))
    with loaded(that_thinks(scripted, dialect, thought)) as opened:
        events = events_of(opened, settings=settings)
    assert text_of(events, ThinkingDelta).endswith(CLOSING.rstrip())
    assert text_of(events, AnswerDelta) and not finished(events).thinking_open


@pytest.mark.slow
@pytest.mark.parametrize("template", [GPT_OSS + FINAL, COMMAND, "[THINK]", GRANITE])
def test_a_grammar_begins_where_the_answer_does(
    template: str, run: Run, scripted: Scripted
) -> None:
    dialect = found(template)
    closing = f"{dialect.closing}{dialect.trail}"
    model = that_thinks(scripted, dialect, f'{{"sum":36}}{closing}{{"sum":85}}')
    schema = '{"properties": {"sum": {"type": "integer"}}}'
    result = json.loads(run("hi", "-m", model, "--format", "json", "--json-schema", schema).stdout)
    assert (result["thinking"], json.loads(result["answer"])) == ('{"sum":36}', {"sum": 85})


def test_an_end_that_is_several_tokens_is_put_off(scripted: Scripted) -> None:
    dialect = found(GPT_OSS + FINAL)
    waiting = "?" * (len("\nWait,") - 1)
    reply = f"hm<|end|>{waiting}no, it is 6, I see.{FINAL}6"
    settings = ReplySettings(thinking=ThinkingSettings(least=10))
    with loaded(that_thinks(scripted, dialect, reply)) as opened:
        events = events_of(opened, settings=settings)
    assert text_of(events, ThinkingDelta) == "hm\nWait,no, it is 6, I see."
    assert text_of(events, AnswerDelta) == "6"


def test_an_end_that_is_several_tokens_is_not_closed_again(scripted: Scripted) -> None:
    dialect = found(GPT_OSS + FINAL)
    model = that_thinks(scripted, dialect, f"{'x' * 115}{FINAL}yes")
    settings = ReplySettings(thinking=ThinkingSettings(budget=100))
    with loaded(model) as opened:
        events = events_of(opened, settings=settings)
    assert text_of(events, ThinkingDelta) == "x" * 115
    assert text_of(events, AnswerDelta) == "yes"


def test_what_stands_in_an_answer_stays_visible(scripted: Scripted) -> None:
    with loaded(that_thinks(scripted, found("[THINK]"), "a[/THINK]b[/THINK]c")) as opened:
        events = events_of(opened)
    assert text_of(events, AnswerDelta) == "b[/THINK]c"


def test_half_a_tag_of_tokens_at_the_end_is_no_text(scripted: Scripted) -> None:
    reply = "hm<|end|><|start|>assis"
    with loaded(that_thinks(scripted, found(GPT_OSS + FINAL), reply)) as opened:
        events = events_of(opened)
    assert (text_of(events, ThinkingDelta), text_of(events, AnswerDelta)) == ("hm", "")


@pytest.mark.parametrize(
    ("begun", "end"),
    [
        (Begun("hm", "", True), f"{GPT_OSS}hm"),
        (Begun("hm", "ye", False), f"{GPT_OSS}hm{FINAL}ye"),
        (Begun("", "ye", False), "<|channel|>final<|message|>ye"),
    ],
)
def test_a_cut_reply_goes_on_in_its_dialect(begun: Begun, end: str) -> None:
    template = ChatTemplate(
        TemplateProgram("<|start|>assistant{#" + GPT_OSS + FINAL + "#}"),
        SpecialTokens("", "", NONE),
        thinks=False,
    )
    prompt = prompt_of(template, HI, ReplySettings(), begun)
    assert prompt.text == f"<|start|>assistant{end}"


def test_tags_that_look_like_a_thoughts_are_noticed(scripted: Scripted) -> None:
    tags = {"<|deep_think|>": CONTROL, "<|/deep_think|>": CONTROL}
    template = "{{ bos_token }}<｜User｜><｜Assistant｜>"
    with loaded(scripted("ok", prompt=3, chat_template=template, tags=tags)) as opened:
        (notice,) = opened.notices
    assert isinstance(notice, Notice) and notice.kind == "thinking"
    assert "<|deep_think|>" in notice.message


# --- What people type is never a tag --------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("dialect", DIALECTS)
def test_tags_in_questions_are_cut(dialect: Dialect) -> None:
    source = "{{ messages[0].content }}{#" + "".join(dialect.tags) + "#}"
    template = ChatTemplate(TemplateProgram(source), SpecialTokens("", "", NONE), thinks=False)
    question = "".join(dialect.tags)
    prompt = template.render([Message("user", question)])
    assert prompt.text == question
    assert not [part for part in prompt.parts if any(atom in part for atom in dialect.atoms)]
    if dialect.atoms and dialect.closing in dialect.atoms:
        assert template.render([Message("user", f"What is {dialect.opening}")]).start == "none"


def test_a_tag_in_an_earlier_answer_hides_nothing_of_it() -> None:
    source = "{{ messages[0].content.split('</think>')[-1] }}"
    template = ChatTemplate(TemplateProgram(source), SpecialTokens("", "", NONE), thinks=False)
    said = "It writes </think> at the end."
    assert template.render([Message("assistant", said)]).text == said


def test_a_thought_that_goes_on_is_split_as_before(scripted: Scripted) -> None:
    model = that_thinks(scripted, found("[THINK]"), "???t</think>wo[/THINK]2")
    with loaded(model) as opened:
        begun = Begun("one", "", True)
        events = list(generate(opened, HI, ReplySettings(), Control(), begun))
    assert text_of(events, ThinkingDelta).endswith("t</think>wo")
    assert text_of(events, AnswerDelta) == "2"
