"""Messages to prompt: what templates may do, and what user text may not become."""

import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r1local.conversation import Message
from r1local.engine.special_tokens import SpecialTokens
from r1local.errors import ChatTemplateError
from r1local.prompts import template_process
from r1local.prompts.chat_template import ChatTemplate, Prompt
from r1local.prompts.template_process import TemplateProgram

BOS, EOS, USER, ASSISTANT = (
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<｜User｜>",
    "<｜Assistant｜>",
)
SPECIALS = SpecialTokens(BOS, EOS, frozenset([BOS, EOS, USER, ASSISTANT, "<think>", "</think>"]))
JANUARY_2025 = (
    "{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'user' %}<｜User｜>{{ m.content }}{% elif m.role == 'system' %}{{ m.content }}"
    "{% else %}<｜Assistant｜>{{ m.content.split('</think>')[-1] }}{{ eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<｜Assistant｜>{% endif %}"
)
LATER = JANUARY_2025.replace("<｜Assistant｜>{% endif %}", "<｜Assistant｜><think>\n{% endif %}")


@pytest.fixture(autouse=True)
def in_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Templates of these tests are harmless: they need no process each."""

    class Everything(frozenset[str]):
        def __contains__(self, _item: object) -> bool:
            return True

    monkeypatch.setattr(template_process, "KNOWN_TEMPLATES", Everything())


def plain(source: str, *contents: str) -> Prompt:
    """Rendered for a model that doesn't think."""
    return render(source, *contents, thinks=False)


def render(source: str, *contents: str, think: bool = True, thinks: bool = True) -> Prompt:
    messages = [Message("user", content) for content in contents]
    return template_of(source, thinks=thinks).render(messages, think=think)


def template_of(source: str, *, thinks: bool = False, **arguments: object) -> ChatTemplate:
    return ChatTemplate(TemplateProgram(source), SPECIALS, thinks=thinks, arguments=arguments)


def test_thinking_is_opened_where_the_template_does_not() -> None:
    prompt = render(JANUARY_2025, "hi")
    assert prompt.text == f"{BOS}{USER}hi{ASSISTANT}<think>\n"
    assert prompt.start == "open"


def test_a_template_that_opens_the_thought_is_left_alone() -> None:
    prompt = render(LATER, "hi")
    assert prompt.text == f"{BOS}{USER}hi{ASSISTANT}<think>\n"
    assert prompt.start == "open"


@pytest.mark.parametrize("template", [JANUARY_2025, LATER])
def test_a_thought_that_is_not_wanted_is_closed_again(template: str) -> None:
    prompt = render(template, "hi", think=False)
    short = "<think>\nOkay, I can answer this directly.\n</think>\n\n"
    assert prompt.text == f"{BOS}{USER}hi{ASSISTANT}{short}"
    assert prompt.start == "closed"


def test_thinking_is_not_opened_for_a_model_that_has_none() -> None:
    assert render(JANUARY_2025, "hi", thinks=False).start == "none"


def test_a_template_that_writes_half_a_character_is_refused() -> None:
    with pytest.raises(ChatTemplateError):
        render(r'{{ "\ud800" }}', "hi")


def test_harmless_text_leaves_the_prompt_whole() -> None:
    assert len(render(LATER, "a < b and b > c, <b>html</b>").parts) == 1


@pytest.mark.parametrize("tag", sorted(SPECIALS.texts))
def test_special_tokens_in_user_text_are_cut(tag: str) -> None:
    prompt = render(LATER, f"x{tag}{tag}y{tag}")
    assert prompt.text == f"{BOS}{USER}x{tag}{tag}y{tag}{ASSISTANT}<think>\n"
    assert not any(tag in part.removeprefix(f"{BOS}{USER}") for part in prompt.parts[:-1])
    assert prompt.start == "open"


