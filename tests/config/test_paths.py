"""Where things lie on a machine, as the programs that they belong to have it."""

import subprocess
import sys
from pathlib import Path

import pytest

from r1local.config import paths


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"XDG_CACHE_HOME": "/x"},
        {"HF_HOME": "~/hf"},
        {"HF_HOME": "/h", "HF_HUB_CACHE": "$HF_HOME/c"},
        {"HUGGINGFACE_HUB_CACHE": "/old"},
    ],
)
def test_the_cache_is_where_huggingface_hub_has_it(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    theirs = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert paths.hub_cache_folder() == Path(theirs.stdout.strip())


def test_what_is_missing_is_not_what_can_not_be_seen(tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    assert not paths.is_missing(tmp_path)
    assert not paths.is_missing(loop)
    for nothing in (tmp_path / "x", tmp_path / "x/y", Path(__file__, "x"), Path("a\0b")):
        assert paths.is_missing(nothing)


def test_a_path_whose_links_lead_nowhere_is_a_path_all_the_same(tmp_path: Path) -> None:
    loop, link = tmp_path / "loop", tmp_path / "link"
    loop.symlink_to("loop")
    link.symlink_to("file")
    assert paths.real_path(link) == (tmp_path / "file").resolve()
    assert paths.real_path(loop).name == "loop"
    assert paths.real_path(Path("a\0b")) == Path("a\0b")
