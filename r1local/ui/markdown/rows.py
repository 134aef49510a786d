"""Draws blocks of Markdown as rows of a screen.

Two things differ from CommonMark because the author is a model. Nothing written
vanishes: HTML, images and link definitions are shown as text. And formulas
are drawn, though `\\(` and `2*3*4` mean something else to Markdown.
"""

import re
from collections.abc import Iterable
from functools import cache

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Delimiter
from rich.style import Style
from rich.syntax import ANSISyntaxTheme, Syntax
from rich.text import Text

from r1local.ui.appearance import role_style
from r1local.ui.markdown.blocks import Block, BlockKind, MarkdownBlocks
from r1local.ui.markdown.latex.formulas import readable, readable_rows
from r1local.ui.markdown.tables import Justification, draw_table
from r1local.ui.markdown.wrapping import WIDE, fold, wrap
from r1local.ui.safe_text import visible

_APART = {"heading", "rule", "fence", "code", "table"}
_BREAK = re.compile(r"<br\s*/?>")
_EMPHASIS = {
    "strong": Style(bold=True),
    "em": Style(italic=True),
    "s": Style(strike=True),
    "link": Style(underline=True),
}
# The content of a \\boxed{} within a line, where no frame can be drawn.
_BOXED = re.compile("(?<=▐)[^▐▌]+(?=▌)")
_CODE_ROLES: dict[tuple[str, ...], str] = {
    ("Keyword",): "keyword",
    ("Name", "Builtin"): "accent",
    ("Name", "Decorator"): "accent",
    ("Name", "Tag"): "keyword",
    ("Literal", "Number"): "accent",
    ("Operator", "Word"): "keyword",
    ("Literal", "String"): "string",
}
_BOLD = Style(bold=True)


def _code_theme() -> ANSISyntaxTheme:
    """Return the styles of code."""
    own: dict[tuple[str, ...], Style] = {
        token: role_style(role) for token, role in _CODE_ROLES.items()
    }
    comment = role_style("note") + Style(italic=True)
    own |= {("Name", kind): _BOLD for kind in ("Class", "Function")}
    return ANSISyntaxTheme({("Comment",): comment, **own})