def test_template_does_not_see_tags_in_earlier_answers() -> None:
    messages = [
        Message("user", "a"),
        Message("assistant", "the tag is </think>, see"),
        Message("user", "b"),
    ]
    prompt = template_of(JANUARY_2025, thinks=True).render(messages)
    assert "the tag is </think>, see" in prompt.text
    assert all("</think>" not in part for part in prompt.parts)


def test_texts_that_meet_make_no_special_token() -> None:
    prompt = plain("{{ messages[0].content }}{{ messages[1].content }}", "a <｜Us", "er｜> b")
    assert prompt.text == "a <｜User｜> b"
    assert all(USER not in part for part in prompt.parts)


def test_text_and_template_that_meet_make_no_special_token() -> None:
    prompt = plain("<{{ messages[0].content }}>", "think")
    assert prompt.text == "<think>"
    assert prompt.parts == ("<", "think", ">")


def test_user_text_at_the_end_does_not_open_the_thought() -> None:
    assert plain("{{ messages[0].content }}", "<think>\n").start == "none"


def test_private_use_characters_pass() -> None:
    assert "\ue000 \ue001" in render(LATER, "\ue000 \ue001<think>").text


def test_a_text_of_every_private_use_character_passes() -> None:
    every = "".join(map(chr, range(0xE000, 0xF900)))
    assert every in render(LATER, f"{every}<think>").text


def test_special_tokens_stand_where_they_are_whole() -> None:
    specials = SpecialTokens("", "", frozenset(["<a>", "<a><b>", "b", "<b>"]))
    assert sorted(specials.spans("x<a><b>")) == [(1, 4), (1, 7), (4, 7)]
    assert list(specials.spans("<a")) == []


def test_many_special_tokens_cost_little() -> None:
    texts = frozenset(f"<token {number}>" for number in range(100_000))
    program = TemplateProgram("{{ messages[0].content }}")
    template = ChatTemplate(program, SpecialTokens("", "", texts), thinks=False)
    started = time.process_time()
    prompt = template.render([Message("user", "<token <token 7>" * 10_000)])
    assert len(prompt.parts) == 10_001
    assert time.process_time() - started < 5


def test_template_strips_around_cuts() -> None:
    prompt = plain("[{{ messages[0].content | trim }}]", "  </think>  ")
    assert prompt.text == "[</think>]"


# --- Wishes, and what a template makes of them -----------------------------------

#: Closes the thought unless one is wanted, as llama.cpp's copies of R1-Distill's and QwQ's do.
OFF_BY_DEFAULT = LATER.replace(
    "<think>\n{% endif %}", "<think>\n{% if not enable_thinking %}</think>{% endif %}{% endif %}"
)
#: DeepSeek V3.1's way: another name, or this one, or no thought.
TWO_NAMES = (
    "{% if not thinking is defined %}{% set thinking = enable_thinking | default(false) %}"
    "{% endif %}"
    + JANUARY_2025.replace("{% endif %}{% endfor %}", "{% endif %}{% endfor %}", 1)
    + "{{ '<think>' if thinking else '</think>' }}"
)
#: Qwen 3's way: nothing, or a blank thought.
BLANK_THOUGHT = JANUARY_2025 + (
    "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n"
    "{% endif %}"
)
#: By a system prompt alone.
IN_WORDS = "{{ 'Think.' if enable_thinking else 'Answer.' }}" + JANUARY_2025


def notices_of(prompt: Prompt) -> list[str]:
    return [notice.message for notice in prompt.notices]


@pytest.mark.parametrize(
    ("source", "thinking", "not_thinking"),
    [
        (OFF_BY_DEFAULT, "<think>\n", "<think>\n</think>"),
        (TWO_NAMES, "<think>", "</think>"),
        (BLANK_THOUGHT, "<think>\n", "<think>\n\n</think>\n\n"),
        (IN_WORDS, "<think>\n", ""),
    ],
)
def test_templates_are_told_whether_a_thought_is_wanted(
    source: str, thinking: str, not_thinking: str
) -> None:
    template = template_of(source, thinks=True)
    assert template.has_switch
    wanted, unwanted = (template.render([Message("user", "hi")], think=t) for t in (True, False))
    assert wanted.text.endswith(f"hi{ASSISTANT}{thinking}")
    assert wanted.start == "open"
    assert unwanted.text.endswith(f"hi{ASSISTANT}{not_thinking}")
    assert unwanted.start == ("closed" if not_thinking else "none")
    assert not notices_of(wanted)
    assert not notices_of(unwanted)


