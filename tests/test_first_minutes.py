"""The page on the first minutes, walked on a terminal from its first command to its last."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from r1local.models.catalog import load_catalog
from testing.command import ROOT
from testing.loopback_hub import Hub, loopback_hub
from testing.walks import Step, Walker, shows, steps_in

PAGE = ROOT / "docs" / "first-minutes.md"
NANO = (ROOT / "r1local" / "nano.gguf").read_bytes()


@pytest.fixture
def hub() -> Iterator[Hub]:
    """A hub that has nano under the name of the model that the page downloads."""
    model = load_catalog().find("1.5b")
    assert model and model.repo_id
    with loopback_hub() as served:
        for quantization in model.sizes:
            served.add(model.repo_id, f"DeepSeek-R1-Distill-Qwen-1.5B-{quantization}.gguf", NANO)
        yield served


@pytest.mark.slow
@pytest.mark.parametrize("columns, lines", [(80, 24), (120, 35)])
def test_a_stranger_sees_what_the_page_says(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int, lines: int
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    settings = {"HF_ENDPOINT": hub.url, "R1LOCAL_TEMPERATURE": "0"}
    steps = steps_in(PAGE.read_text(encoding="utf-8"))
    assert {step.where for step in steps} == {"$", "❯", ""}
    with Walker(tmp_path, columns, lines, **settings) as terminal:
        for step in steps:
            terminal.take(step)


def test_a_page_is_read_as_steps() -> None:
    page = (
        "```console\n$ a b\none\n❯ c\n[F2]\ntwo\nthree\n```\n```sh\n$ no\n```\n```console\n$ d\n```"
    )
    assert steps_in(page) == [
        Step("$", "a b", ["one"]),
        Step("❯", "c"),
        Step("", "F2", ["two", "three"]),
        Step("$", "d"),
    ]


@pytest.mark.parametrize("block", ["seen\n", "[F13]\n"])
def test_a_page_that_cannot_be_walked_is_an_error(block: str) -> None:
    with pytest.raises(ValueError, match=r"seen|F13"):
        steps_in(f"```console\n{block}```\n")


@pytest.mark.parametrize(
    "seen",
    [
        ["one two", "three"],
        ["one…three"],
        ["…"],
        ["in 3.5 s", "2.5 GB of 840 MB, ~"],
        ["2026-11-28-2331-23 goes on"],
    ],
)
def test_a_screen_shows_what_was_written_down(seen: list[str]) -> None:
    screen = "$ x\none\n  two three\nin 0.1 s, 9 MB of 9.0 GB, ~\n2031-01-01-0000-59 goes\non"
    assert shows(screen, Step("$", "x", seen))


@pytest.mark.parametrize(
    "seen", [["three", "one"], ["four"], ["three", "…", "one"], ["x"], ["one 43"]]
)
def test_a_screen_does_not_show_anything_else(seen: list[str]) -> None:
    assert not shows("four\n$ x\none two three\n42 goes on", Step("$", "x", seen))
