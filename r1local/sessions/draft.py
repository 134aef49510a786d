"""A thought that is being edited: a file that outlives the chat, and what was changed in it."""

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from difflib import SequenceMatcher
from itertools import accumulate
from pathlib import Path

from r1local.conversation import Reply, Span
from r1local.errors import SessionError
from r1local.language import _, reason_of

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
#: Words, and single characters between them; writing without spaces is compared by characters.
_WORDS = re.compile(r"[A-Za-z0-9]+|.", re.DOTALL)


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
            told = reason_of(error) if isinstance(error, OSError) else _("it isn't text in UTF-8")
            raise SessionError(
                _("the thought can't be read: {told}", told=told),
                _("look at {path}", path=self.path),
            ) from error
        if "\r\n" not in self._thought:
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
                _(
                    "the thought can't be written for the editor: {reason}",
                    reason=reason_of(error),
                ),
                _("free some room, or look at {parent}", parent=self.path.parent),
            ) from error


def edited_passages(before: Reply, thought: str) -> tuple[Span, ...]:
    """Return the passages of an edited thought that people wrote, or cut out something at.

    Those of earlier edits stay marked, wherever they are now. Words are compared, and characters
    in writing that doesn't part words.
    """
    old, new = _WORDS.findall(before.thinking), _WORDS.findall(thought)
    old_at, new_at = ([0, *accumulate(map(len, words))] for words in (old, new))
    changes = SequenceMatcher(None, old, new)
    passages: list[Span] = []
    for what, first, last, new_first, new_last in changes.get_opcodes():
        start, end, moved = new_at[new_first], new_at[new_last], new_at[new_first] - old_at[first]
        if what != "equal":
            passages.append((start, end))
        for a, b in before.edited if what == "equal" else ():
            if old_at[first] <= b and a <= old_at[last]:
                passages.append((max(a + moved, start), min(b + moved, end)))
    return tuple(_joined(passages))


def _joined(passages: list[Span]) -> Iterator[Span]:
    """Yield passages in their order, those that touch as one."""
    start, end = -1, -1
    for a, b in sorted(passages):
        if a <= end:
            end = max(end, b)
            continue
        if start >= 0:
            yield start, end
        start, end = a, b
    if start >= 0:
        yield start, end
