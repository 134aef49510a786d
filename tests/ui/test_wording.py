"""Words for durations, counts and what comes next."""

from r1local.ui.wording import reading_first


def test_reading_is_told_only_where_one_waits_for_it() -> None:
    assert reading_first(0) == reading_first(99) == ""
    assert "reads the conversation so far (1,203 tokens)" in reading_first(1_203)
