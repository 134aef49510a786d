"""Writing valid or invalid GGUF files for tests, byte by byte."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TypeAlias

F32, F16 = 0, 1
_ALIGNMENT = 32


@dataclass(frozen=True)
class Raw:
    """A metadata value given by its type number and its bytes, however wrong."""

    type: int
    data: bytes


MetadataValue: TypeAlias = bool | int | float | str | list[str] | list[int] | list[float] | Raw


@dataclass(frozen=True)
class TensorData:
    """A tensor to write; its fastest dimension comes first, as in ggml."""

    name: str
    shape: tuple[int, ...]
    type: int
    data: bytes


def string_bytes(text: str | bytes) -> bytes:
    data = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(data)) + data


def array_bytes(item_type: int, count: int, data: bytes) -> Raw:
    """Return an array whose count need not be the number of items in `data`."""
    return Raw(9, struct.pack("<IQ", item_type, count) + data)


def bytes_named_gguf(size: int, seed: int = 7) -> bytes:
    """Return random bytes after a header that promises nothing: all that a download looks at."""
    header = gguf_header({}, [])
    return header + Random(seed).randbytes(size - len(header))


def _encode(value: MetadataValue) -> Raw:
    match value:
        case Raw():
            return value
        case bool():
            return Raw(7, struct.pack("<?", value))
        case int():
            return Raw(4, struct.pack("<I", value))
        case float():
            return Raw(6, struct.pack("<f", value))
        case str():
            return Raw(8, string_bytes(value))
        case [float(), *_]:
            return array_bytes(6, len(value), struct.pack(f"<{len(value)}f", *value))
        case [int(), *_]:
            return array_bytes(5, len(value), struct.pack(f"<{len(value)}i", *value))
        case _:
            return array_bytes(8, len(value), b"".join(string_bytes(str(item)) for item in value))


def gguf_header(
    metadata: Mapping[str, MetadataValue], tensors: Sequence[TensorData], version: int = 3
) -> bytes:
    """Return the header and the tensor table, without the padding that follows."""
    out = bytearray(b"GGUF" + struct.pack("<IQQ", version, len(tensors), len(metadata)))
    for key, value in metadata.items():
        raw = _encode(value)
        out += string_bytes(key) + struct.pack("<I", raw.type) + raw.data
    offset = 0
    for tensor in tensors:
        out += string_bytes(tensor.name) + struct.pack("<I", len(tensor.shape))
        out += struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape)
        out += struct.pack("<IQ", tensor.type, offset)
        offset += len(_padded(tensor.data))
    return bytes(out)


def write_gguf(
    path: Path,
    metadata: Mapping[str, MetadataValue],
    tensors: Sequence[TensorData],
    version: int = 3,
) -> Path:
    """Write a whole GGUF file and return its path."""
    data = b"".join(_padded(tensor.data) for tensor in tensors)
    path.write_bytes(_padded(gguf_header(metadata, tensors, version)) + data)
    return path


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % _ALIGNMENT)
