"""Opening a GGUF file: from a path to a `GGUFFile` that is safe to give to llama.cpp."""

import os
import re
import stat
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from r1local.errors import (
    MalformedGGUF,
    ModelFileError,
    ModelFileNotFound,
    ModelFileUnreadable,
    NotAGGUFFile,
    TruncatedGGUF,
)
from r1local.gguf.check import check_data, check_model, data_end
from r1local.gguf.format import (
    DOWNLOAD_AGAIN,
    GGML_TYPES,
    MAGIC,
    GGMLType,
    GGUFArray,
    GGUFFile,
    Tensor,
    shown,
)
from r1local.gguf.header import parse_header, parse_summary
from r1local.gguf.parts import cut_file, part_name
from r1local.language import N_, _, reason_of

__all__ = [
    "GGML_TYPES",
    "GGMLType",
    "GGUFArray",
    "GGUFFile",
    "Tensor",
    "expect_no_other_format",
    "file_type",
    "parse_gguf",
    "read_gguf",
    "read_header",
    "read_summary",
]

_SAMPLE_BYTES = 512

# `enum llama_ftype` in llama.h: what `llama-quantize` was asked for.
_FILE_TYPES = {
    0: "F32",
    1: "F16",
    2: "Q4_0",
    3: "Q4_1",
    7: "Q8_0",
    8: "Q5_0",
    9: "Q5_1",
    10: "Q2_K",
    11: "Q3_K_S",
    12: "Q3_K_M",
    13: "Q3_K_L",
    14: "Q4_K_S",
    15: "Q4_K_M",
    16: "Q5_K_S",
    17: "Q5_K_M",
    18: "Q6_K",
    19: "IQ2_XXS",
    20: "IQ2_XS",
    21: "Q2_K_S",
    22: "IQ3_XS",
    23: "IQ3_XXS",
    24: "IQ1_S",
    25: "IQ4_NL",
    26: "IQ3_S",
    27: "IQ3_M",
    28: "IQ2_S",
    29: "IQ2_M",
    30: "IQ4_XS",
    31: "IQ1_M",
    32: "BF16",
    33: "Q4_0_4_4",
    34: "Q4_0_4_8",
    35: "Q4_0_8_8",
    36: "TQ1_0",
    37: "TQ2_0",
    38: "MXFP4",
    39: "NVFP4",
    40: "Q1_0",
    41: "Q2_0",
}

_OTHER_FORMATS = (
    (rb"version https://git-lfs", N_("a Git LFS pointer, not the file it stands for")),
    (rb"\s*(?i:<!doctype|<html|<\?xml)", N_("a web page saved under this name")),
    (rb".{6}\0\0\{", N_("a safetensors file")),
    (rb"\{", N_("a JSON text")),
    (rb"PK\x03\x04", N_("a PyTorch checkpoint or another zip archive")),
    (rb"\x80[\x02-\x05]", N_("a Python pickle, as old PyTorch checkpoints are")),
    (rb"(lmgg|fmgg|tjgg|algg)", N_("a GGML file from before GGUF")),
)
_GIVE_A_GGUF = N_("give a file whose name ends in .gguf, downloaded whole")


def read_gguf(path: Path) -> GGUFFile:
    """Read and check a model's header, without its tensor data.

    Args:
        path: the file, or the first of a split model's files.

    Raises:
        ModelFileNotFound: the file, or another part of its model, does not exist.
        ModelFileUnreadable: it is a directory or a device, may not be read, or
            is a later part of a split model.
        NotAGGUFFile: it is empty or not in the GGUF format.
        TruncatedGGUF: it ends too early.
        MalformedGGUF: its header can't be true, or would make llama.cpp end
            the process.
        MissingTokenizer: it has no tokens.
    """
    first = read_header(path)
    parts = _part_paths(first)
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
    """Read a header without checking that the file is a complete model.

    Raises:
        ModelFileError: as `read_gguf`, except that missing data, tokens or
            parts are no error.
    """
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError) as error:
        # ValueError: the path holds what no file's can, such as a zero byte.
        raise ModelFileNotFound(
            _("there is no file {path}", path=path), _("check the path")
        ) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    _expect_regular(path, status.st_mode)
    _expect_whole(path)
    try:
        with path.open("rb") as stream:
            return parse_gguf(stream, path, status.st_size)
    except OSError as error:
        raise _unreadable(path, error) from error


def parse_gguf(stream: BinaryIO, path: Path, file_size: int) -> GGUFFile:
    """Parse the header of a file that is open, as `read_header` does.

    Args:
        stream: the file, positioned at its start.
        path: the file's name in messages.
        file_size: the file's length in bytes.

    Raises:
        NotAGGUFFile, TruncatedGGUF, MalformedGGUF: as for `read_gguf`.
    """
    _expect_gguf(path, stream.read(_SAMPLE_BYTES))
    stream.seek(0)
    return parse_header(stream, path, file_size)


