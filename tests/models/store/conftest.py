"""What tests of the store share."""

from pathlib import Path

import pytest

from testing.homes import Homes, homes_in


@pytest.fixture
def homes(home: Path, monkeypatch: pytest.MonkeyPatch) -> Homes:
    """The homes that models have, all of them empty."""
    return homes_in(home, monkeypatch)
