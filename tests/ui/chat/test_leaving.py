"""Ctrl-C on an empty input leaves at the second press, if that comes soon."""

from r1local.ui.chat.leaving import SECOND_PRESS_S, LeavingKey


def test_only_a_second_press_within_two_seconds_leaves() -> None:
    now = 100.0
    key = LeavingKey(lambda: now)
    assert not key.half_pressed and not key.pressed() and key.half_pressed
    now += SECOND_PRESS_S
    assert not key.half_pressed and not key.pressed()
    now += SECOND_PRESS_S / 2
    assert key.pressed() and not key.half_pressed
