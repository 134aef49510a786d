"""Names of a split model's files, as `llama-gguf-split` writes and llama.cpp expects them.

Some publishers cut a file's bytes instead: its pieces must be joined before they can be read.
"""

import re
from dataclasses import dataclass

_PART = re.compile(r"(.+)-(\d{5})-of-(\d{5})(\.gguf)", re.IGNORECASE | re.DOTALL)

#: How mradermacher and others name pieces that `split` has cut and `cat` can join.
_PIECE = re.compile(
    r"(?P<whole>.+\.gguf)(?:\.part\d+of\d+|[.-]split-?[a-z]{1,2}|\.\d{3})",
    re.IGNORECASE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class PartName:
    """The name of one file of a split model; parts count from 1."""

    stem: str
    number: int
    count: int
    suffix: str

    def of_part(self, number: int) -> str:
        """Return the name of another part of the same model."""
        return f"{self.stem}-{number:05}-of-{self.count:05}{self.suffix}"


def part_name(filename: str) -> PartName | None:
    """Parse the name of a split model's part, or return None if a file's name isn't one."""
    named = _PART.fullmatch(filename)
    return PartName(named[1], int(named[2]), int(named[3]), named[4]) if named else None


def is_gguf(filename: str) -> bool:
    """Tell whether a file's name is that of a GGUF file or of a piece of one."""
    return filename.lower().endswith(".gguf") or cut_file(filename) is not None


def cut_file(filename: str) -> str | None:
    """Return the name of the file that a piece was cut from, or None if this is no piece."""
    named = _PIECE.fullmatch(filename)
    return named["whole"] if named else None
