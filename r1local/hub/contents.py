"""What a download should be by its name: a server may send something else with status 200."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from r1local.errors import ModelFileError
from r1local.gguf.file import expect_no_other_format, parse_gguf
from r1local.hub.client import RemoteFile
from r1local.language import _


def expect_no_other_beginning(remote: RemoteFile, data: bytes) -> None:
    """Check the first bytes of a GGUF file, so that nobody waits for all of a web page.

    Raises:
        NotAGGUFFile: they are the beginning of another format.
    """
    with _checking(remote) as path:
        if path:
            expect_no_other_format(path, data)


def expect_content(remote: RemoteFile, stream: BinaryIO) -> None:
    """Check that a complete file has a header, if its name says that it is a GGUF file.

    Raises:
        ModelFileError: it has none.
    """
    with _checking(remote) as path:
        if path:
            parse_gguf(stream, path, remote.size)


@contextmanager
def _checking(remote: RemoteFile) -> Iterator[Path | None]:
    """Yield the name of a GGUF file; say what to do if it is something else."""
    path = Path(remote.filename)
    try:
        yield path if path.suffix.lower() == ".gguf" else None
    except ModelFileError as error:
        hint = _("choose another file; if this network asks you to sign in, do that and try again")
        raise type(error)(error.message, hint) from error
