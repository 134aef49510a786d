"""Work in a thread: its outcome is its caller's."""

import threading

import pytest

from r1local.engine.background import begun
from testing.waiting import PATIENCE_S


def test_the_outcome_is_waited_for() -> None:
    gate = threading.Event()
    outcome = begun(lambda: gate.wait(PATIENCE_S))
    gate.set()
    assert outcome() is True


def test_an_error_is_raised_where_the_outcome_is_wanted() -> None:
    def fail() -> None:
        raise ValueError("no")

    outcome = begun(fail)
    with pytest.raises(ValueError, match="no"):
        outcome()
