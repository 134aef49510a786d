"""A thought that is edited: its file, and what was changed in it."""

import errno
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.conversation import Reply
from r1local.errors import SessionError
from r1local.sessions.draft import Draft, edited_passages

texts = st.text("ab c\n日本", max_size=20)


def thinking(text: str, *edited: tuple[int, int]) -> Reply:
    return Reply(text, "", "stop", False, "nano", edited=edited)


@given(texts, texts)
def test_what_is_not_marked_is_as_it_was_and_in_order(old: str, new: str) -> None:
    passages = edited_passages(thinking(old), new)
    assert (passages == ()) == (old == new)
    place = done = 0
    for start, end in (*passages, (len(new), len(new))):
        assert done <= start <= end
        kept = new[done:start]
        place = old.index(kept, place) + len(kept)
        done = end


@given(texts, texts, texts, texts)
def test_what_was_marked_stays_marked(before: str, edited: str, after: str, more: str) -> None:
    reply = thinking(before + edited + after, (len(before), len(before + edited)))
    longer = edited_passages(reply, reply.thinking + more)
    marked = {n for start, end in longer for n in range(start, end)}
    assert marked >= set(range(len(before), len(before + edited)))
    assert edited_passages(reply, reply.thinking) == (reply.edited if reply.thinking else ())


@pytest.mark.parametrize(
    ("old", "new", "marked"),
    [
        ("So it is 4.", "So it is 5.", ["5"]),
        ("So it is 4. Or not.", "So it is 4.", [""]),
        ("Three primes. Wait.", "Four primes. Is 9 one?", ["Four", "Is 9 one?"]),
        ("素数は三つです。", "素数は四つです。", ["四"]),
        ("Hm.", "Hm. Let me see.", [" Let me see."]),
    ],
)
def test_passages(old: str, new: str, marked: list[str]) -> None:
    assert [new[a:b] for a, b in edited_passages(thinking(old), new)] == marked


def test_an_earlier_edit_moves_along() -> None:
    reply = thinking("One two three four", (4, 7))
    later = "Zero, one: One two three five"
    assert [later[a:b] for a, b in edited_passages(reply, later)] == ["Zero, one: ", "two", "five"]


def test_a_draft_that_was_begun_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "talk.thought-1.md"
    draft = Draft("Hm.", path)
    assert (draft.resumed, draft.read(), path.stat().st_mode & 0o777) == (False, "Hm.", 0o600)
    assert not Draft("Hm.", path).resumed, "nothing was done to it"
    path.write_bytes(b"Hm!\r\nWell.\n")
    again = Draft("Hm.", path)
    assert (again.resumed, again.read()) == (True, "Hm!\nWell.")
    assert Draft("Hm.\n", path).read() == "Hm!\nWell.\n"
    again.remove()
    again.remove()
    assert not [*tmp_path.iterdir()]


def test_line_ends_that_the_model_wrote_are_no_change(tmp_path: Path) -> None:
    thought = "Hm.\r\nWell."
    draft = Draft(thought, tmp_path / "talk.thought-1.md")
    assert (draft.resumed, draft.read()) == (False, thought)


def test_a_draft_without_a_session_leaves_nothing() -> None:
    draft = Draft("Hm.", None)
    assert draft.read() == "Hm." and draft.path.parent.stat().st_mode & 0o777 == 0o700
    draft.remove()
    assert not draft.path.parent.exists()


def test_what_goes_wrong_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = tmp_path / "link.md"
    link.symlink_to(tmp_path / "elsewhere.md")
    with pytest.raises(SessionError, match="can't be written for the editor"):
        Draft("Hm.", link)
    assert not (tmp_path / "elsewhere.md").exists()
    draft = Draft("Hm.", tmp_path / "draft.md")
    draft.path.write_bytes(b"\xff")
    with pytest.raises(SessionError, match="isn't text in UTF-8"):
        draft.read()
    full = OSError(errno.ENOSPC, "No space left on device")

    def refuse(_descriptor: int) -> None:
        raise full

    monkeypatch.setattr("os.fsync", refuse)
    with pytest.raises(SessionError, match="No space left"):
        Draft("Hm.", tmp_path / "other.md")
    assert not (tmp_path / "other.md").exists()


def test_damaged_passages_of_a_file_do_no_harm() -> None:
    for edited in ((9, 2), (50, 60), (0, 99)):
        reply = replace(thinking("One two."), edited=(edited,))
        passages = edited_passages(reply, "One three.")
        assert all(0 <= start <= end <= len("One three.") for start, end in passages)