def expect_no_other_format(path: Path, beginning: bytes) -> None:
    """Check that the first bytes of a file aren't another format's, as a web page's.

    Raises:
        NotAGGUFFile: they are.
    """
    for pattern, description in _OTHER_FORMATS:
        if re.match(pattern, beginning[:_SAMPLE_BYTES], re.DOTALL):
            raise NotAGGUFFile(
                _("{path} is {description}", path=shown(path), description=_(description)),
                _(_GIVE_A_GGUF),
            )


def read_summary(path: Path) -> GGUFFile | None:
    """Read a header up to the tokenizer, in less than a millisecond.

    Returns None if anything is unusual; `read_header` says what is wrong. See
    `parse_summary` for what a summary contains.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return None
        with open(path, "rb", opener=_open_unnoticed) as stream:
            if stream.read(len(MAGIC)) != MAGIC:
                return None
            stream.seek(0)
            return parse_summary(stream, path, status.st_size)
    except (ModelFileError, OSError, ValueError):
        return None


def _open_unnoticed(path: str, flags: int) -> int:
    """Open a file without changing its access time, if the system allows that."""
    try:
        return os.open(path, flags | getattr(os, "O_NOATIME", 0))
    except PermissionError:
        return os.open(path, flags)


def file_type(gguf: GGUFFile) -> str | None:
    """Return the quantization that a header names, or None if it names no known one."""
    number = gguf.integer("general.file_type")
    return None if number is None else _FILE_TYPES.get(number)


def _unreadable(path: Path, error: OSError) -> ModelFileUnreadable:
    if isinstance(error, PermissionError):
        return ModelFileUnreadable(
            _("{path} can't be read: permission denied", path=shown(path)),
            _("change its permissions, or run as its owner"),
        )
    return ModelFileUnreadable(
        _("{path} can't be read: {reason}", path=shown(path), reason=reason_of(error)),
        _("check the path and the disk"),
    )


def _expect_regular(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise ModelFileUnreadable(
            _("{path} is a directory", path=shown(path)),
            _("give the path of a .gguf file inside it"),
        )
    if not stat.S_ISREG(mode):
        raise ModelFileUnreadable(
            _("{path} is a device or a pipe, not a file", path=shown(path)),
            _("give the path of a .gguf file"),
        )


def _expect_whole(path: Path) -> None:
    whole = cut_file(path.name)
    if whole:
        raise TruncatedGGUF(
            _("{path} is a piece of {shown}", path=shown(path), shown=shown(Path(whole))),
            _("join all its pieces, in order: cat PIECES > {whole}", whole=whole),
        )


def _expect_gguf(path: Path, sample: bytes) -> None:
    if not sample:
        raise NotAGGUFFile(_("{path} is empty", path=shown(path)), _(DOWNLOAD_AGAIN))
    if sample.startswith(MAGIC):
        return
    if MAGIC.startswith(sample):
        raise TruncatedGGUF(
            _("{path} ends after {count} bytes", path=shown(path), count=len(sample)),
            _(DOWNLOAD_AGAIN),
        )
    expect_no_other_format(path, sample)
    raise NotAGGUFFile(_("{path} is not a GGUF file", path=shown(path)), _(_GIVE_A_GGUF))


def _part_paths(first: GGUFFile) -> tuple[Path, ...]:
    path, count = first.path, first.integer("split.count") or 1
    if count == 1:
        return (path,)
    if _another_follows(first):
        raise MalformedGGUF(
            _("{path} holds several parts of a model, one after another", path=shown(path)),
            _(
                "give the parts themselves, or join them with llama-gguf-split --merge, not "
                "with cat"
            ),
        )
    named = part_name(path.name)
    if named is None or named.count != count:
        raise MalformedGGUF(
            _("{path} is one of several parts, but its name does not say which", path=shown(path)),
            _("give the parts the names they were published under"),
        )
    parts = tuple(path.with_name(named.of_part(number)) for number in range(1, count + 1))
    if named.number != 1:
        raise ModelFileUnreadable(
            _("{path} is not the first part of its model", path=shown(path)),
            _("give {shown}", shown=shown(parts[0])),
        )
    return parts


def _another_follows(gguf: GGUFFile) -> bool:
    """Tell whether another GGUF file begins after the padded end of this one's data."""
    end = data_end(gguf)
    if end >= gguf.file_size:
        return False
    with gguf.path.open("rb") as stream:
        stream.seek(end)
        return MAGIC in stream.read(gguf.alignment + len(MAGIC))


def _read_part(path: Path, index: int) -> GGUFFile:
    part = read_header(path)
    if part.integer("split.no") != index:
        raise MalformedGGUF(
            _("{path} is not the part that its name claims", path=shown(path)), _(DOWNLOAD_AGAIN)
        )
    return part
