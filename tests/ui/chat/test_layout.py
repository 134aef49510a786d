"""Where the thinking pane is, remembered; whatever its file says."""

from pathlib import Path

import pytest

from r1local.ui.chat.layout import PaneLayout, keep_layout, read_layout


def test_a_layout_comes_back(tmp_path: Path) -> None:
    layout = PaneLayout().moved().shown().resized(+2)
    keep_layout(tmp_path / "deep" / "panes.json", layout)
    assert (
        read_layout(tmp_path / "deep" / "panes.json") == layout == PaneLayout("right", "open", 60)
    )


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        "\x00",
        "9" * 99,
        '{"place": "left", "showing": "auto", "share": 40}',
        '{"place": [], "showing": {}, "share": "x"}',
        '{"place": "auto", "showing": "auto", "share": 1e999}',
    ],
)
def test_a_layout_that_cannot_be_read_is_the_default(content: str, tmp_path: Path) -> None:
    path = tmp_path / "panes.json"
    assert read_layout(path) == PaneLayout()
    path.write_text(content)
    assert read_layout(path) == PaneLayout()


def test_a_share_stays_on_the_screen() -> None:
    assert PaneLayout().resized(-50).share == 20 and PaneLayout().resized(50).share == 80
    assert PaneLayout().side_by_side(100) and not PaneLayout().side_by_side(99)
    assert PaneLayout("right").side_by_side(40) and not PaneLayout("below").side_by_side(400)
