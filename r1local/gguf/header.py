"""Parsing a GGUF header: from its bytes to a `GGUFFile`.

Little-endian files of versions 2 and 3 can be read. A header is untrusted: every count and
length is compared with what the file can hold before anything is looped over or allocated,
and nothing is nested.
"""

import struct
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, BinaryIO

from r1local.errors import MalformedGGUF, TruncatedGGUF
from r1local.gguf.format import (
    ARRAY_TYPE,
    DOWNLOAD_AGAIN,
    GGML_TYPES,
    MAGIC,
    SCALAR_TYPES,
    STRING_LENGTH,
    STRING_TYPE,
    GGUFArray,
    GGUFFile,
    Tensor,
    Value,
    shown,
)
from r1local.language import _

# R1's 152,064 tokens and 151,387 merges make a header of 6 MB. A greater length than
# this bound can only come from damage.
MAX_HEADER_BYTES = 64 * 2**20

# The most entries that the metadata or the tensor table may have: R1 has 1,025 tensors,
# and no model that llama.cpp runs comes near this number.
_MAX_ENTRIES = 2**16

_NEWEST_VERSION = 3  # GGUF_VERSION in gguf.h
_FIRST_READ = 2**20
_SUMMARY_READ = 2**14
_TOKENIZER = "tokenizer."
_DEFAULT_ALIGNMENT = 32
_MAX_DIMENSIONS = 4  # GGML_MAX_DIMS
_MAX_TENSOR_NAME = 63  # GGML_MAX_NAME, less its final zero byte
_MAX_INT64 = 2**63 - 1

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")

# The smallest entries: in the metadata an empty name, its type and a one-byte value; in the
# tensor table an empty name, the number of dimensions, the type and the offset.
_MIN_METADATA_BYTES = 8 + 4 + 1
_MIN_TENSOR_BYTES = 8 + 4 + 4 + 8


def parse_header(stream: BinaryIO, path: Path, file_size: int) -> GGUFFile:
    """Read the header and the tensor table, and little of the file beyond them.

    Args:
        stream: the file, positioned at its start, which is `MAGIC`.
        path: the file's name in messages.
        file_size: the file's length in bytes.

    Raises:
        TruncatedGGUF: the file ends inside its header or its tensor table.
        MalformedGGUF: the header can't be true.
    """
    header = _Header(stream, path, file_size)
    header.take(len(MAGIC))
    version = _version(header)
    tensor_count, metadata_count = header.count(), header.count()
    metadata = _metadata(header, metadata_count)
    alignment = metadata.get("general.alignment", _DEFAULT_ALIGNMENT)
    if type(alignment) is not int or alignment <= 0 or alignment & (alignment - 1):
        raise header.malformed(_("gives an alignment that is not a power of two"))
    header.part = _("tensor table")
    tensors = _tensors(header, tensor_count, alignment)
    return GGUFFile(
        path=path,
        version=version,
        metadata=MappingProxyType(metadata),
        tensors=tensors,
        data_offset=header.position + -header.position % alignment,
        alignment=alignment,
        file_size=file_size,
        parts=(path,),
        model_size=file_size,
    )


def parse_summary(stream: BinaryIO, path: Path, file_size: int) -> GGUFFile:
    """Read only the metadata before the tokenizer's: a few kB, when all of it may be many MB.

    Converters write general facts and hyperparameters first. The result has no tensors, and
    lacks what a quantizer has added at the end.

    Arguments and errors are the same as for `parse_header`.
    """
    header = _Header(stream, path, file_size, _SUMMARY_READ)
    header.take(len(MAGIC))
    version = _version(header)
    header.count()
    metadata = _metadata(header, header.count(), until=_TOKENIZER)
    return GGUFFile(
        path=path,
        version=version,
        metadata=MappingProxyType(metadata),
        tensors=(),
        data_offset=0,
        alignment=_DEFAULT_ALIGNMENT,
        file_size=file_size,
        parts=(path,),
        model_size=file_size,
    )


class _Header:
    """A position in the header, and the bytes read so far."""

    def __init__(
        self, stream: BinaryIO, path: Path, file_size: int, first_read: int = _FIRST_READ
    ) -> None:
        self.position = 0
        self.part = _("header")
        self._stream = stream
        self._path = path
        self._file_size = file_size
        self._first_read = first_read
        self._data = b""

    def malformed(self, what: str, hint: str = DOWNLOAD_AGAIN) -> MalformedGGUF:
        return MalformedGGUF(_("{path} {what}", path=shown(self._path), what=what), _(hint))

    def require(self, size: int) -> None:
        """Check that the file can hold `size` more bytes, without reading them."""
        end = self.position + size
        if end > MAX_HEADER_BYTES:
            raise self.malformed(
                _("states a count or length in its {part} that can't be true", part=self.part)
            )
        if end > self._file_size:
            raise TruncatedGGUF(
                _(
                    "{path} is cut short or damaged: its {part} states more than {file_size:,} "
                    "bytes hold",
                    path=shown(self._path),
                    part=self.part,
                    file_size=self._file_size,
                ),
                _(DOWNLOAD_AGAIN),
            )

    def number(self, layout: struct.Struct) -> Any:
        return layout.unpack(self.take(layout.size))[0]

    def count(self) -> int:
        """Read a number of entries."""
        count: int = self.number(_U64)
        if count > _MAX_ENTRIES:
            raise self.malformed(_("states a number of entries that can't be true"))
        return count

    def take(self, size: int) -> bytes:
        self._load(size)
        start = self.position
        self.position += size
        return self._data[start : self.position]

    def string(self) -> str:
        return self.take(self.number(STRING_LENGTH)).decode(errors="replace")

    def take_strings(self, count: int) -> bytes:
        """Read the bytes of `count` strings, including their lengths."""
        self.require(count * STRING_LENGTH.size)
        length_at = STRING_LENGTH.unpack_from
        data, end, left = self._data, self.position, count
        while left:
            try:
                while left:
                    end += 8 + length_at(data, end)[0]
                    left -= 1
            except (struct.error, OverflowError):  # the loop went past what was read
                self._load(end + 8 - self.position)
                data = self._data
        return self.take(end - self.position)

    def _load(self, size: int) -> None:
        self.require(size)
        missing = self.position + size - len(self._data)
        if missing > 0:
            self._data += self._stream.read(max(missing, len(self._data), self._first_read))
        if len(self._data) < self.position + size:  # the file has shrunk since it was measured
            self._file_size = len(self._data)
            self.require(size)


