"""Answers in a prescribed form, by a JSON schema or a grammar."""

import json
import re
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from r1local.config.paths import from_home
from r1local.conversation import Part
from r1local.engine.grammar import check_grammar
from r1local.errors import GrammarError
from r1local.events.reply import Event, Finished, Notice, Written
from r1local.language import _
from r1local.prompts.documents import read_document
from r1local.replies.json_schema import converted
from r1local.replies.json_validation import json_key, verdict

#: JSON that is as short as a file's name.
_SCALAR = re.compile(r"true|false|null|-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Structure:
    """The form that an answer has to have.

    Args:
        grammar: GBNF that the answer follows while it is written.
        schema: the JSON schema by which the finished answer is validated.
        notice: what the user should know.
    """

    grammar: str
    schema: str | None = None
    notice: str | None = None


class Texts(Protocol):
    """An object that has the text of a reply so far."""

    def text(self, part: Part) -> str:
        """Return the text of a part so far."""


def structure_of(json_schema: str | None, grammar: Path | None) -> Structure | None:
    """Return the form that is asked for, if any.

    Args:
        json_schema: the text of a schema, or the path of its file.
        grammar: the path of a GBNF file.

    Raises:
        PromptInputError: its file can't be read.
        GrammarError: it is no such thing.
    """
    if grammar is not None:
        structure = Structure(read_document(grammar).text)
        check_grammar(structure.grammar)
        return structure
    return None if json_schema is None else structure_by(schema_text(json_schema))


def schema_text(given: str) -> str:
    """Return the JSON schema that a user gave as its text, or by the path of its file.

    Raises:
        PromptInputError: the file can't be read.
    """
    return given if _is_json(given) else read_document(from_home(given)).text


def _is_json(given: str) -> bool:
    """Whether what should be a schema is meant as its text: no file's name looks like that."""
    return given.lstrip()[:1] in ("{", "[", '"') or _SCALAR.fullmatch(given.strip()) is not None


@lru_cache(maxsize=8)
def structure_by(schema: str) -> Structure:
    """Return the form that a JSON schema gives an answer.

    Args:
        schema: its text, which isn't trusted.

    Raises:
        GrammarError: it isn't a JSON schema, or no grammar can be made from it.
    """
    made = converted(schema)
    try:
        check_grammar(made.grammar)
    except GrammarError as error:  # it speaks of a grammar that the user never wrote
        raise GrammarError(
            _("the schema is too large to hold an answer to"),
            _("give a simpler one, or lower bounds, as of minItems or maxLength"),
        ) from error
    ignored = _(
        "while it is written, the answer is not held to the schema's {ignored}; it is checked "
        "at its end",
        ignored=", ".join(made.ignored),
    )
    return Structure(made.grammar, schema, ignored if made.ignored else None)


def checked(
    events: Generator[Event, None, None], kept: Texts, schema: str | None
) -> Generator[Event, None, None]:
    """Yield a reply's events; with a schema, the answer is validated at the end (see `judged`).

    Args:
        kept: the reply, which handles each event before the next one is requested.
    """
    with closing(events):
        for event in events:
            if isinstance(event, Finished):
                yield from judged(event, kept, schema)
            else:
                yield event


def judged(event: Finished, kept: Texts, schema: str | None) -> tuple[Written, ...]:
    """Return the last event of a reply, and in it whether the answer matches a schema.

    Args:
        kept: the reply so far.

    Returns:
        The event with `valid`, after a notice if the answer is not valid.
    """
    if schema is None or event.reason == "cancelled":
        return (event,)
    found = verdict(kept.text("answer"), schema)
    finished = replace(event, valid=found.valid)
    if found.valid:
        return (finished,)
    return Notice(
        "schema", _("the answer does not match the schema: {reason}", reason=found.reason)
    ), finished


def canonical_json(text: str) -> str:
    """Return JSON on one line that is the same for answers of equal value.

    Raises:
        ValueError: the text is not JSON.
    """
    return json_key(json.loads(text))
