"""The code blocks of a Markdown text, read as CommonMark reads them."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from markdown_it import MarkdownIt
from markdown_it.token import Token

#: What may stand before a fence: the marks of block quotes, and the indentation of lists.
_BEFORE = r"[>\s]*"
_LINE_ENDS = re.compile(r"\r\n|\r|\n")


class CodeBlock(NamedTuple):
    """A code block: its content, ended by a line break unless the text ends there.

    `language` is the first word behind a fence, in lower case; `ended` says that nothing is missing
    at the end of a fenced block, and `fenced` that it is one.
    """

    code: str
    language: str = ""
    fenced: bool = True
    ended: bool = True


def code_blocks(text: str) -> list[CodeBlock]:
    """Return the code blocks of a text: the fenced ones or, if there are none, the indented ones.

    What is a block is CommonMark's to say, sections 4.4 and 4.5: fences of backticks or tildes,
    longer ones around shorter ones, in lists and in quotes.
    """
    blocks = list(_blocks(text))
    return [each for each in blocks if each.fenced] or blocks


def _blocks(text: str) -> Iterator[CodeBlock]:
    parser = MarkdownIt("commonmark").disable(["inline", "text_join"], ignoreInvalid=True)
    lines = _LINE_ENDS.split(text)
    for token in parser.parse(text):
        if token.type == "code_block":
            yield CodeBlock(token.content, fenced=False)
        elif token.type == "fence":
            language = (token.info.split() or [""])[0].lower()
            yield CodeBlock(token.content, language, ended=_is_ended(token, lines))


def _is_ended(fence: Token, lines: list[str]) -> bool:
    """Tell whether a fenced block has a closing fence; without one it ends with what it is in."""
    first, end = fence.map or (0, 0)
    mark = fence.markup
    closing = re.compile(rf"{_BEFORE}{re.escape(mark[:1])}{{{len(mark)},}}\s*")
    return end - first > 1 and closing.fullmatch(lines[end - 1]) is not None
