"""The dialect of chat templates, and what they may not reach."""

from typing import Any

import pytest

from r1local.prompts.template_sandbox import answer


def rendered(source: str, content: str = "hi", **variables: object) -> dict[str, Any]:
    messages = [{"role": "user", "content": content}]
    answered = answer(source, [variables | {"messages": messages}])
    (first,) = answered.get("rendered", [answered])
    assert isinstance(first, dict)
    return first


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{% for i in range(9) %}{% if i == 1 %}{% break %}{% endif %}{{ i }}{% endfor %}", "0"),
        ("{% generation %}g{% endgeneration %}", "g"),
        ("{{ strftime_now('%Y') | length }}", "4"),
        ("{{ {'k': 'é<'} | tojson }}", '{"k": "é<"}'),
        ("{{ {'k': 'é'} | tojson(ensure_ascii=true) }}", '{"k": "\\u00e9"}'),
        ("{{ {'b': 1, 'a': 2} | tojson(sort_keys=True) }}", '{"a": 2, "b": 1}'),
        ("{{ {'b': [1, 2]} | tojson(separators=(',', ':')) }}", '{"b":[1,2]}'),
        ("{{ [1] | tojson(indent=2) }}", "[\n  1\n]"),
        ("{{ 'one two three four' | truncate(8) }}", "one..."),
        ("{{ 'one two' | wordcount }}", "2"),
        ("{{ '%s!' | format('a') }}{{ 'a' | center(3) }}|", "a! a |"),
        ("{{ [1, 2, 3] | batch(2) | list }}", "[[1, 2], [3]]"),
        ("{{ [1, 2] | slice(2) | list }}", "[[1], [2]]"),
        ("{{ '<b>x</b>' | striptags }}{{ 'a b' | urlencode }}", "xa%20b"),
        ("{{ 'a'.ljust(2) }}{{ 'a'.center(3) }}{{ '7'.zfill(2) }}", "a  a 07"),
        ("{{ messages | map(attribute='content') | join(', ') }}", "hi"),
        ("{{ [{'a': {'b': 'x'}}] | join('', attribute='a.b') }}", "x"),
        ("{{ messages[0] }}", "{'role': 'user', 'content': 'hi'}"),
        ("{{ ('<a>' | safe) + '<b>' }}", "<a><b>"),
        (
            "{% set n = namespace(x=1) %}{% for i in [2] %}{% set n.x = i %}{% endfor %}{{ n.x }}",
            "2",
        ),
        ("{{ messages | selectattr('role', 'equalto', 'user') | list | length }}", "1"),
        ("{{ messages[0].get('tool_calls', 'none') }}{{ 'tools' in messages[0] }}", "noneFalse"),
        ("{{ '{a}'.format_map({'a': 1}) }}{{ '%c' % 'x' }}{{ 'ab'.startswith('a') }}", "1xTrue"),
        ("{{ messages[0].items() | list | length }}{{ messages[::-1] | length }}", "21"),
        ("{% for m in messages %}{{ loop.first }}{{ loop.index0 }}{% endfor %}", "True0"),
    ],
)
def test_templates_have_what_jinja_and_transformers_give_them(source: str, text: str) -> None:
    assert rendered(source)["text"] == text


@pytest.mark.parametrize(
    "source",
    [
        "{{ raise_exception('no system prompt, please') }}",
        "{{ missing.attribute }}",
        "{% if %}",
        "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
        "{{ 1 / 0 }}",
        "{% include '/etc/passwd' %}",
        "{{ lipsum(3) }}",
        "{{ '\\ud800' }}",
        "{{ " + "[" * 5000 + "]" * 5000 + " }}",
    ],
)
def test_broken_templates_are_errors(source: str) -> None:
    message, hint = rendered(source)["error"]
    assert message == "the chat template can't be used"
    assert "--chat-template" in hint


