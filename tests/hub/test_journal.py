"""Journals of downloads, which anybody may have written."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from r1local.hub.journal import BLOCK, JOURNAL, PART, Identity, Journal

IDENTITY = Identity("org/repo", "m.gguf", "etag", 3 * BLOCK)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """A journal and the part that it is about, as large as the whole file."""
    part = tmp_path / f"blob{PART}"
    part.touch()
    with part.open("r+b") as stream:
        stream.truncate(IDENTITY.size)
    return tmp_path / f"blob{JOURNAL}", part


def done(files: tuple[Path, Path], boot: str) -> set[int]:
    """The blocks that a journal opened again relies on."""
    with closing(Journal(*files, IDENTITY, boot)) as journal:
        return set(journal.done)


def test_blocks_are_there_after_the_journal_is_opened_again(files: tuple[Path, Path]) -> None:
    journal = Journal(*files, IDENTITY, "boot")
    journal.record(1)
    journal.close()
    assert done(files, "boot") == {1}
    assert done(files, "another boot") == {1}, "its head says so by now"


def test_blocks_not_brought_to_the_disk_are_forgotten_with_the_boot(
    files: tuple[Path, Path],
) -> None:
    journal = Journal(*files, IDENTITY, "boot")
    journal.record(1)
    journal.close()
    assert done(files, "another boot") == set()


@pytest.mark.parametrize("noted", [5, None, "12", {"1": 2}, [None, "1", 2.5], [-1, 99]])
def test_blocks_that_are_no_list_of_blocks_are_none(
    files: tuple[Path, Path], noted: object
) -> None:
    Journal(*files, IDENTITY, "boot").close()
    path, _part = files
    head = json.loads(path.read_text().splitlines()[0])
    path.write_text(json.dumps(head | {"done": noted}) + "\n")
    assert done(files, "boot") == set()
