"""Speeds over the depth of the context, as an SVG image."""

from collections.abc import Sequence
from xml.etree import ElementTree as ET

from r1local.events.benchmark import Figure
from r1local.ui.benchmarks.plot import PLOTTED

_WIDTH, _HEIGHT, _LEFT, _TOP, _GAP = 420, 240, 60, 50, 80
_OURS, _THEIRS, _AXIS = "#0969da", "#9a6700", "#57606a"
_TICKS = 4


def svg(title: str, figures: Sequence[Figure], others: Sequence[Figure]) -> str:
    """Return an image with a graph for each kind of speed, with the spread of the runs as bars.

    Args:
        title: text for its head; it may contain anything.
        others: what llama-bench measured, drawn as a second line.
    """
    width = len(PLOTTED) * (_WIDTH + _GAP) + _LEFT
    root = ET.Element(
        "svg",
        {
            "xmlns": "http://www.w3.org/2000/svg",
            "viewBox": f"0 0 {width} {_HEIGHT + _TOP + 60}",
            "font-family": "sans-serif",
            "font-size": "12",
            "fill": _AXIS,
        },
    )
    _text(root, _LEFT, 20, _printable(title), {"font-weight": "bold"})
    for number, (kind, words) in enumerate(PLOTTED.items()):
        place = {"transform": f"translate({_LEFT + number * (_WIDTH + _GAP)} {_TOP})"}
        ours, theirs = ([f for f in each if f.kind == kind] for each in (figures, others))
        _graph(ET.SubElement(root, "g", place), words, ours, theirs)
    return ET.tostring(root, encoding="unicode") + "\n"


def _graph(group: ET.Element, words: str, ours: Sequence[Figure], theirs: Sequence[Figure]) -> None:
    everything = [*ours, *theirs]
    highest = max((figure.most for figure in everything), default=1.0)
    deepest = max((figure.at for figure in everything), default=0) or 1
    _axes(group, words, highest, sorted({figure.at for figure in everything}), deepest)
    for figures, colour, name in ((ours, _OURS, "r1local"), (theirs, _THEIRS, "llama-bench")):
        if not figures:
            continue
        points = [(_WIDTH * f.at / deepest, _y(f.median, highest)) for f in figures]
        line = {"fill": "none", "stroke": colour, "stroke-width": "2"}
        ET.SubElement(group, "polyline", {"points": " ".join(map(_pair, points)), **line})
        for (x, y), figure in zip(points, figures, strict=True):
            ET.SubElement(group, "circle", _place(cx=x, cy=y, r=3) | {"fill": colour})
            spread = _place(x1=x, x2=x, y1=_y(figure.least, highest), y2=_y(figure.most, highest))
            ET.SubElement(group, "line", spread | {"stroke": colour})
        x, y = points[0]
        _text(group, x + 6, y - 6, name, {"fill": colour})


def _axes(
    group: ET.Element, words: str, highest: float, depths: Sequence[int], deepest: int
) -> None:
    _text(group, 0, -10, words)
    frame = {"points": f"0,0 0,{_HEIGHT} {_WIDTH},{_HEIGHT}", "fill": "none", "stroke": _AXIS}
    ET.SubElement(group, "polyline", frame)
    for tick in range(_TICKS + 1):
        value = highest * tick / _TICKS
        _text(group, -6, _y(value, highest) + 4, f"{value:,.4g}", {"text-anchor": "end"})
    for depth in depths:
        label = f"{depth // 1024}k" if depth >= 1024 else str(depth)
        _text(group, _WIDTH * depth / deepest, _HEIGHT + 18, label, {"text-anchor": "middle"})


def _y(value: float, highest: float) -> float:
    return _HEIGHT * (1 - value / highest)


def _text(
    group: ET.Element, x: float, y: float, text: str, more: dict[str, str] | None = None
) -> None:
    ET.SubElement(group, "text", _place(x=x, y=y) | (more or {})).text = text


def _place(**numbers: float) -> dict[str, str]:
    return {name: f"{number:.1f}" for name, number in numbers.items()}


def _pair(point: tuple[float, float]) -> str:
    return f"{point[0]:.1f},{point[1]:.1f}"


def _printable(text: str) -> str:
    """Return a text without the characters that XML can't have."""
    return "".join(character if character.isprintable() else "?" for character in text)
