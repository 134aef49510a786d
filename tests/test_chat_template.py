"""Messages to prompt: what templates may do, and what user text may not become."""

import time

import pytest

from r1local.chat_template import ChatTemplate, Prompt, SpecialTokens
from r1local.conversation import Message
from r1local.errors import ChatTemplateError

BOS, EOS, USER, ASSISTANT = (
    "<｜begin▁of▁sentence｜>",
    "<｜end▁of▁sentence｜>",
    "<｜User｜>",
    "<｜Assistant｜>",
)
SPECIALS = SpecialTokens(BOS, EOS, frozenset([BOS, EOS, USER, ASSISTANT, "<think>", "</think>"]))
WITHOUT_TAGS = SpecialTokens(BOS, EOS, frozenset([BOS, EOS, USER, ASSISTANT]))
#: R1's form; the comment makes it one that knows thoughts.
JANUARY_2025 = (
    "{#</think>#}{{ bos_token }}{% for m in messages %}"
    "{% if m.role == 'user' %}<｜User｜>{{ m.content }}{% elif m.role == 'system' %}{{ m.content }}"
    "{% else %}<｜Assistant｜>{{ m.content.split('</think>')[-1] }}{{ eos_token }}{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}<｜Assistant｜>{% endif %}"
)
LATER = JANUARY_2025.replace("<｜Assistant｜>{% endif %}", "<｜Assistant｜><think>\n{% endif %}")


def render(
    source: str, *contents: str, think: bool = True, specials: SpecialTokens = SPECIALS
) -> Prompt:
    messages = [Message("user", content) for content in contents]
    return ChatTemplate(source, specials).render(messages, think=think)


def test_thinking_is_opened_where_the_template_does_not() -> None:
    prompt = render(JANUARY_2025, "hi")
    assert prompt.text == f"{BOS}{USER}hi{ASSISTANT}<think>\n"
    assert prompt.start == "open"


def test_a_template_that_opens_the_thought_is_left_alone() -> None:
    prompt = render(LATER, "hi")
    assert prompt.text == f"{BOS}{USER}hi{ASSISTANT}<think>\n"
    assert prompt.start == "open"


def test_thinking_is_not_opened_when_not_wanted() -> None:
    assert render(JANUARY_2025, "hi", think=False).start == "none"


@pytest.mark.parametrize(
    ("source", "specials"),
    [(JANUARY_2025, WITHOUT_TAGS), (JANUARY_2025.replace("</think>", "x"), SPECIALS)],
    ids=["no_such_tokens", "template_knows_no_thoughts"],
)
def test_thinking_is_not_opened_for_a_model_that_has_none(
    source: str, specials: SpecialTokens
) -> None:
    assert render(source, "hi", specials=specials).start == "none"


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
    prompt = ChatTemplate(JANUARY_2025, SPECIALS).render(messages)
    assert "the tag is </think>, see" in prompt.text
    assert all("</think>" not in part for part in prompt.parts)


def test_texts_that_meet_make_no_special_token() -> None:
    prompt = render("{{ messages[0].content }}{{ messages[1].content }}", "a <｜Us", "er｜> b")
    assert prompt.text == "a <｜User｜> b"
    assert all(USER not in part for part in prompt.parts)


def test_text_and_template_that_meet_make_no_special_token() -> None:
    prompt = render("<{{ messages[0].content }}>", "think")
    assert prompt.text == "<think>"
    assert prompt.parts == ("<", "think", ">")


def test_user_text_at_the_end_does_not_open_the_thought() -> None:
    assert render("{{ messages[0].content }}", "<think>\n").start == "none"


def test_private_use_characters_pass() -> None:
    assert "\ue000 \ue001" in render(LATER, "\ue000 \ue001<think>").text


def test_template_strips_around_cuts() -> None:
    prompt = render("[{{ messages[0].content | trim }}]", "  </think>  ")
    assert prompt.text == "[</think>]"


@pytest.mark.parametrize(
    "source",
    [
        "{{ raise_exception('no system prompt, please') }}",
        "{{ missing.attribute }}",
        "{% if %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ 1 / 0 }}",
        "{{ ''.__class__ }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ raise_exception.__globals__ }}",
        "{{ messages.append(1) }}",
        "{{ 'a' * 1000000000 }}",
        "{{ [0] * 1000000000 }}",
        "{{ 10 ** 1000000000 }}",
        "{% set ns = namespace(x='aaaa') %}{% for _ in range(99) %}{% set ns.x = ns.x ~ ns.x %}"
        "{% endfor %}",
        "{% set ns = namespace(x='aaaa') %}{% for _ in range(99) %}{% set ns.x = ns.x + ns.x %}"
        "{% endfor %}",
        "{% include '/etc/passwd' %}",
    ],
)
def test_broken_and_greedy_templates_are_errors(source: str) -> None:
    with pytest.raises(ChatTemplateError) as caught:
        render(source, "hi")
    assert "--chat-template" in caught.value.hint


def test_a_template_that_does_not_end_is_stopped() -> None:
    loop = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
    started = time.monotonic()
    with pytest.raises(ChatTemplateError, match="did not end"):
        render(loop, "hi")
    assert time.monotonic() - started < 10


def test_templates_have_what_transformers_gives_them() -> None:
    source = (
        "{% for i in range(9) %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}"
        "{% generation %}g{% endgeneration %}{{ {'k': 'é<'} | tojson }}{{ tools is none }}"
        "{{ strftime_now('%Y') | length }}"
    )
    assert render(source, "hi").text == '0g{"k": "é<"}True4'
