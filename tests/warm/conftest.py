"""No engine outlives its test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from r1local.config.paths import engines_folder
from testing.warm import kill_all


@pytest.fixture(autouse=True)
def engines(home: Path) -> Iterator[Path]:  # noqa: ARG001
    """The folder of the engines' sockets."""
    yield engines_folder()
    kill_all()
