"""bash's lines: the words in one that is being typed, and quoting what is put into it.

bash hands over words as they are written, cut at COMP_WORDBREAKS (`7b`, `:`, `q5`), and replaces
only what comes after the last cut, or after a quote that is still open. So its completions are
made from the line itself.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

#: What needs a backslash; `~` is typed on purpose.
_SPECIAL = re.compile(r"[^\w@%+=:,./~-]")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")
#: Words before the name of a file, of whatever command.
REDIRECTIONS = frozenset(("<", ">", ">>", "2>", "2>>", "&>", ">|"))


class BashLine(NamedTuple):
    """A line up to the cursor.

    `typed` is the last word without its quotes, of which bash keeps the first `kept` characters;
    `quote` is the quote that is open there.
    """

    words: Sequence[str]
    typed: str
    kept: int
    quote: str


def read_line(line: str, breaks: str) -> BashLine:
    """Split a line into words as bash does, as far as quotes, backslashes and breaks go."""
    words: list[str] = []
    word: str | None = None
    quote, kept = "", 0
    characters = iter(line)
    for c in characters:
        if c == quote:
            quote = ""
        elif c == "\\" and quote != "'":
            following = next(characters, "")
            literal = quote and following not in '"\\$`'
            word = (word or "") + (c if literal else "") + following
        elif quote:
            word = (word or "") + c
        elif c in "'\"":
            word, quote = word or "", c
            kept = len(word)
        elif c.isspace():
            words += [word] if word is not None else []
            word, kept = None, 0
        else:
            word = (word or "") + c
            kept = len(word) if c in breaks else kept
    while words and _ASSIGNMENT.match(words[0]):
        del words[0]
    return BashLine(words, word or "", kept, quote)


def quoted(value: str, line: BashLine) -> str:
    """Return what bash is to put in place of the part of the last word that it replaces."""
    text = value[line.kept :]
    if line.quote == "'":
        return text.replace("'", "'\\''")
    if line.quote:
        return re.sub(r'[\\"$`]', r"\\\g<0>", text)
    return _SPECIAL.sub(r"\\\g<0>", text)
