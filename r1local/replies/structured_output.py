"""Answers in a prescribed form, by a JSON schema or a grammar."""

import json
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

from r1local.conversation import Part
from r1local.engine.grammar import check_grammar
from r1local.errors import GrammarError, PromptInputError
from r1local.events.reply import Event, Finished, Notice
from r1local.prompts.documents import read_document
from r1local.replies.json_schema import converted
from r1local.replies.json_validation import json_key, verdict


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
        GrammarError: it can't be read, or isn't a schema or grammar.
    """
    if grammar is not None:
        structure = Structure(_read(grammar))
        check_grammar(structure.grammar)
        return structure
    return None if json_schema is None else structure_by(schema_text(json_schema))


def schema_text(given: str) -> str:
    """The JSON schema that a user gave as its text, or by the path of its file.

    Raises:
        GrammarError: the file can't be read.
    """
    return given if given.lstrip().startswith("{") else _read(Path(given).expanduser())


@lru_cache(maxsize=8)
def structure_by(schema: str) -> Structure:
    """The form that a JSON schema gives an answer.

    Args:
        schema: its text, which is not trusted.

    Raises:
        GrammarError: it is none, or no grammar can be made of it.
    """
    made = converted(schema)
    check_grammar(made.grammar)
    ignored = (
        f"while it is written, the answer is not held to the schema's {', '.join(made.ignored)}; "
        "it is checked at its end"
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


def judged(event: Event, kept: Texts, schema: str | None) -> tuple[Event, ...]:
    """Return an event; for the last one of a reply, add whether its answer matches a schema.

    Args:
        kept: the reply so far.

    Returns:
        The event; a `Finished` gets `valid`, and follows a notice if the answer is not valid.
    """
    if schema is None or not isinstance(event, Finished) or event.reason == "cancelled":
        return (event,)
    found = verdict(kept.text("answer"), schema)
    finished = replace(event, valid=found.valid)
    if found.valid:
        return (finished,)
    return Notice("schema", f"the answer does not match the schema: {found.reason}"), finished


def canonical_json(text: str) -> str:
    """Return JSON on one line that is the same for answers of equal value.

    Raises:
        ValueError: the text is not JSON.
    """
    return json_key(json.loads(text))


def _read(path: Path) -> str:
    try:
        return read_document(path).text
    except PromptInputError as error:
        raise GrammarError(error.message, error.hint) from error
