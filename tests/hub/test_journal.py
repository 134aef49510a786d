"""Journals of downloads, which anybody may have written."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from r1local.hub.journal import BLOCK, JOURNAL, PART, Identity, Journal, partials

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


HEAD = {"version": 1, "repo_id": "o/r", "filename": "m.gguf", "etag": "e", "size": 5, "done": [0]}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[" * 100_000,
        "null",
        json.dumps(HEAD | {"size": float("inf")}),
        json.dumps(HEAD | {"size": 2**70}),
        json.dumps(HEAD | {"size": -5}),
        json.dumps(HEAD | {"size": "5"}),
        json.dumps(HEAD | {"filename": None}),
        json.dumps(HEAD | {"etag": "../e"}),
    ],
    ids=lambda line: line[:60],
)
def test_a_journal_of_no_possible_file_is_passed_over(tmp_path: Path, line: str) -> None:
    (tmp_path / f"a{JOURNAL}").write_text(line + "\n")
    (tmp_path / f"e{JOURNAL}").write_text(json.dumps(HEAD) + "\n")
    assert [partial.path.name for partial in partials(tmp_path)] == [f"e{PART}"]