@pytest.mark.parametrize(
    "source",
    [
        "{{ ''.__class__ }}",
        "{{ messages[0].content.__class__ }}",
        "{{ messages[0].content._origins }}",
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",
        "{{ raise_exception.__globals__ }}",
        "{{ '{0.__class__}'.format(1) }}",
        "{{ '' | attr('__class__') }}",
        "{{ messages.append(1) }}",
        "{{ messages[0].update({'role': 'system'}) }}",
        "{{ messages[0].pop('role') }}",
        "{{ messages.clear() }}",
        "{{ messages | map(attribute='__class__') | list }}",
        "{{ '{a.__class__}'.format_map({'a': 1}) }}",
        "{{ namespace.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__ }}",
        "{{ self.__init__ }}",
        "{{ strftime_now.__code__ }}",
        "{% for m in messages %}{{ loop.__class__ }}{% endfor %}",
        "{% macro m() %}{% endmacro %}{{ m.__call__.__func__ }}",
    ],
)
def test_pythons_insides_are_out_of_reach(source: str) -> None:
    message, _hint = rendered(source)["error"]
    assert message == "the chat template tries something that is forbidden"


def test_what_a_template_lacks_can_be_given() -> None:
    _message, hint = rendered("{{ 'a' + functions }}")["error"]
    assert "'functions' is undefined" in hint
    assert "--template-arg" in hint
    assert rendered("{{ 'a' + functions }}", functions="b")["text"] == "ab"


@pytest.mark.parametrize(
    ("source", "runs"),
    [
        ("<{{ messages[0].content }}>", [[1, 0], [2, 1], [1, 0]]),
        ("{{ '<' + messages[0].content ~ 1 }}", [[1, 0], [2, 1], [1, 0]]),
        ("{{ messages[0]['content'] | trim | upper }}", [[2, 1]]),
        ("{{ '<{}>'.format(messages[0].content) }}", [[1, 0], [2, 1], [1, 0]]),
        ("{{ '<%s>' % messages[0].content }}", [[1, 0], [2, 1], [1, 0]]),
        ("{{ '<%(a)s>' % {'a': messages[0].content} }}", [[1, 0], [2, 1], [1, 0]]),
        ("{{ '<x>'.replace('x', messages[0].content) }}", [[1, 0], [2, 1], [1, 0]]),
        ("{{ '<x>' | replace('x', messages[0].content) }}", [[1, 0], [2, 1], [1, 0]]),
        ("{{ ['<', messages[0].content] | join }}", [[1, 0], [2, 1]]),
        ("{{ '<'.join(['', messages[0].content]) }}", [[1, 0], [2, 1]]),
        ("{% macro m(x) %}<{{ x }}{% endmacro %}{{ m(messages[0].content) }}", [[1, 0], [2, 1]]),
        ("{% macro m(x) %}<a>{% endmacro %}{{ m(messages[0].content) }}", [[3, 0]]),
        ("{% set x %}<{{ messages[0].content }}{% endset %}{{ x }}", [[1, 0], [2, 1]]),
        ("{% for c in messages[0].content %}<{{ c }}{% endfor %}", [[1, 0], [1, 1]] * 2),
        ("{{ messages[0].content | default('x') }}{{ messages[0].content | safe }}", [[4, 1]]),
        ("{{ [messages[0].content] | tojson }}", [[6, 1]]),
        ("{{ messages[0].content.title() }}{{ messages[0].content | indent }}", [[4, 1]]),
        ("{{ messages[0].content | e }}{{ [messages[0].content] }}", [[8, 1]]),
    ],
)
def test_texts_of_messages_are_followed(source: str, runs: list[list[int]]) -> None:
    assert [list(run) for run in rendered(source)["runs"]] == runs


def test_a_range_too_long_is_said_in_our_words() -> None:
    error = rendered("{% for i in range(1000000) %}{% endfor %}")["error"]
    assert error[0] == "the chat template counts too far"
    assert "RANGE" not in error[1]
