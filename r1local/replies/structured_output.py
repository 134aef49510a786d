"""Answers in a prescribed form, by a JSON schema or a grammar."""

import json
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from r1local.engine.grammar import check_grammar
from r1local.errors import GrammarError, PromptInputError
from r1local.events.reply import Event, Finished, Notice
from r1local.events.reply_builder import ReplyBuilder
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
    elif json_schema is not None:
        is_text = json_schema.lstrip().startswith("{")
        schema = json_schema if is_text else _read(Path(json_schema))
        structure = Structure(*_grammar_of(schema))
    else:
        return None
    check_grammar(structure.grammar)
    return structure


def checked(
    events: Generator[Event, None, None], kept: ReplyBuilder, schema: str | None
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


def judged(event: Event, kept: ReplyBuilder, schema: str | None) -> tuple[Event, ...]:
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


def _grammar_of(schema: str) -> tuple[str, str, str | None]:
    made = converted(schema)
    ignored = (
        f"the grammar does not enforce the schema's {', '.join(made.ignored)}; "
        "the finished answer is checked for it"
    )
    return made.grammar, schema, ignored if made.ignored else None


def _read(path: Path) -> str:
    try:
        return read_document(path).text
    except PromptInputError as error:
        raise GrammarError(error.message, error.hint) from error
