"""Cuts Markdown into blocks while it is still being written.

The blocks are smaller than CommonMark's: an item of a list and a paragraph inside it are
blocks of their own, drawn at the column where the model wrote them. So a list of any
depth or length is finished as it grows, and little is left to be painted again.
Underlined headings are not known: a line of dashes is a rule, a line of `=` a formula's.
"""

import re
from copy import copy
from dataclasses import dataclass, replace
from typing import Literal

BlockKind = Literal["paragraph", "item", "heading", "rule", "fence", "code", "table", "quote"]

# A block that outgrows these is given out in pieces, so that what is painted anew with
# each token stays small.
MAX_CHARACTERS = 4_000
MAX_LINES = 60

#: Put before JSON, it makes code of all of it: no line of JSON can begin with its end.
JSON_FENCE = "~~~json\n"

_FENCE = re.compile(r"(`{3,}(?=[^`]*$)|~{3,})")
_HEADING = re.compile(r"#{1,6}(?:\s|$)")
_RULE = re.compile(r"([-*_])(?:\s*\1){2,}$")
_ITEM = re.compile(r"([-*+]|\d{1,9}[.)])(?:\s+|$)")
# Quotes within quotes are drawn one inside the other; a row of `>` is no quote.
_QUOTE = re.compile(r">(?!(?:\s*>){8})")
_TABLE_COLUMNS = re.compile(r"\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?$")


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of Markdown that can be drawn without the ones before it.

    `indent` is the column it was written at; `marker` is a list item's bullet or number and
    the space up to its text, the line that opened a fence, or a table's line of dashes. `spaced`
    says that an empty line came before; `continued` that this is the next piece of the
    block before it.
    """

    kind: BlockKind
    indent: int
    lines: tuple[str, ...] = ()
    marker: str = ""
    spaced: bool = False
    continued: bool = False


class MarkdownBlocks:
    """Finds the blocks of Markdown that comes in pieces.

    Each character is looked at a bounded number of times, and where the pieces were
    cut makes no difference to the blocks.
    """

    def __init__(self) -> None:
        self._partial = ""
        self._inside_line = False
        self._open: Block | None = None
        self._lines: list[str] = []
        self._spaced = False
        self._list_columns: list[int] = []
        self._formula_end = ""
        self._finished: list[Block] = []

    def feed(self, text: str) -> list[Block]:
        """Take the next characters and return the blocks that they finish."""
        *lines, last = (self._partial + text).split("\n")
        for line in lines:
            self._feed_line(self._feed_overflow(line))
            self._inside_line = False
        self._partial = self._feed_overflow(last)
        return self._take_finished()

    def pending(self) -> list[Block]:
        """Return the unfinished blocks as they would be if the text ended here."""
        ahead = copy(self)
        ahead._lines = self._lines.copy()
        ahead._list_columns = self._list_columns.copy()
        ahead._finished = []
        return ahead.flush()

    def flush(self) -> list[Block]:
        """End the text and return its last blocks."""
        if self._partial:
            self._feed_line(self._partial)
            self._partial = ""
        self._close()
        return self._take_finished()

    def _take_finished(self) -> list[Block]:
        finished, self._finished = self._finished, []
        return finished

    def _feed_overflow(self, line: str) -> str:
        """Give out the first pieces of a line too long to be repainted; return the rest."""
        while len(line) > MAX_CHARACTERS:
            cut = line.rfind(" ", MAX_CHARACTERS // 2, MAX_CHARACTERS) + 1 or MAX_CHARACTERS
            self._feed_line(line[:cut])
            self._give_out_piece()
            self._inside_line = True
            line = line[cut:]
        return line

    def _feed_line(self, line: str) -> None:
        if self._inside_line:
            if line.strip():
                self._append(line.expandtabs(4))
        elif self._open is not None and self._open.kind == "fence":
            self._feed_fence(self._open, line)
        elif not line.strip():
            self._close()
            self._spaced = True
        else:
            self._feed_text(line.expandtabs(4).rstrip())
        if len(self._lines) >= MAX_LINES or sum(map(len, self._lines)) > MAX_CHARACTERS:
            self._give_out_piece()

    def _feed_fence(self, fence: Block, line: str) -> None:
        closing = line.strip()
        mark = _fence_mark(fence.marker)
        if closing.startswith(mark) and not closing.strip(mark[0]):
            self._close()
        else:
            indent = len(line) - len(line.lstrip(" "))
            self._lines.append(line[min(indent, fence.indent) :])

    def _feed_text(self, line: str) -> None:
        content = line.lstrip()
        indent = len(line) - len(content)
        if self._formula_end and self._open is not None and not _FENCE.match(content):
            self._lines.append(line[min(indent, _text_column(self._open)) :])
        elif not self._continues(indent, content):
            self._begin(indent, content)
        self._watch_formula(content)

    def _continues(self, indent: int, content: str) -> bool:
        """Add a line to the open block if it belongs there."""
        block = self._open
        if block is None:
            return False
        if block.kind == "code":
            belongs = indent >= block.indent
            content = " " * (indent - block.indent) + content
        elif block.kind == "table":
            belongs = "|" in content
        elif "|" in content and _TABLE_COLUMNS.match(content) and self._begin_table(content):
            return True
        elif block.kind == "quote" and _QUOTE.match(content):
            belongs = True
        else:
            belongs = not _begins_block(content)
        if belongs:
            self._append(content)
        return belongs

    def _begin(self, indent: int, content: str) -> None:
        """Open the block that a line begins, and close it if it is but one line."""
        had_room = self._open is None
        self._close()
        while self._list_columns and self._list_columns[-1] > indent:
            self._list_columns.pop()
        item = None if _RULE.match(content) else _ITEM.match(content)
        column = self._list_columns[-1] if self._list_columns else 0
        if had_room and indent >= column + 4 and not (item and self._list_columns):
            self._start("code", column + 4, " " * (indent - column - 4) + content)
        elif _FENCE.match(content):
            self._start("fence", indent, marker=content)
        elif _HEADING.match(content):
            self._start("heading", indent, content)
            self._close()
        elif _RULE.match(content):
            self._start("rule", indent, content)
            self._close()
        elif _QUOTE.match(content):
            self._start("quote", indent, content)
        elif item:
            self._begin_item(indent, item[0], content[item.end() :])
        else:
            self._start("paragraph", indent, content)

    def _begin_item(self, indent: int, marker: str, content: str) -> None:
        marker = marker if content else marker + " "
        self._start("item", indent, marker=marker)
        column = indent + len(marker)
        self._list_columns.append(column)
        if _FENCE.match(content):
            self._close()
            self._start("fence", column, marker=content)
        elif content:
            self._lines.append(content)

    def _begin_table(self, dashes: str) -> bool:
        """Make the last line of the open block the head of a table, if it looks like one."""
        block = self._open
        # An item's first line holds its bullet, which a table would swallow.
        needed = 2 if block is not None and block.kind == "item" else 1
        if block is None or len(self._lines) < needed or "|" not in self._lines[-1]:
            return False
        head = self._lines.pop()
        self._spaced = block.spaced and not self._lines
        if self._lines:
            self._close()
        self._start("table", _text_column(block), head, marker=dashes)
        return True

    def _start(self, kind: BlockKind, indent: int, content: str = "", marker: str = "") -> None:
        self._open = Block(kind, indent, marker=marker, spaced=self._spaced)
        self._spaced = False
        self._lines = [content] if content else []

    def _append(self, line: str) -> None:
        if self._open is None:
            self._start("paragraph", 0)
        self._lines.append(line)

    def _watch_formula(self, content: str) -> None:
        """Notice a display formula left open, whose lines may look like items or headings."""
        if self._formula_end:
            if self._formula_end in content:
                self._formula_end = ""
        elif content.count("$$") % 2:
            self._formula_end = "$$"
        elif content.rfind(r"\[") > content.rfind(r"\]"):
            self._formula_end = r"\]"
        elif content.rfind(r"\begin{") > content.rfind(r"\end{"):
            self._formula_end = r"\end{"

    def _close(self) -> None:
        if self._open is not None and (self._lines or not self._open.continued):
            self._finished.append(replace(self._open, lines=tuple(self._lines)))
        self._open = None
        self._lines = []
        self._formula_end = ""

    def _give_out_piece(self) -> None:
        block, formula_end = self._open, self._formula_end
        if block is None:
            return
        self._close()
        if block.kind == "item":
            block = Block("paragraph", _text_column(block))
        self._open = replace(block, spaced=False, continued=True)
        self._formula_end = formula_end


def _text_column(block: Block) -> int:
    return block.indent + len(block.marker) if block.kind == "item" else block.indent


def _begins_block(content: str) -> bool:
    return any(pattern.match(content) for pattern in (_FENCE, _HEADING, _RULE, _ITEM, _QUOTE))


def _fence_mark(opening: str) -> str:
    match = _FENCE.match(opening)
    return match[1] if match else "```"
