"""Grammars that are no grammars, or too large: refused before llama.cpp draws by them."""

import pytest

from r1local.engine.grammar import check_grammar
from r1local.errors import GrammarError
from testing.waiting import processor_within


@pytest.mark.parametrize(
    "grammar", ['root ::= "a"', 'root ::= x\nx ::= [a-z]+ | x2\nx2 ::= ("é")?', "root ::= [^\\n]*"]
)
def test_a_grammar_that_can_be_read_is_accepted(grammar: str) -> None:
    check_grammar(grammar)


@pytest.mark.parametrize(
    "grammar",
    ["", "root ::= x", 'root ::= "a', 'start ::= "a"', 'root ::= root "a"', "nonsense", "a\0b"],
)
def test_what_is_no_grammar_is_refused_with_a_hint(grammar: str) -> None:
    with pytest.raises(GrammarError) as caught:
        check_grammar(grammar)
    assert caught.value.hint


@pytest.mark.parametrize(
    "grammar",
    [
        "root ::= " + "(" * 100_000,
        "root ::= r0\n" + "\n".join(f"r{n} ::= r{n + 1}" for n in range(100_000)),
        'root ::= (((("a"{1999}){1999}){1999}){1999})',
        'root ::= "a"{99999999999999999999999}',
        "root ::= [" + "a" * 300_000 + "]",
    ],
    ids=["groups", "rules", "repeats", "number", "size"],
)
def test_hostile_grammars_are_refused_soon(grammar: str) -> None:
    with processor_within(5), pytest.raises(GrammarError):
        check_grammar(grammar)
