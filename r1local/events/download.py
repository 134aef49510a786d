"""Events of a download."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """The bytes of a file that have arrived, out of a total."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class DownloadNotice:
    """A message for the user while a download is running."""

    message: str