def _version(header: _Header) -> int:
    version: int = header.number(_U32)
    swapped = int.from_bytes(version.to_bytes(_U32.size, "little"), "big")
    if 0 < swapped <= _NEWEST_VERSION:
        raise header.malformed(
            _("is a big-endian GGUF file"), _("use the little-endian file of the same model")
        )
    if version == 0:
        raise header.malformed(_("is of GGUF version 0, which never existed"))
    if version < 2:
        raise header.malformed(
            _("is of GGUF version {version}, which llama.cpp no longer reads", version=version),
            _("download a newer conversion of the model"),
        )
    if version > _NEWEST_VERSION:
        raise header.malformed(
            _("is of GGUF version {version}, newer than r1local reads", version=version),
            _("upgrade r1local and llama-cpp-python"),
        )
    return version


def _metadata(header: _Header, count: int, until: str | None = None) -> dict[str, Value]:
    """Read the entries: all, or only those before the first key that starts with `until`."""
    header.require(count * _MIN_METADATA_BYTES)
    metadata: dict[str, Value] = {}
    for _entry in range(count):
        key = header.string()
        if not key or key in metadata:
            raise header.malformed(_("has an empty or duplicate metadata key"))
        if until and key.startswith(until):
            break
        metadata[key] = _value(header, header.number(_U32))
    return metadata


def _value(header: _Header, value_type: int) -> Value:
    if value_type == STRING_TYPE:
        return header.string()
    if value_type == ARRAY_TYPE:
        return _array(header)
    if value_type not in SCALAR_TYPES:
        raise header.malformed(_("has a metadata value of an unknown type"))
    value: bool | int | float = header.number(SCALAR_TYPES[value_type])
    return value


def _array(header: _Header) -> GGUFArray:
    item_type, count = header.number(_U32), header.number(_U64)
    if item_type == STRING_TYPE:
        return GGUFArray(item_type, count, header.take_strings(count))
    if item_type not in SCALAR_TYPES:
        raise header.malformed(_("has a metadata array of arrays or of an unknown type"))
    return GGUFArray(item_type, count, header.take(count * SCALAR_TYPES[item_type].size))


def _tensors(header: _Header, count: int, alignment: int) -> tuple[Tensor, ...]:
    header.require(count * _MIN_TENSOR_BYTES)
    tensors = tuple(_tensor(header, alignment) for _ in range(count))
    if len({tensor.name for tensor in tensors}) < count:
        raise header.malformed(_("lists the same tensor twice"))
    return tensors


def _tensor(header: _Header, alignment: int) -> Tensor:
    name_length = header.number(_U64)
    if name_length > _MAX_TENSOR_NAME:
        raise header.malformed(
            _(
                "has a tensor name longer than {max_tensor_name} bytes",
                max_tensor_name=_MAX_TENSOR_NAME,
            )
        )
    name = header.take(name_length).decode(errors="replace")
    dimensions = header.number(_U32)
    if dimensions > _MAX_DIMENSIONS:
        raise header.malformed(
            _(
                "has a tensor of more than {max_dimensions} dimensions",
                max_dimensions=_MAX_DIMENSIONS,
            )
        )
    shape = tuple(header.number(_U64) for _ in range(dimensions))
    ggml_type = GGML_TYPES.get(header.number(_U32))
    offset = header.number(_U64)
    if ggml_type is None:
        raise header.malformed(
            _("has a tensor of a type that r1local does not know"),
            _(
                "the file may be newer than this llama.cpp: upgrade r1local and "
                "llama-cpp-python, or download another quantization"
            ),
        )
    row = shape[0] if shape else 1
    tensor = Tensor(name, shape, ggml_type, offset)
    if 0 in shape or row % ggml_type.block_size or prod(shape) > _MAX_INT64:
        raise header.malformed(_("has a tensor of an impossible shape"))
    if offset % alignment or offset + tensor.size > _MAX_INT64:
        raise header.malformed(_("has a tensor at an impossible place"))
    return tensor
