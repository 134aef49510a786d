"""Answers in a form that is given: by a JSON schema, or by a grammar."""

from dataclasses import dataclass
from pathlib import Path

from r1local.engine.grammar import check_grammar
from r1local.errors import GrammarError, PromptInputError
from r1local.prompts.documents import read_document
from r1local.replies.json_schema import converted


@dataclass(frozen=True, slots=True)
class Structure:
    """What an answer is held to: GBNF, and what its user should know of it."""

    grammar: str
    notice: str | None = None


def structure_of(json_schema: str | None, grammar: Path | None) -> Structure | None:
    """The form that is asked for, if one is.

    Args:
        json_schema: a schema's text, or the path of its file.
        grammar: the path of a GBNF file.

    Raises:
        GrammarError: it can't be read, or is no such thing.
    """
    if grammar is not None:
        structure = Structure(_read(grammar))
    elif json_schema is not None:
        is_text = json_schema.lstrip().startswith("{")
        made = converted(json_schema if is_text else _read(Path(json_schema)))
        ignored = f"the answer is not held to the schema's {', '.join(made.ignored)}"
        structure = Structure(made.grammar, ignored if made.ignored else None)
    else:
        return None
    check_grammar(structure.grammar)
    return structure


def _read(path: Path) -> str:
    try:
        return read_document(path).text
    except PromptInputError as error:
        raise GrammarError(error.message, error.hint) from error