def draw(blocks: Iterable[Block], after: BlockKind | None, width: int) -> list[Text]:
    """Return the rows of `blocks`, at most `width` cells wide, below a block of kind `after`."""
    rows: list[Text] = []
    for block in blocks:
        apart = block.spaced or block.kind in _APART or after in _APART
        if after is not None and apart and not block.continued:
            rows.append(Text())
        # On a narrow screen deep lists give up their columns before their text.
        column = min(block.indent, width // 3)
        rows += (Text(" " * column) + row for row in _draw_block(block, width - column))
        after = block.kind
    if answer := role_style("answer"):
        for row in rows:
            row.stylize_before(answer)
    return rows


def _draw_block(block: Block, width: int) -> list[Text]:
    text = "\n".join(block.lines)
    match block.kind:
        case "paragraph":
            return wrap(styled_text(text, width), width)
        case "item":
            return _draw_item(block.marker, text, width)
        case "heading":
            return _draw_heading(text, width)
        case "rule":
            return [Text("─" * width, role_style("border"))]
        case "fence":
            return _draw_fence(block, width)
        case "code":
            return fold(Text(text), width)
        case "table":
            return _draw_table(block, width)
        case "quote":
            return _draw_quote(block.lines, width)


def _draw_item(marker: str, text: str, width: int) -> list[Text]:
    column = min(len(marker), width // 2)
    bullet = marker.replace("-", "•").replace("*", "•")[:column]
    rows = wrap(styled_text(text, width - column), width - column)
    return [Text(" " * column if index else bullet) + row for index, row in enumerate(rows)]


def _draw_heading(text: str, width: int) -> list[Text]:
    title = text.lstrip("#")
    level = len(text) - len(title)
    heading = styled_text(re.sub(r"\s+#+$", "", title.strip()))
    heading.stylize_before(role_style("heading") + Style(underline=level == 1 or None))
    return wrap(heading, width)


def _draw_fence(block: Block, width: int) -> list[Text]:
    """Draw code two columns in, under what its fence said about it."""
    info = block.marker.strip("`~ ")
    code = "\n".join(block.lines).expandtabs(4)
    language = info.split(maxsplit=1)[0].lower() if info else "text"
    highlighted = Syntax(code, language, theme=_code_theme()).highlight(code)
    highlighted.right_crop(len(highlighted.plain) - len(code))
    rows = fold(highlighted, width - 2)
    if info and not block.continued:
        rows = [*fold(Text(info, role_style("border")), width - 2), *rows]
    return [Text("  ") + row for row in rows]


def _draw_quote(lines: Iterable[str], width: int) -> list[Text]:
    inner = MarkdownBlocks()
    blocks = inner.feed("\n".join(re.sub(r"^> ?", "", line) for line in lines))
    rows = draw([*blocks, *inner.flush()], None, max(width - 2, 1))
    return [Text("▌ ", role_style("border")) + row for row in rows]


def _draw_table(block: Block, width: int) -> list[Text]:
    columns = _cells(block.marker)
    if width < 4 * len(columns):
        return fold(Text("\n".join(block.lines)), width)
    lines = [[styled_text(_BREAK.sub("\n", cell)) for cell in _cells(line)] for line in block.lines]
    head = None if block.continued else lines.pop(0)
    return draw_table(head, lines, [_justification(dashes) for dashes in columns], width)


def _justification(dashes: str) -> Justification:
    if dashes.endswith(":"):
        return "center" if dashes.startswith(":") else "right"
    return "left"


def _cells(line: str) -> list[str]:
    line = line.strip().removeprefix("|")
    cells = re.split(r"(?<!\\)\|", line.removesuffix("|") if line[-2:] != r"\|" else line)
    return [cell.strip().replace(r"\|", "|") for cell in cells]


def styled_text(text: str, width: int | None = None) -> Text:
    """Return the text of a block with its emphasis, code and links as styles.

    Display formulas have rows of their own, drawn in `width` cells if they can be, and
    one row each if no width is given.
    """
    drawn = Text()
    styles = [Style()]
    (root,) = _parser().parseInline(text)
    links: list[str] = []
    for token in root.children or ():
        name = token.type.removesuffix("_open").removesuffix("_close")
        if token.nesting > 0:
            styles.append(styles[-1] + _EMPHASIS[name])
            links += [_link_target(token.attrs)] if name == "link" else []
        elif token.nesting < 0:
            styles.pop()
            target = links.pop() if name == "link" else ""
            if target and not (token.info == "auto" or drawn.plain.endswith(target)):
                drawn.append(f" ({target})", styles[-1] + role_style("border"))
        elif name in ("softbreak", "hardbreak"):
            _begin_line(drawn)
        elif name == "formula":
            drawn.append_text(_set_apart(Text(readable(token.content), styles[-1])))
        elif name == "display":
            _begin_line(drawn)
            drawn.append_text(_draw_display(token.content, width, styles[-1])).append("\n")
        else:
            # Entities may stand for any character: they are decoded after `visible` has looked.
            code = role_style("accent") if name == "code_inline" else Style()
            drawn.append(visible(token.content), styles[-1] + code)
    drawn.rstrip()
    return drawn


def _begin_line(drawn: Text) -> None:
    if drawn and not drawn.plain.endswith("\n"):
        drawn.append("\n")


def _draw_display(formula: str, width: int | None, style: Style) -> Text:
    """Draw a formula two columns in, where there is room for it."""
    if width is None:
        return _set_apart(Text(readable(formula), style))
    width = max(width - 2, 1)
    lines = (_set_apart(Text(row, style)) for row in readable_rows(formula, width))
    return Text("\n").join(Text("  ") + row for line in lines for row in wrap(line, width))


def _set_apart(formula: Text) -> Text:
    """Make what is boxed look like it; the frame is there without styles too."""
    formula.highlight_regex(_BOXED, role_style("highlight") + _BOLD)
    return formula


def _link_target(attrs: dict[str, str | int | float]) -> str:
    # Entities in an address are decoded by the parser, after `visible` has looked.
    title = f' "{attrs["title"]}"' if "title" in attrs else ""
    return visible(f"{attrs['href']}{title}")


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("strikethrough")
    parser.disable(["image", "html_inline"])
    parser.inline.ruler.before("escape", "formula", _formula)
    parser.inline.ruler.at("escape", _escape)
    parser.inline.ruler.before("emphasis", "times", _times)
    parser.inline.ruler.before("emphasis", "wide emphasis", _wide_emphasis)
    # An address is shown as it was written, not as a browser would send it.
    parser.normalizeLink = parser.normalizeLinkText = str  # type: ignore[assignment,method-assign]
    return parser


def _braced(depth: int) -> str:
    """Return a pattern for braces around others, which never tries the same text twice."""
    inner = _braced(depth - 1) if depth else "(?!)"
    return rf"\{{ (?: [^{{}}\\]++ | \\. | {inner} )*+ \}}"


# A dollar is one of money after a letter, before a number and words, or if a digit follows.
_FORMULA = re.compile(
    rf"""(?P<display> (?: \\\[ .*? \\\] | \$\$ .+? \$\$
        | \\begin\{{(?P<name>[^}}]*)\}} .*? \\end\{{(?P=name)\}} ) [.,;:。，；：]? ) \s*
    | \\\( .*? \\\) | \\(?:boxed|fbox)\s* {_braced(8)}
    | (?<![A-Za-z0-9]) \$ (?=\S) (?!\d[\d.,]*\s+\(?[^\W\d_]{{2}})
        (?:[^$\\\n] | \\.)*? (?<=\S) \$ (?!\d)""",
    re.DOTALL | re.VERBOSE,
)


def _formula(state: StateInline, silent: bool) -> bool:
    """Take a formula as one token, to the letter."""
    if state.src[state.pos] not in "\\$":
        return False
    match = _FORMULA.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    if match["display"]:
        return _push(state, "display", match["display"], silent, len(match[0]))
    return _push(state, "formula", match[0], silent)


def _escape(state: StateInline, silent: bool) -> bool:
    r"""Drop the backslash that keeps `*` from being Markdown, but not the one of `\{`."""
    escaped = state.src[state.pos : state.pos + 2]
    if len(escaped) < 2 or escaped[0] != "\\":
        return False
    return _push(state, "text", escaped[1] if escaped[1] in "*_`#~<>$" else escaped, silent, 2)


_TIMES = re.compile(r"(?<=[0-9A-Za-z)\]])\*{1,2}(?=[0-9A-Za-z(\\])(?!\*)")


def _times(state: StateInline, silent: bool) -> bool:
    """Take the asterisks of `2*3*4` and `2**10` for what they are."""
    match = _TIMES.match(state.src, state.pos, state.posMax)
    return match is not None and _push(state, "text", match[0], silent)


_BESIDE_WIDE = re.compile(rf"(?<=[{WIDE}])\*\*+|\*\*+(?=[{WIDE}])")


def _wide_emphasis(state: StateInline, silent: bool) -> bool:
    """Take the asterisks of `**解：**首先`.

    CommonMark looks for spaces between words, which Chinese and Japanese don't have.
    """
    match = None if silent else _BESIDE_WIDE.match(state.src, state.pos, state.posMax)
    if match is None:
        return False
    start, end = match.span()
    opens = not state.src[end : end + 1].isspace() and end < state.posMax
    closes = start > 0 and not state.src[start - 1].isspace()
    for _ in match[0]:
        state.push("text", "", 0).content = "*"
        place = len(state.tokens) - 1
        state.delimiters.append(Delimiter(ord("*"), end - start, place, -1, opens, closes))
    state.pos = end
    return True


def _push(state: StateInline, kind: str, text: str, silent: bool, length: int = 0) -> bool:
    if not silent:
        token = state.push(kind, "", 0)
        token.content = text
    state.pos += length or len(text)
    return True
