"""Saved KV caches: read strictly, and turned into the other attention's exactly."""

import random
import struct

from hypothesis import given
from hypothesis import strategies as st

from r1local.engine.kv_layout import filled, head_of_all, layout_of, transpose

HEAD = struct.pack("=I", 5) + b"llama"


def saved(
    cells: int, keys: int, values: list[int], *, transposed: bool, seed: int = 1
) -> bytearray:
    """A cache as llama.cpp writes it, with random content."""
    rng = random.Random(seed)
    out = bytearray(HEAD + struct.pack("=II", 1, cells))
    for cell in range(cells):
        owners = range(1 + cell % 3)
        out += struct.pack("=iI", cell, len(owners)) + b"".join(
            struct.pack("=i", n) for n in owners
        )
    out += struct.pack("=II", transposed, len(values))
    for _ in values:
        out += struct.pack("=iQ", 1, 2 * keys) + rng.randbytes(cells * 2 * keys)
    for numbers in values:
        row = struct.pack("=II", 2, numbers) if transposed else struct.pack("=Q", 2 * numbers)
        out += struct.pack("=i", 1) + row + rng.randbytes(cells * 2 * numbers)
    return out


@given(
    st.integers(1, 40), st.integers(1, 8), st.lists(st.integers(1, 12), min_size=1), st.booleans()
)
def test_turned_twice_it_is_as_before(
    cells: int, keys: int, values: list[int], transposed: bool
) -> None:
    before = saved(cells, keys, values, transposed=transposed)
    content = bytearray(before)
    view = memoryview(content)
    assert transpose(view, head_of_all(view))
    layout = layout_of(view, len(HEAD))
    assert layout
    assert layout.transposed != transposed
    assert len(content) == len(before)
    assert transpose(view, len(HEAD))
    assert content == before


def test_values_are_turned_number_by_number() -> None:
    content = saved(3, 1, [2], transposed=False)
    content[-12:] = struct.pack("=6H", 10, 11, 20, 21, 30, 31)  # three tokens of two numbers
    assert transpose(memoryview(content), len(HEAD))
    assert struct.unpack("=6H", content[-12:]) == (10, 20, 30, 11, 21, 31)


@given(st.data())
def test_any_other_form_is_left_alone(data: st.DataObject) -> None:
    content = saved(4, 2, [3, 3], transposed=data.draw(st.booleans()))
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(len(HEAD), len(content) - 1))]
    else:
        content += data.draw(st.binary(min_size=1))
    before = bytes(content)
    assert not transpose(memoryview(content), len(HEAD))
    assert content == before


@given(st.integers(1, 60), st.integers(1, 5), st.booleans())
def test_a_filled_cache_has_the_form_of_a_saved_one(
    cells: int, sequences: int, transposed: bool
) -> None:
    content = memoryview(saved(2, 4, [4, 6], transposed=transposed))
    layout = layout_of(content, len(HEAD))
    assert layout
    larger = filled(content, layout, cells, sequences)
    found = layout_of(memoryview(larger), len(HEAD))
    assert found
    assert (found.cells, found.transposed, found.keys) == (cells, transposed, layout.keys)