def test_a_template_that_always_closes_the_thought_is_said() -> None:
    prompt = render(LATER.replace("<think>\n", "<think></think>"), "hi")
    assert prompt.start == "closed"
    assert notices_of(prompt) == [
        "the chat template closes the thought before it begins: the model won't think"
    ]


def test_a_wish_not_to_think_without_effect_is_said() -> None:
    prompt = render(JANUARY_2025, "hi", think=False, thinks=False)
    assert prompt.start == "none"
    assert notices_of(prompt) == [
        "the chat template can't switch off the thinking: no-think has no effect"
    ]


def test_a_notice_is_returned_once() -> None:
    template = template_of(JANUARY_2025)
    notices = template.render([Message("user", "hi")], think=False).notices
    assert template.new_notices(notices) == list(notices)
    assert template.new_notices(notices) == []


def test_arguments_go_before_what_is_wanted() -> None:
    template = template_of(OFF_BY_DEFAULT, thinks=True, enable_thinking=False, other=1)
    assert template.render([Message("user", "hi")]).start == "closed"
    assert template.unused_arguments == ("other",)
    source = "{{ level }}{{ messages[0].content }}"
    assert template_of(source, level="high").render([Message("user", "!")]).text == "high!"


def test_templates_know_the_day() -> None:
    assert plain("{{ date_string | length }} {{ datetime | length }}").text == "11 11"


def test_tools_are_none_and_undefined_where_that_fails() -> None:
    assert plain("{{ tools is none }}{{ messages[0].content }}", "hi").text == "Truehi"
    listed = "{% for tool in tools %}{{ tool }}{% endfor %}{{ messages[0].content }}"
    assert plain(listed, "hi").text == "hi"


def test_contents_come_in_parts_where_a_template_wants_parts() -> None:
    source = (
        "{% for m in messages %}{% for part in m.content %}"
        "{% if part.type == 'text' %}{{ part.text }}{% endif %}{% endfor %}{% endfor %}"
    )
    prompt = plain(source, "a", "</think>")
    assert prompt.text == "a</think>"
    assert "</think>" not in prompt.parts


# --- System prompts ---------------------------------------------------------------

REFUSES = JANUARY_2025.replace(
    "{% elif m.role == 'system' %}{{ m.content }}",
    "{% elif m.role == 'system' %}{{ raise_exception('no system role') }}",
)
FORGETS = JANUARY_2025.replace(
    "{% elif m.role == 'system' %}{{ m.content }}", "{% elif m.role == 'system' %}"
)
TALK = [Message("system", "Be terse."), Message("user", "hi")]


def test_a_system_prompt_stands_where_the_template_puts_it() -> None:
    prompt = template_of(JANUARY_2025).render(TALK)
    assert prompt.text == f"{BOS}Be terse.{USER}hi{ASSISTANT}"
    assert not notices_of(prompt)


@pytest.mark.parametrize("source", [REFUSES, FORGETS])
def test_a_system_prompt_without_a_place_stands_before_the_question(source: str) -> None:
    prompt = template_of(source).render(TALK)
    assert prompt.text == f"{BOS}{USER}Be terse.\nhi{ASSISTANT}"
    assert notices_of(prompt) == [
        "the chat template has no system role: the system prompt goes before the first question"
    ]


def test_a_system_prompt_that_is_left_out_is_said() -> None:
    prompt = template_of("{{ bos_token }}{{ messages[-1].content[-2:] }}").render(TALK)
    assert prompt.text == f"{BOS}hi"
    assert notices_of(prompt) == ["the chat template leaves out the system prompt"]


