"""Headers that can't be: refused, whatever they claim, in little time and memory."""

import io
import os
import struct
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1local.errors import MalformedGGUF, ModelFileError
from r1local.gguf.file import GGUFArray, GGUFFile, read_gguf, read_header
from r1local.gguf.header import MAX_HEADER_BYTES, parse_header
from testing.gguf_writer import F32, TensorData, gguf_header, string_bytes
from testing.models import BROKEN_FILES, small_metadata, small_tensors, write_small_model

TENSORS: dict[str, list[TensorData]] = {
    "twice": [TensorData("t", (32,), F32, bytes(128))] * 2,
    "a long name": [TensorData("t" * 64, (32,), F32, bytes(128))],
    "five dimensions": [TensorData("t", (1, 1, 1, 1, 1), F32, bytes(4))],
    "no elements": [TensorData("t", (32, 0), F32, b"")],
    "part of a block": [TensorData("t", (33, 2), 2, bytes(64))],
    "more bytes than numbers count": [TensorData("t", (2**61, 2), F32, b"")],
    "a misaligned place": [TensorData("t", (32,), F32, bytes(128))],
}


@pytest.mark.parametrize("situation", TENSORS)
def test_an_impossible_tensor(tmp_path: Path, situation: str) -> None:
    header = gguf_header(small_metadata(), TENSORS[situation])
    if situation == "a misaligned place":
        header = header[:-8] + struct.pack("<Q", 4)
    path = tmp_path / "m.gguf"
    path.write_bytes(header + bytes(4096))
    with pytest.raises(MalformedGGUF):
        read_gguf(path)


@pytest.mark.parametrize("situation", ["a key twice", "an empty key", "an unknown type"])
def test_impossible_metadata(tmp_path: Path, situation: str) -> None:
    entry = {
        "a key twice": string_bytes("k") + struct.pack("<IB", 0, 1),
        "an empty key": string_bytes("") + struct.pack("<IB", 0, 1),
        "an unknown type": string_bytes("k") + struct.pack("<IB", 13, 1),
    }[situation]
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 0, 2) + entry * 2 + bytes(64))
    with pytest.raises(MalformedGGUF):
        read_gguf(path)


# --- Bounds of time and memory ------------------------------------------------------


class _Counting(io.BytesIO):
    """A stream that goes on with zeros and counts what is read of it."""

    def __init__(self, start: bytes) -> None:
        super().__init__(start)
        self.total = 0

    def read(self, size: int | None = -1, /) -> bytes:
        assert size is not None
        assert size >= 0
        self.total += size
        return super().read(size).ljust(size, b"\0")


def test_no_tensor_data_is_read() -> None:
    header = gguf_header(small_metadata(), small_tensors())
    stream = _Counting(header)
    parse_header(stream, Path("m.gguf"), 10 * 2**30)
    assert stream.total <= 2**20


def test_a_long_header_is_read_to_its_end_and_little_further() -> None:
    words = [f"word {number}" for number in range(300_000)]
    header = gguf_header(small_metadata() | {"x": words}, small_tensors())
    stream = _Counting(header)
    gguf = parse_header(stream, Path("m.gguf"), 10 * 2**30)
    array = gguf.array("x")
    assert array is not None
    assert array.values() == words
    assert len(header) <= stream.total <= 2 * len(header) + 2**20


def test_a_sparse_file_of_ten_gigabytes(tmp_path: Path) -> None:
    path = write_small_model(tmp_path / "m.gguf")
    os.truncate(path, 10 * 2**30)
    started = time.process_time()
    assert read_gguf(path).file_size == 10 * 2**30
    assert time.process_time() - started < 5


def _claims(entries: int = 1, tensors: int = 0, rest: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, entries) + rest


ABSURD: dict[str, bytes] = {
    "metadata": _claims(entries=10**9),
    "tensors": _claims(entries=0, tensors=10**8),
    "a key": _claims(rest=struct.pack("<Q", 5 * 10**9)),
    "a string": _claims(rest=string_bytes("k") + struct.pack("<IQ", 8, 5 * 10**9)),
    "an array": _claims(rest=string_bytes("k") + struct.pack("<IIQ", 9, 4, 10**9)),
    "strings": _claims(rest=string_bytes("k") + struct.pack("<IIQ", 9, 8, 10**9)),
    "arrays": _claims(rest=string_bytes("k") + struct.pack("<IIQ", 9, 9, 10**9)),
}


@pytest.mark.parametrize("situation", ABSURD)
def test_absurd_counts_in_a_file_that_could_hold_them(tmp_path: Path, situation: str) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(ABSURD[situation])
    os.truncate(path, 10 * 2**30)
    with _memory_below(8 * 2**20), pytest.raises(MalformedGGUF):
        read_gguf(path)


@pytest.mark.parametrize("situation", [name for name in BROKEN_FILES if "absurd" in name])
def test_absurd_counts_cost_no_memory(tmp_path: Path, situation: str) -> None:
    path = BROKEN_FILES[situation](tmp_path / "m.gguf")
    with _memory_below(8 * 2**20), pytest.raises(MalformedGGUF):
        read_gguf(path)


@contextmanager
def _memory_below(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < most
    finally:
        tracemalloc.stop()


@pytest.mark.slow
def test_a_header_may_not_be_endless() -> None:
    words = string_bytes("k") + struct.pack("<IIQ", 9, 8, MAX_HEADER_BYTES // 8 - 100)
    with pytest.raises(MalformedGGUF):
        parse_header(_Counting(_claims(entries=2, rest=words)), Path("m.gguf"), 10 * 2**30)


# --- Anything at all ----------------------------------------------------------------

WHOLE = gguf_header(small_metadata(), small_tensors())
NUMBERS = st.sampled_from(
    [0, 1, 2, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**62, 2**63, 2**64 - 1]
)
PATCHES = st.one_of(
    st.binary(min_size=1, max_size=16), NUMBERS.map(lambda number: struct.pack("<Q", number))
)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz") / "m.gguf"


@pytest.mark.slow
@settings(max_examples=400, deadline=2000)
@given(
    patches=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), PATCHES), min_size=1, max_size=4),
    end=st.one_of(st.none(), st.integers(0, len(WHOLE))),
)
def test_a_damaged_header_is_read_or_refused(
    scratch: Path, patches: list[tuple[int, bytes]], end: int | None
) -> None:
    data = bytearray(WHOLE)
    for offset, patch in patches:
        data[offset : offset + len(patch)] = patch
    scratch.write_bytes(data[:end] if end is not None else data + bytes(2**18))
    _read_or_refuse(scratch, read_gguf)


@settings(max_examples=200, deadline=2000)
@given(st.binary(max_size=512))
def test_any_bytes_after_the_magic_are_read_or_refused(scratch: Path, rest: bytes) -> None:
    scratch.write_bytes(b"GGUF\3\0\0\0" + rest)
    _read_or_refuse(scratch, read_header)


def _read_or_refuse(path: Path, read: Callable[[Path], GGUFFile]) -> None:
    try:
        gguf = read(path)
    except ModelFileError as error:
        assert len(error.message) < 300
    else:
        assert gguf.key_value_heads is not None
        assert all(array.values() is not None for array in _arrays(gguf))


def _arrays(gguf: GGUFFile) -> Iterator[GGUFArray]:
    for key in gguf.metadata:
        array = gguf.array(key)
        if array is not None:
            yield array
