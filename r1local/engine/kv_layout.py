"""The saved form of a KV cache, as llama.cpp writes it, and how to change its attention.

Flash attention keeps each token's values together, plain attention keeps them transposed: each
number's values of all tokens together. Nothing else differs, so that a cache can pass from one to
the other exactly. The form is that of `llama_kv_cache::state_write` in llama-kv-cache.cpp, as of
llama-cpp-python 0.3.36; what doesn't follow it to the last byte is not touched.
"""

import struct
from dataclasses import dataclass
from itertools import repeat

_F16, _F16_BYTES = 1, 2
#: Bytes in front of the cache of one sequence: a magic number, and the sequence.
SEQUENCE_HEAD = 8


@dataclass(frozen=True, slots=True)
class KVLayout:
    """Where the parts of a saved cache are, in bytes, and how large.

    Args:
        start: where the cache begins.
        cells: tokens in the cache.
        flag: where it says whether the values are transposed.
        transposed: whether they are.
        keys: bytes of a token's keys in each layer.
        values: where each layer's values begin, and how many numbers a token has there.
    """

    start: int
    cells: int
    flag: int
    transposed: bool
    keys: tuple[int, ...]
    values: tuple[tuple[int, int], ...]


def head_of_all(content: memoryview) -> int:
    """Return the bytes in front of the cache of all sequences: the architecture's name."""
    (length,) = struct.unpack_from("=I", content)
    return 4 + int(length)


def layout_of(content: memoryview, start: int) -> KVLayout | None:
    """Return the layout of a saved cache; None if it has another form, or isn't in f16."""
    try:
        return _Reader(content, start).layout()
    except (struct.error, ValueError):
        return None


def transpose(content: memoryview, start: int) -> bool:
    """Turn a saved cache into the other attention's, in place; return whether that is possible."""
    layout = layout_of(content, start)
    if layout is None:
        return False
    cells = layout.cells
    for offset, numbers in layout.values:
        area = content[offset : offset + cells * numbers * _F16_BYTES].cast("H")
        source = memoryview(bytes(area)).cast("H")
        for number in range(numbers):
            row, column = slice(number * cells, (number + 1) * cells), slice(number, None, numbers)
            if layout.transposed:
                area[column] = source[row]
            else:
                area[row] = source[column]
        header = _value_header(numbers, transposed=not layout.transposed)
        content[offset - len(header) : offset] = header
    content[layout.flag : layout.flag + 4] = struct.pack("=I", not layout.transposed)
    return True


def filled(content: memoryview, layout: KVLayout, cells: int, sequences: int) -> bytearray:
    """Return a cache of the same model with any number of tokens, all zeros, to measure speeds.

    Args:
        content: a saved cache.
        layout: its layout.
        cells: tokens in the new one.
        sequences: sequences that they belong to in turn.
    """
    out = bytearray(content[: layout.start])
    out += struct.pack("=II", 1, cells)
    for cell in range(cells):
        out += struct.pack("=iIi", cell // sequences, 1, cell % sequences)
    out += struct.pack("=II", layout.transposed, len(layout.keys))
    for row in layout.keys:
        out += struct.pack("=iQ", _F16, row) + bytes(cells * row)
    for _offset, numbers in layout.values:
        out += _value_header(numbers, transposed=layout.transposed)
        out += bytes(cells * numbers * _F16_BYTES)
    return out


def _value_header(numbers: int, *, transposed: bool) -> bytes:
    if transposed:
        return struct.pack("=iII", _F16, _F16_BYTES, numbers)
    return struct.pack("=iQ", _F16, numbers * _F16_BYTES)


class _Reader:
    """Reads a saved cache from front to end.

    Its methods raise `struct.error` or `ValueError` if the cache has another form.
    """

    def __init__(self, content: memoryview, start: int) -> None:
        self._content = content
        self._start = self._at = start

    def layout(self) -> KVLayout:
        streams, cells = self._take("=II")
        _expect(streams == 1 and cells > 0)
        for _ in repeat(None, cells):
            _position, owners = self._take("=iI")
            self._skip(4 * owners)
        flag = self._at
        transposed, layers = self._take("=II")
        _expect(transposed in (0, 1))
        keys = [self._keys(cells) for _ in repeat(None, layers)]
        values = [self._values(cells, transposed=transposed == 1) for _ in repeat(None, layers)]
        _expect(self._at == len(self._content))
        return KVLayout(self._start, cells, flag, transposed == 1, tuple(keys), tuple(values))

    def _keys(self, cells: int) -> int:
        kind, row = self._take("=iQ")
        _expect(kind == _F16)
        self._skip(cells * row)
        return row

    def _values(self, cells: int, *, transposed: bool) -> tuple[int, int]:
        if transposed:
            kind, size, numbers = self._take("=iII")
        else:
            kind, row = self._take("=iQ")
            size, (numbers, odd) = _F16_BYTES, divmod(row, _F16_BYTES)
            _expect(not odd)
        _expect(kind == _F16 and size == _F16_BYTES)
        offset = self._at
        self._skip(cells * numbers * _F16_BYTES)
        return offset, numbers

    def _take(self, form: str) -> tuple[int, ...]:
        values = struct.unpack_from(form, self._content, self._at)
        self._at += struct.calcsize(form)
        return values

    def _skip(self, count: int) -> None:
        self._at += count
        _expect(self._at <= len(self._content))


def _expect(holds: bool) -> None:
    if not holds:
        raise ValueError("not the form of a KV cache")
