"""The real home, with a developer's own settings and models, is out of reach of every fixture."""

import os
from pathlib import Path

import pytest

from r1local.config.paths import config_file

Reached = tuple[list[Path], list[str]]


def reached() -> Reached:
    """The folders of whoever asks, and the settings in their environment."""
    settings = [name for name in os.environ if name.startswith(("R1LOCAL_", "XDG_", "HF_"))]
    return [Path.home(), config_file()], settings


@pytest.fixture(scope="session")
def by_a_session() -> Reached:
    return reached()


@pytest.fixture(scope="module")
def by_a_module() -> Reached:
    return reached()


def test_no_fixture_reaches_it(
    by_a_session: Reached, by_a_module: Reached, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for folders, settings in (by_a_session, by_a_module, reached()):
        assert all(each.is_relative_to(tmp_path_factory.getbasetemp()) for each in folders)
        assert not settings
