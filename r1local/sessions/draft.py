"""A thought that is being edited: a file that outlives the chat, and what was changed in it."""

import os
import tempfile
from contextlib import suppress
from itertools import takewhile
from pathlib import Path

from r1local.conversation import Reply, Span
from r1local.errors import SessionError

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)


class Draft:
    """The file of a thought that is being edited; only its owner can read it.

    Whatever ends the chat, the file stays until the session has the edited thought.

    Args:
        thought: the thought as it was.
        path: the file; one from an earlier attempt is gone on with. None is a temporary one.

    Raises:
        SessionError: it can't be written.
    """

    def __init__(self, thought: str, path: Path | None) -> None:
        self._thought = thought
        self._temporary = path is None
        self.path = path or Path(tempfile.mkdtemp(prefix="r1local-"), "thought.md")
        if not self.path.is_file() or self.path.is_symlink():
            self._write()
        #: Whether an earlier attempt left something in it.
        self.resumed = self.read() != thought

    def read(self) -> str:
        """Return the thought as it is now.

        Raises:
            SessionError: it can't be read, or isn't text.
        """
        try:
            text = self.path.read_bytes().decode()
        except (OSError, UnicodeDecodeError) as error:
            told = getattr(error, "strerror", None) or "it isn't text in UTF-8"
            raise SessionError(
                f"the thought can't be read: {told}", f"look at {self.path}"
            ) from error
        text = text.replace("\r\n", "\n")
        # Editors end the last line.
        return text if self._thought.endswith("\n") else text.removesuffix("\n")

    def remove(self) -> None:
        """Delete the file."""
        with suppress(OSError):
            self.path.unlink()
            if self._temporary:
                self.path.parent.rmdir()

    def _write(self) -> None:
        try:
            with open(os.open(self.path, _FLAGS, 0o600), "wb") as file:  # noqa: PTH123
                file.write(self._thought.encode("utf-8", "replace"))
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            self.remove()
            raise SessionError(
                f"the thought can't be written for the editor: {error.strerror or error}",
                f"free some room, or look at {self.path.parent}",
            ) from error


def edited_passages(before: Reply, thought: str) -> tuple[Span, ...]:
    """Return the passages of an edited thought that people wrote, or cut out something at.

    What was changed now is one passage, from the first to the last change. Those from before
    are kept where they lie outside of it.
    """
    old = before.thinking
    start = _alike(old, thought)
    same = min(_alike(old[::-1], thought[::-1]), len(old) - start, len(thought) - start)
    moved, tail = len(thought) - len(old), len(old) - same
    earlier = [(a, b) for a, b in before.edited if b < start]
    later = [(a + moved, b + moved) for a, b in before.edited if a > tail]
    return (*earlier, _joined(before, start, tail, len(thought) - same), *later)


def _joined(before: Reply, start: int, tail: int, end: int) -> Span:
    """Return the passage that was changed, with earlier ones that it touches."""
    touched = [(a, b) for a, b in before.edited if b >= start and a <= tail]
    first = min([start, *(a for a, _ in touched)])
    return first, max([end, *(b + end - tail for _, b in touched)])


def _alike(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    pairs = zip(one, other, strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
