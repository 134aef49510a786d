"""Messages to prompt: what templates may do, and what user text may not become."""

import time

import pytest

from r1local.conversation import Message
from r1local.engine.special_tokens import SpecialTokens
from r1local.errors import ChatTemplateError
from r1local.prompts.chat_template import ChatTemplate, Prompt

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


def plain(source: str, *contents: str) -> Prompt:
    """Rendered for a model that doesn't think."""
    return render(source, *contents, thinks=False)


def render(source: str, *contents: str, think: bool = True, thinks: bool = True) -> Prompt:
    messages = [Message("user", content) for content in contents]
    return ChatTemplate(source, SPECIALS, thinks=thinks).render(messages, think=think)


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


def test_surrogates_of_a_template_become_text() -> None:
    assert render(r'{{ "\ud83d\ude00 \ud800!" }}', "hi").text == "😀 \ufffd!<think>\n"


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
    prompt = ChatTemplate(JANUARY_2025, SPECIALS, thinks=True).render(messages)
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


def test_many_special_tokens_cost_little() -> None:
    texts = frozenset(f"<token {number}>" for number in range(100_000))
    template = ChatTemplate("{{ messages[0].content }}", SpecialTokens("", "", texts), thinks=False)
    started = time.process_time()
    prompt = template.render([Message("user", "<token <token 7>" * 10_000)])
    assert len(prompt.parts) == 10_001
    assert time.process_time() - started < 5


def test_template_strips_around_cuts() -> None:
    prompt = plain("[{{ messages[0].content | trim }}]", "  </think>  ")
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
        "{{ 'a' | center(100000000) }}",
        "{{ 'a'.center(100000000) }}",
        "{{ 'a'.ljust(100000000) }}",
        "{{ '%100000000d' % 1 }}",
        "{{ '%*d' % (100000000, 1) }}",
        "{{ '{:>100000000}'.format(1) }}",
        "{{ ('a' * 100000) | replace('a', 'a' * 100000) }}",
        "{{ ('a' * 100000).replace('a', 'a' * 100000) }}",
        "{{ ([0] * 100000) | join('a' * 100000) }}",
        "{{ ('a' * 100000).join([0] * 100000) }}",
        "{{ ('\n' * 100000) | indent(100000) }}",
        "{{ 'aaa'.translate({97: 'b'}) }}",
        "{{ ([1] * 7000000) | map('string') | list | length }}",
        "{{ (10 ** 60000000) % 7 }}",
        "{% set ns = namespace(x=10) %}{% for _ in range(99) %}{% set ns.x = ns.x * ns.x %}"
        "{% endfor %}",
        "{% set ns = namespace(x=[]) %}{% for _ in range(99) %}"
        "{% set ns.x = ns.x + ['a' * 1000000] %}{% endfor %}",
        "{{ lipsum(1000) }}",
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
    assert plain(source, "hi").text == '0g{"k": "é<"}True4'
