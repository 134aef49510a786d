"""The plot as an image: well-formed whatever it shows."""

from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from r1local.events.benchmark import Figure
from r1local.ui.benchmarks.svg import svg

_NAME = "{http://www.w3.org/2000/svg}"
SPEEDS = st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=5).map(tuple)
FIGURES = st.lists(
    st.builds(
        Figure, st.sampled_from(["prompt", "generation", "memory"]), SPEEDS, st.integers(0, 2**20)
    ),
    max_size=8,
)


@given(st.text(), FIGURES, FIGURES)
def test_it_is_xml_with_every_figure(
    title: str, figures: list[Figure], others: list[Figure]
) -> None:
    root = ET.fromstring(svg(title, figures, others))
    assert root.tag == f"{_NAME}svg"
    plotted = [figure for figure in (*figures, *others) if figure.kind != "memory"]
    circles = root.findall(f".//{_NAME}circle")
    assert len(circles) == len(plotted)
    assert all(0 <= float(circle.attrib["cy"]) <= 240 for circle in circles)
    assert all(0 <= float(circle.attrib["cx"]) <= 420 for circle in circles)


def test_markup_in_a_title_is_text() -> None:
    root = ET.fromstring(svg("<script>&\x00", [Figure("prompt", (1.0,))], []))
    texts = [each.text for each in root.findall(f"{_NAME}text")]
    assert texts == ["<script>&?"]
