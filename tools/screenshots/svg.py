"""Rows of a screen as an SVG picture that looks the same in every browser.

Each piece of text is stretched to the cells that it has on the screen, so that whichever fonts
there are, columns stand one below the other and Japanese takes two cells a character.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from html import escape, unescape

from tools.screenshots.rows import Piece, Row, text_of

#: The colours of the terminal in each theme: those of GitHub's pages, where README is read.
PALETTES: Mapping[str, Mapping[str, str]] = {
    "dark": {"text": "#e6edf3", "background": "#0d1117", "frame": "#30363d"},
    "light": {"text": "#1f2328", "background": "#ffffff", "frame": "#d0d7de"},
}
#: Fonts of systems, each with the shapes of boxes; for Japanese the system's own stands in.
_FONTS = (
    "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono',"
    " 'Noto Sans Mono CJK JP', 'Hiragino Sans', 'MS Gothic', monospace"
)
#: Pixels of a cell, of the text's size, of its baseline below the row's top, and around the screen.
_WIDE, _HIGH, _SIZE, _BASELINE, _EDGE = 8.4, 19, 14, 14, 14
_TEXT = re.compile(r'<text x="([\d.]+)" y="([\d.]+)" textLength="([\d.]+)"[^>]*>([^<]*)</text>')


def drawn(rows: Sequence[Row], title: str, palette: Mapping[str, str]) -> str:
    """Return a picture of a screen.

    Args:
        title: what it shows, for people who don't see it.
        palette: the colours of its text, its background and its frame.
    """
    columns = max(piece.column + piece.cells for row in rows for piece in row.pieces)
    width, height = columns * _WIDE + 2 * _EDGE, len(rows) * _HIGH + 2 * _EDGE
    frame = (
        f'<rect x="0.5" y="0.5" width="{width - 1:g}" height="{height - 1:g}" rx="6"'
        f' fill="{palette["background"]}" stroke="{palette["frame"]}"/>'
    )
    pieces = [
        line
        for number, row in enumerate(rows)
        for piece in row.pieces
        for line in _drawn_piece(piece, number, palette)
    ]
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}"'
        f' width="{width:g}" height="{height:g}" role="img" font-family="{_FONTS}"'
        f' font-size="{_SIZE}">'
    )
    return "\n".join([head, f"<title>{escape(title)}</title>", frame, *pieces, "</svg>", ""])


def _drawn_piece(piece: Piece, row: int, palette: Mapping[str, str]) -> Iterator[str]:
    x, y = _EDGE + piece.column * _WIDE, _EDGE + row * _HIGH
    width = piece.cells * _WIDE
    if piece.background != "default":
        fill = palette.get(piece.background, piece.background)
        yield f'<rect x="{x:g}" y="{y}" width="{width:g}" height="{_HIGH}" fill="{fill}"/>'
    if piece.text.strip():
        colour = palette["text"] if piece.colour == "default" else piece.colour
        look = f'fill="{palette.get(colour, colour)}" style="white-space:pre"'
        look += ' font-weight="bold"' * piece.bold + ' font-style="italic"' * piece.italic
        look += ' text-decoration="underline"' * piece.underlined
        yield (
            f'<text x="{x:g}" y="{y + _BASELINE}" textLength="{width:g}"'
            f' lengthAdjust="spacingAndGlyphs" {look}>{escape(piece.text)}</text>'
        )


def text_in(picture: str) -> list[str]:
    """Return the rows of the screen that a picture shows, by where its pieces of text are."""
    rows: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
    for x, y, length, text in _TEXT.findall(picture):
        row = round((float(y) - _BASELINE - _EDGE) / _HIGH)
        column, cells = round((float(x) - _EDGE) / _WIDE), round(float(length) / _WIDE)
        rows[row].append((column, cells, unescape(text)))
    return [text_of(iter(rows[row])) for row in range(max(rows, default=-1) + 1)]
