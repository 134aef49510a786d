"""The pictures of README: what they show can be read back, and what varies is left out of it."""

import re
from pathlib import Path

import pyte
import pytest
from hypothesis import given
from hypothesis import strategies as st

from testing.command import ROOT
from tools.screenshots.__main__ import draw, stale_pictures
from tools.screenshots.rows import rows_of
from tools.screenshots.scenes import SCENES
from tools.screenshots.svg import PALETTES, drawn, text_in
from tools.screenshots.wording import steady

_TEXT = st.text(st.sampled_from("ab <&>\"'漢字、▐│░"), max_size=30)


def screen_of(text: str) -> pyte.Screen:
    screen = pyte.Screen(60, 7)
    pyte.Stream(screen).feed(text)
    return screen


@given(st.lists(_TEXT, min_size=1, max_size=5), st.sampled_from([*PALETTES]))
def test_a_picture_has_the_screens_text_in_its_cells(lines: list[str], theme: str) -> None:
    looks = ("", "\x1b[7m", "\x1b[1;38;2;1;2;3m", "\x1b[3;4;36m")
    styled = [f"{look}{line}\x1b[0m" for line, look in zip(lines, looks * 2, strict=False)]
    screen = screen_of("x\r\n" + "\r\n".join(styled))
    rows = rows_of(screen)
    found = text_in(drawn(rows, "a <title>", PALETTES[theme]))
    shown = [row.rstrip() for row in screen.display]
    while shown and not shown[-1]:
        shown.pop()
    assert [row.rstrip() for row in found] == shown


def test_looks_are_drawn() -> None:
    picture = drawn(
        rows_of(screen_of("\x1b[1;38;2;1;2;3mbold\x1b[0;7mback\x1b[0;3mslanted")),
        "looks",
        PALETTES["dark"],
    )
    assert re.search(r'fill="#010203"[^>]* font-weight="bold">bold<', picture)
    assert '<rect x="47.6" y="14" width="33.6" height="19" fill="#e6edf3"/>' in picture
    assert re.search(r'fill="#0d1117"[^>]*>back<', picture)
    assert re.search(r'font-style="italic">slanted<', picture)


@pytest.mark.parametrize(
    "row, other",
    [
        ("▸ thought for 0.0 s · 54 tokens", "▸ thought for 12.3 s · 54 tokens"),
        ("nano · 107/4,096 · 2514 tokens/s · sums", "nano · 107/4,096 · 9 tokens/s · sums"),
        (
            "12 replies, then the outcome was certain · 4,839 tokens, 1,954 per second",
            "16 replies · 9,999 tokens, 54 per second",
        ),
        ("Free here: 22.6 GiB of memory, no GPU", "Free here: 1.5 GiB of memory"),
        ("Q2_K   2.8   3.2 CPU   ~1.2-3.2", "Q2_K   2.8   3.2 part   14"),
        ("─ Thought for 0.0 s · 4 tokens ────", "─ Thought for 10.0 s · 4 tokens ───"),
    ],
)
def test_what_varies_does_not_make_a_picture_stale(row: str, other: str) -> None:
    assert steady([row]) == steady([other])


@pytest.mark.parametrize(
    "row, other",
    [
        ("27 + 58 = 85", "27 + 58 = 86"),
        ("▸ thought for 0.0 s · 54 tokens", "▸ thought for 0.0 s · 55 tokens"),
        ("Q2_K   2.8   3.2 CPU   ~1.2-3.2", "Q2_K   2.9   3.2 CPU   ~1.2-3.2"),
        ("F1 or /help shows the rest", "/help shows the rest"),
    ],
)
def test_what_is_said_does(row: str, other: str) -> None:
    assert steady([row]) != steady([other])


def test_of_a_tally_only_the_winner_counts() -> None:
    rows = ["5535 · 7 votes", "4735 · 2 votes", "8 · 1 vote", "10 replies · 9 tokens", ""]
    assert steady(rows) == ["5535 · N votes", "N replies · 9 tokens"]


def test_readme_shows_every_picture_on_both_backgrounds() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"docs/images/(\S+)\.svg", readme)) == {
        f"{scene.name}-{theme}" for scene in SCENES for theme in PALETTES
    }
    for scene in SCENES:
        assert f'alt="{scene.title}"' in readme


@pytest.mark.slow
def test_a_picture_of_something_else_is_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = next(scene for scene in SCENES if scene.name == "votes")
    monkeypatch.setattr("tools.screenshots.__main__.IMAGES", tmp_path)
    draw(scene)
    assert stale_pictures(scene) == []
    path = tmp_path / "votes-light.svg"
    path.write_text(path.read_text(encoding="utf-8").replace("5535", "5536"), encoding="utf-8")
    (tmp_path / "votes-dark.svg").unlink()
    assert stale_pictures(scene) == ["votes-dark.svg", "votes-light.svg"]
