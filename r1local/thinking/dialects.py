"""How models mark their thoughts: pairs of tags as data, and as a vocabulary spells them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

#: Stands for a token in text. No decoded text has lone surrogates, so nothing is mistaken for one.
_FIRST_MARK = 0xDC00
#: What may be one token of a tag.
_ATOM = re.compile(r"<[^<>]+>|\[[^\[\]]+\]|◁[^◁▷]+▷")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a family of models marks its thoughts.

    Args:
        openings: what a thought begins with; r1local writes the first.
        closing: what it ends with.
        behind: what the model writes between that and its answer.
        answer_openings: what may stand in front of the answer and is no part of it.
        answer_closing: what may stand behind it, likewise.
        reopens: one more thought may stand where the answer would begin.
    """

    openings: tuple[str, ...]
    closing: str
    behind: str = "\n\n"
    answer_openings: tuple[str, ...] = ()
    answer_closing: str = ""
    reopens: bool = False

    @property
    def opening(self) -> str:
        """What r1local opens a thought with."""
        return self.openings[0]

    @property
    def tags(self) -> tuple[str, ...]:
        """All of its tags."""
        tags = (*self.openings, self.closing, *self.answer_openings, self.answer_closing)
        return tuple(filter(None, tags))

    @property
    def atoms(self) -> tuple[str, ...]:
        """The texts in its tags that vocabularies may have as tokens, each once."""
        return tuple(dict.fromkeys(atom for tag in self.tags for atom in _ATOM.findall(tag)))


R1 = Dialect(("<think>",), "</think>")


@dataclass(frozen=True, slots=True)
class Tags:
    """A dialect as a vocabulary spells it.

    Where a piece of a tag is a token, only that token is meant, and not the same text in
    other tokens, which may be a quotation. So each such token has a mark, a character that
    no text has.

    Args:
        dialect: with marks in place of the tokens' texts.
        marks: each token's mark.
        texts: each mark's text, as `str.translate` takes it.
    """

    dialect: Dialect
    marks: Mapping[int, str]
    texts: Mapping[int, str]

    @property
    def closing_token(self) -> int | None:
        """The token that a thought's end begins with, if it is one."""
        first = self.dialect.closing[0]
        return next((token for token, mark in self.marks.items() if mark == first), None)

    def shown(self, text: str) -> str:
        """A text with its marks as what they stand for."""
        return text if text.isascii() else text.translate(self.texts)


def tags_in(dialect: Dialect, token_of: Callable[[str], int | None]) -> Tags:
    """A dialect's tags in a vocabulary.

    Args:
        token_of: the token that a text is alone, if there is one.
    """
    tokens = {atom: token for atom in dialect.atoms if (token := token_of(atom)) is not None}
    marks = {atom: chr(_FIRST_MARK + number) for number, atom in enumerate(tokens)}

    def marked(tag: str) -> str:
        return _ATOM.sub(lambda atom: marks.get(atom[0], atom[0]), tag)

    spelled = replace(
        dialect,
        openings=tuple(map(marked, dialect.openings)),
        closing=marked(dialect.closing),
        answer_openings=tuple(map(marked, dialect.answer_openings)),
        answer_closing=marked(dialect.answer_closing),
    )
    return Tags(
        spelled,
        {token: marks[atom] for atom, token in tokens.items()},
        {ord(mark): atom for atom, mark in marks.items()},
    )


def is_mark(character: str) -> bool:
    """Whether a character stands for a token."""
    return "\udc00" <= character <= "\udfff"
