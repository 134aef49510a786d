"""What tests of the hub share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from testing.loopback_hub import Hub
from testing.one_file_hub import one_file_hub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has one file."""
    with one_file_hub(tmp_path / "cache", monkeypatch) as served:
        yield served
