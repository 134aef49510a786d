r"""The final answer in a reply: what DeepSeek-R1 puts in its last `\boxed{}`."""

import re

# What matters for counting braces. `\{`, `\}` and `\\` are text; a `\boxed` whose
# backslash was doubled, as in JSON, still counts.
_BRACES = re.compile(
    r"(?P<box>\\(?:boxed|fbox)\s*\{)|\\\\(?!boxed|fbox)|\\[{}]|(?P<open>\{)|(?P<close>\})"
)


def final_answer(text: str) -> str | None:
    r"""Return the content of the last complete `\boxed{…}`, stripped, or None.

    `\fbox{…}` counts as well. If boxes are nested, the innermost counts, since it begins
    last. A box that is cut off, by the token limit for example, is ignored in favour of
    the one before it, and so is an empty one: models write `\boxed{}` when they talk
    about how to answer. The content is returned as LaTeX, including `\text{}`; comparing
    answers is done elsewhere.

    One pass with a stack: a regular expression can't balance braces, and searching
    again for each `\boxed{` would take quadratic time on hostile text.
    """
    open_braces: list[int | None] = []
    start = end = 0
    for match in _BRACES.finditer(text):
        if match["box"]:
            open_braces.append(match.end())
        elif match["open"]:
            open_braces.append(None)
        elif match["close"] and open_braces:
            begun = open_braces.pop()
            closed = match.start()
            if begun is not None and begun > start and not text[begun:closed].isspace():
                start, end = (begun, closed) if closed > begun else (start, end)
    return text[start:end].strip() if end else None
