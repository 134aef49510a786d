"""What happens while a file is downloaded."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Progress:
    """Bytes of a file that are there, of how many."""

    done: int
    total: int


@dataclass(frozen=True, slots=True)
class DownloadNotice:
    """Something to tell the user while a download goes on."""

    message: str