@pytest.mark.parametrize("source", ["", "{{ bos_token }}", "{{ messages[0].role }}"])
def test_a_question_that_is_left_out_is_said(source: str) -> None:
    left_out = "the chat template leaves out the question: the model doesn't see it"
    prompts = (render(source, "2+3"), template_of(source).render(TALK))
    assert all(left_out in [n.message for n in prompt.notices] for prompt in prompts)


def test_an_empty_question_is_not_left_out() -> None:
    assert not render("", " ").notices


def test_a_template_that_wants_no_system_prompt_at_all_says_how_to_go_on() -> None:
    source = (
        "{{ raise_exception('no') if 'terse' in messages[0].content else messages[0].content }}"
    )
    with pytest.raises(ChatTemplateError) as caught:
        template_of(source).render(TALK)
    assert "leave --system out" in caught.value.hint


# --- Templates that delete text -----------------------------------------------------


@pytest.mark.parametrize(
    ("source", "content"),
    [
        ("{{ m.content.replace('/think', '') }}", "<//thinkthink>"),
        ("{{ m.content.replace('/no_think', '') }}", "</no_think/think>"),
        ("{{ m.content.replace('/no_think', '') }}", "x <｜Us/no_thinker｜> y"),
        ("{{ m.content | replace('/no_think', '') | trim }}", " </no_think/think> "),
        ("{{ m.content.split('/no_think') | join('') }}", "</no_think/think>"),
        ("<{{ m.content.replace('x', '') }}", "x/think>"),
        ("{% for part in m.content.split('|') %}<{{ part }}>{% endfor %}", "a|/think|b"),
        ("{{ '<%s>' % m.content.strip('#') }}", "#/think#"),
        ("{{ m.content | upper | lower }}", "</THINK>"),
        ("{{ m.content | e | replace('&lt;', '<') | replace('&gt;', '>') }}", "<x/think>"),
        ("{{ m.content[1:] }}", "x</think"),
    ],
)
def test_text_that_becomes_a_special_token_by_what_is_deleted_is_cut(
    source: str, content: str
) -> None:
    template = "<think>{% for m in messages %}" + source + "{% endfor %}</think>"
    prompt = plain(template, content)
    own = [part for part in prompt.parts if part in SPECIALS.texts]
    assert prompt.parts[0].startswith("<think>")
    assert prompt.parts[-1].endswith("</think>")
    inside = prompt.text.removeprefix("<think>").removesuffix("</think>")
    whole = [text for text in SPECIALS.texts if text in inside]
    joined = "\n".join(prompt.parts).removeprefix("<think>").removesuffix("</think>")
    assert not [text for text in whole if text in joined]
    assert len(own) <= 2


def test_switches_in_a_question_still_work() -> None:
    source = (
        "{% set ns = namespace(think=true) %}{% for m in messages %}"
        "{% if '/no_think' in m.content %}{% set ns.think = false %}{% endif %}"
        "{{ m.content.replace('/no_think', '') }}{% endfor %}"
        "{{ '<think>' if ns.think else '<think></think>' }}"
    )
    prompt = plain(source, "2 + 2 /no_think")
    assert prompt.parts == ("2 + 2 <think></think>",)
    assert prompt.start == "closed"


def test_assembled_text_at_the_end_does_not_open_the_thought() -> None:
    assert plain("{{ messages[0].content.replace('x', '') }}", "<thxink>").start == "none"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.sampled_from(["</think>", "/think", "<", "th", "ink>", "/no_think", "a", " "])))
def test_no_question_makes_a_special_token(pieces: list[str]) -> None:
    content = "".join(pieces)
    source = (
        "{{ bos_token }}{% for m in messages %}"
        "{{ m.content.replace('/no_think', '').replace('/think', '').strip() }}{% endfor %}"
    )
    parts = plain(source, content).parts
    assert "".join(parts).startswith(BOS)
    assert all(not list(SPECIALS.spans(part.removeprefix(BOS))) for part in parts)
