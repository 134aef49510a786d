"""Reads LaTeX from left to right and has its pieces drawn."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from r1local.ui.markdown.latex import symbols
from r1local.ui.markdown.latex.pieces import (
    Bond,
    Box,
    binomial,
    fraction,
    join,
    keep_apart,
    one_row,
)
from r1local.ui.markdown.latex.scripts import with_scripts

# Nothing that people read is nested as deep: 30 fractions within each other. Python gives up at
# 1,000 calls, and there are four to a level.
_MAX_DEPTH = 60

_TOKEN = re.compile(
    r"""(?P<space>\s+) | \\(?P<word>[A-Za-z]+)\s* | \\(?P<sign>.)
    | (?P<number>\d+(?:[.,:]\d+)*) | (?P<letters>[^\W\d_]+) | (?P<other>.)""",
    re.DOTALL | re.VERBOSE,
)
# Ends what is being read, whatever that is; whoever began it looks for its own end.
_ENDS = frozenset(["}", "&", r"\\", r"\cr", r"\end", r"\right"])
_INFIX: Mapping[str, Callable[[Box, Box], Box]] = {"over": fraction, "choose": binomial}
_SCRIPT = re.compile(r"\s*([\^_])")
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_OPTION = re.compile(r"\s*\[([^\[\]{}]*)\]")
_LENGTH = re.compile(r"\s*\[-?[\d.]+\s*[a-z]{2}\]")
_DELIMITER = re.compile(r"\s*(\\[A-Za-z]+|\\?.)\s*", re.DOTALL)


class UnreadableError(Exception):
    """A formula that is no LaTeX, or nested deeper than anybody reads."""


class Reader:
    """Reads one formula.

    `commands` draw what is more than a symbol; they are called with the reader right after the
    command's name. While `tall` is set, matrices and boxes may take several rows.
    """

    def __init__(
        self, source: str, commands: Mapping[str, Callable[["Reader"], Box]], *, tall: bool
    ) -> None:
        self.tall = tall
        self._source = source
        self._commands = commands
        self._at = 0
        self._depth = 0

    def whole(self) -> list[list[Box]]:
        r"""Return the whole formula: cells between `&` in lines between `\\`.

        Raises UnreadableError, as all that is below.
        """
        lines = self.lines()
        if self._at < len(self._source):
            raise UnreadableError
        return lines

    def lines(self) -> list[list[Box]]:
        """Read lines of cells up to an end that is neither."""
        lines = [[self.row()]]
        while True:
            if self._take("&"):
                lines[-1].append(self.row())
            elif self._take(r"\\") or self._take(r"\cr"):
                self._found(_LENGTH)
                lines.append([self.row()])
            else:
                return [line for line in lines if any(cell.text for cell in line)]

    def row(self) -> Box:
        """Read pieces up to an end."""
        pieces: list[Box] = []
        while True:
            spaced = self._skip_spaces()
            token = self._peek()
            if token is None or token[0].rstrip() in _ENDS:
                return join(pieces)
            if infix := _INFIX.get(token["word"] or ""):
                return self._infix(infix, join(pieces))
            piece = self._piece()
            if spaced and pieces and keep_apart(pieces[-1], piece):
                pieces.append(one_row(" ", "space"))
            if piece.rows != ("",):
                pieces.append(piece)

    def _infix(self, drawn: Callable[[Box, Box], Box], above: Box) -> Box:
        """Read the other half of TeX's fractions, whose halves are all there is in a group."""
        self._found(_TOKEN)
        tall, self.tall = self.tall, False
        below = self.row()
        self.tall = tall
        if len(above.rows) > 1:
            raise UnreadableError
        return drawn(above, below)

    # Arguments of commands

    def argument(self) -> Box:
        """Read an argument, on one line: a group, a command, or a single character."""
        tall, self.tall = self.tall, False
        self._skip_spaces()
        token = self._peek()
        if token and (token["number"] or token["letters"]):
            self._at += 1
            piece = one_row(token[0][0])
        else:
            piece = self._atom()
        self.tall = tall
        return piece

    def group(self) -> Box:
        """Read what stands between braces."""
        self._skip_spaces()
        self.expect("{")
        row = self.row()
        self.expect("}")
        return replace(row, kind="ordinary")

    def raw_argument(self) -> str:
        """Return the source between braces."""
        self._skip_spaces()
        self.expect("{")
        start, depth = self._at, 1
        for brace in _BRACES.finditer(self._source, start):
            depth += {"{": 1, "}": -1}.get(brace[0], 0)
            if depth == 0:
                self._at = brace.end()
                return self._source[start : brace.start()]
        raise UnreadableError

    def option(self) -> str:
        """Return the source between square brackets, if there are any."""
        option = self._found(_OPTION)
        return option[1].strip() if option else ""

    def delimiter(self) -> str:
        r"""Return the character that follows `\left` or `\right`; `.` is none."""
        match = self._found(_DELIMITER)
        if match is None:
            raise UnreadableError
        if match[1] == ".":
            return ""
        name = match[1].removeprefix("\\")
        known = name != match[1] and name in symbols.SYMBOLS
        return symbols.SYMBOLS[name][0] if known else match[1]

    def expect(self, text: str) -> None:
        """Take the token that has to come now."""
        if not self._take(text):
            raise UnreadableError

    # Pieces

    def _piece(self) -> Box:
        """Read an atom and the scripts at it."""
        base = one_row("") if _SCRIPT.match(self._source, self._at) else self._atom()
        scripts: dict[str, Box] = {}
        while mark := self._found(_SCRIPT):
            if mark[1] in scripts:
                raise UnreadableError
            scripts[mark[1]] = self.argument()
        return with_scripts(base, scripts) if scripts else base

    def _atom(self) -> Box:
        token = self._peek()
        if token is None or token[0].rstrip() in _ENDS or self._depth == _MAX_DEPTH:
            raise UnreadableError
        self._depth += 1
        if token["other"] == "{":
            piece = self.group()
        elif token["letters"]:
            piece = self._letters(token["letters"])
        else:
            self._at = token.end()
            piece = self._sign(token)
        self._depth -= 1
        return piece

    def _letters(self, run: str) -> Box:
        # A script belongs to the last letter alone.
        if len(run) > 1 and _SCRIPT.match(self._source, self._at + len(run)):
            run = run[:-1]
        self._at += len(run)
        # What is longer than a few factors is a name.
        return one_row(run, bond=Bond.PRODUCT if 1 < len(run) < 4 else Bond.ATOM)

    def _sign(self, token: re.Match[str]) -> Box:
        name = token["word"] or token["sign"]
        if name is None:
            return self._character(token[0])
        if name in symbols.SYMBOLS:
            return one_row(*symbols.SYMBOLS[name])
        if name in symbols.SPACES:
            return one_row(symbols.SPACES[name], "space")
        if name in symbols.SILENT:
            return one_row("")
        command = self._commands.get(name)
        return command(self) if command else self._unknown(token.start())

    def _character(self, text: str) -> Box:
        if text == "~":
            return one_row(" ", "space")
        # `1,2` and `3:10` are kept as they are: only the author knows whether they are one number.
        bond = Bond.PRODUCT if text[0].isdecimal() and {",", ":"} & set(text) else Bond.ATOM
        return one_row(text, symbols.KINDS.get(text, "ordinary"), bond)

    def _unknown(self, start: int) -> Box:
        """Keep a command and its arguments to the letter."""
        self._found(_OPTION)
        while self._source.startswith("{", self._at):
            self.raw_argument()
        return one_row(self._source[start : self._at])

    # Tokens

    def _peek(self) -> re.Match[str] | None:
        return _TOKEN.match(self._source, self._at)

    def _found(self, pattern: re.Pattern[str]) -> re.Match[str] | None:
        match = pattern.match(self._source, self._at)
        if match:
            self._at = match.end()
        return match

    def _take(self, text: str) -> bool:
        token = self._peek()
        if token is None or token[0].rstrip() != text:
            return False
        self._at = token.end()
        return True

    def _skip_spaces(self) -> bool:
        token = self._peek()
        if token and token["space"]:
            self._at = token.end()
            return True
        return False
