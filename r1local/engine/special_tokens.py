"""The tokens of a vocabulary that are more than text, and where a text spells them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property


@dataclass(frozen=True)
class SpecialTokens:
    """Texts of a vocabulary's control and user-defined tokens.

    `texts` are all those that the user's text must not turn into; `bos` and `eos` may be
    empty.
    """

    bos: str
    eos: str
    texts: frozenset[str]

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Yield where special tokens begin and end in a text, including overlapping ones.

        Tokens of one character are left out: they can't be cut, and no vocabulary of
        DeepSeek's has any. The cost depends on how many different lengths occur, not on how
        many tokens there are.
        """
        for match in self._beginnings.finditer(text):
            start = match.start()
            for length in self._lengths:
                piece = text[start : start + length]
                if len(piece) == length and piece in self.texts:
                    yield start, start + length

    @cached_property
    def _lengths(self) -> list[int]:
        return sorted({len(text) for text in self.texts if len(text) > 1}, reverse=True)

    @cached_property
    def _beginnings(self) -> re.Pattern[str]:
        """A pattern of the characters that special tokens begin with."""
        characters = "".join(sorted({text[0] for text in self.texts if len(text) > 1}))
        return re.compile(f"[{re.escape(characters)}]" if characters else r"(?!)")
