"""Opening a GGUF file: from a path to a `GGUFFile` that llama.cpp may be given."""

import re
import stat
from dataclasses import replace
from pathlib import Path

from r1local.errors import (
    MalformedGGUF,
    ModelFileNotFound,
    ModelFileUnreadable,
    NotAGGUFFile,
    TruncatedGGUF,
)
from r1local.gguf_check import check_data, check_model
from r1local.gguf_format import (
    DOWNLOAD_AGAIN,
    GGML_TYPES,
    MAGIC,
    GGMLType,
    GGUFArray,
    GGUFFile,
    Tensor,
    shown,
)
from r1local.gguf_header import parse

__all__ = [
    "GGML_TYPES",
    "GGMLType",
    "GGUFArray",
    "GGUFFile",
    "Tensor",
    "read_gguf",
    "read_header",
]

# `llama-gguf-split` numbers parts so, and llama.cpp looks for no other names.
_PART_NAME = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")

_SAMPLE_BYTES = 512

_OTHER_FORMATS = (
    (rb"version https://git-lfs", "a Git LFS pointer, not the file it stands for"),
    (rb"\s*(?i:<!doctype|<html|<\?xml)", "a web page saved under this name"),
    (rb".{6}\0\0\{", "a safetensors file"),
    (rb"\{", "a JSON text"),
    (rb"PK\x03\x04", "a PyTorch checkpoint or another zip archive"),
    (rb"\x80[\x02-\x05]", "a Python pickle, as old PyTorch checkpoints are"),
    (rb"(lmgg|fmgg|tjgg|algg)", "a GGML file from before GGUF"),
)
_GIVE_A_GGUF = "give a file whose name ends in .gguf, downloaded whole"


def read_gguf(path: Path) -> GGUFFile:
    """Reads and checks a model's header, without its tensor data.

    Args:
        path: the file, or the first of a split model's files.

    Raises:
        ModelFileNotFound: it, or another part of its model, does not exist.
        ModelFileUnreadable: it is a directory or a device, may not be read, or
            is a later part of a split model.
        NotAGGUFFile: it is empty or something else than GGUF.
        TruncatedGGUF: it ends too early.
        MalformedGGUF: it states what can't be true, or what makes llama.cpp
            end the process.
        MissingTokenizer: it has no tokens.
    """
    first = read_header(path)
    parts = _part_paths(path, first.integer("split.count") or 1)
    files = [first, *(_read_part(part, number) for number, part in enumerate(parts[1:], start=1))]
    gguf = replace(
        first,
        tensors=tuple(tensor for file in files for tensor in file.tensors),
        parts=parts,
        model_size=sum(file.file_size for file in files),
    )
    check_model(gguf)
    for file in files:
        check_data(file)
    return gguf


def read_header(path: Path) -> GGUFFile:
    """Reads a header without asking whether a model follows it.

    Raises:
        ModelFileError: as `read_gguf` does, but for what only a whole model
            must have: its data, its tokens and its other parts.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        # ValueError: the path holds what no file's can, such as a zero byte.
        raise ModelFileNotFound(f"there is no file {shown(path)}", "check the path") from error
    except OSError as error:
        raise _unreadable(path, error) from error
    _expect_regular(path, status.st_mode)
    try:
        with path.open("rb") as stream:
            _expect_gguf(path, stream.read(_SAMPLE_BYTES))
            stream.seek(0)
            return parse(stream, path, status.st_size)
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: Path, error: OSError) -> ModelFileUnreadable:
    if isinstance(error, PermissionError):
        return ModelFileUnreadable(
            f"{shown(path)} may not be read", "change its permissions, or run as its owner"
        )
    return ModelFileUnreadable(
        f"{shown(path)} can't be read: {error.strerror}", "check the path and the disk"
    )


def _expect_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise ModelFileUnreadable(
            f"{shown(path)} is a directory", "give the path of a .gguf file inside it"
        )
    if not stat.S_ISREG(mode):
        raise ModelFileUnreadable(
            f"{shown(path)} is a device or a pipe, not a file", "give the path of a .gguf file"
        )


def _expect_gguf(path: Path, sample: bytes) -> None:
    if not sample:
        raise NotAGGUFFile(f"{shown(path)} is empty", DOWNLOAD_AGAIN)
    if sample.startswith(MAGIC):
        return
    if MAGIC.startswith(sample):
        raise TruncatedGGUF(f"{shown(path)} ends after {len(sample)} bytes", DOWNLOAD_AGAIN)
    for pattern, description in _OTHER_FORMATS:
        if re.match(pattern, sample, re.DOTALL):
            raise NotAGGUFFile(f"{shown(path)} is {description}", _GIVE_A_GGUF)
    raise NotAGGUFFile(f"{shown(path)} is not a GGUF file", _GIVE_A_GGUF)


def _part_paths(path: Path, count: int) -> tuple[Path, ...]:
    if count == 1:
        return (path,)
    named = _PART_NAME.fullmatch(path.name)
    if named is None or int(named["count"]) != count:
        raise MalformedGGUF(
            f"{shown(path)} is one of several parts, but its name does not say which",
            "give the parts the names they were published under",
        )
    parts = tuple(
        path.with_name(f"{named['stem']}-{number:05}-of-{count:05}.gguf")
        for number in range(1, count + 1)
    )
    if named["number"] != "00001":
        raise ModelFileUnreadable(
            f"{shown(path)} is not the first part of its model", f"give {shown(parts[0])}"
        )
    return parts


def _read_part(path: Path, index: int) -> GGUFFile:
    part = read_header(path)
    if part.integer("split.no") != index:
        raise MalformedGGUF(f"{shown(path)} is not the part that its name says", DOWNLOAD_AGAIN)
    return part
