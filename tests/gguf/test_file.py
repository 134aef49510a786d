"""Reading GGUF headers: what a good one says, and what is said of a bad one."""

import os
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.errors import (
    MalformedGGUF,
    MissingTokenizer,
    ModelFileError,
    ModelFileNotFound,
    ModelFileUnreadable,
    NotAGGUFFile,
    TruncatedGGUF,
)
from r1local.gguf.file import read_gguf, read_header, read_summary
from testing.gguf_writer import (
    MetadataValue,
    Raw,
    TensorData,
    array_bytes,
    string_bytes,
    write_gguf,
)
from testing.models import (
    BROKEN_FILES,
    CONSTANT_TEMPLATE,
    R1_TEMPLATE,
    r1_header,
    small_metadata,
    small_tensors,
    smollm2,
    vocabulary,
    write_scripted_model,
    write_small_model,
)

EXPECTED: dict[str, type[ModelFileError]] = {
    "missing": ModelFileNotFound,
    "directory": ModelFileUnreadable,
    "empty": NotAGGUFFile,
    "random bytes": NotAGGUFFile,
    "safetensors": NotAGGUFFile,
    "pytorch zip": NotAGGUFFile,
    "pickle": NotAGGUFFile,
    "web page": NotAGGUFFile,
    "lfs pointer": NotAGGUFFile,
    "cut in magic": TruncatedGGUF,
    "cut in header": TruncatedGGUF,
    "cut in tensor table": TruncatedGGUF,
    "cut in data": TruncatedGGUF,
    "no tokenizer": MissingTokenizer,
    "no tokens": MissingTokenizer,
    "empty tokens": MissingTokenizer,
}


# --- What a good file says ----------------------------------------------------------


@pytest.mark.parametrize("version", [2, 3])
def test_a_small_model_is_read(tmp_path: Path, version: int) -> None:
    path = write_gguf(tmp_path / "m.gguf", small_metadata(), small_tensors(), version)
    gguf = read_gguf(path)
    assert gguf.version == version
    assert (gguf.architecture, gguf.name) == ("gpt2", "Scripted")
    assert (gguf.block_count, gguf.context_length, gguf.embedding_length) == (1, 256, 64)
    assert gguf.key_length == gguf.value_length == 64
    assert gguf.key_value_heads == (1,)
    assert gguf.chat_template == CONSTANT_TEMPLATE
    assert gguf.vocabulary_size == len(vocabulary().texts)
    assert gguf.file_size == gguf.model_size == path.stat().st_size
    assert gguf.parts == (path,)
    assert [tensor.name for tensor in gguf.tensors] == [t.name for t in small_tensors()]
    assert [tensor.size for tensor in gguf.tensors] == [len(t.data) for t in small_tensors()]
    last = gguf.tensors[-1]
    assert gguf.data_offset + last.offset + last.size == gguf.file_size
    assert gguf.data_offset % gguf.alignment == 0


def test_a_file_without_a_chat_template(tmp_path: Path) -> None:
    path = write_scripted_model(tmp_path / "m.gguf", "Hi", chat_template=None)
    assert read_gguf(path).chat_template is None


def test_a_template_is_read_as_text(tmp_path: Path) -> None:
    path = write_scripted_model(tmp_path / "m.gguf", "Hi", chat_template=R1_TEMPLATE)
    assert read_gguf(path).chat_template == R1_TEMPLATE


def test_an_unknown_architecture_is_left_to_llama_cpp(tmp_path: Path) -> None:
    gguf = read_gguf(BROKEN_FILES["unknown architecture"](tmp_path / "m.gguf"))
    assert gguf.architecture == "gpt99"
    assert gguf.block_count == 1


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        (Raw(0, b"\xff"), 255),
        (Raw(1, b"\xff"), -1),
        (Raw(2, b"\xff\xff"), 65535),
        (Raw(3, b"\xff\xff"), -1),
        (Raw(4, b"\xff" * 4), 2**32 - 1),
        (Raw(5, b"\xff" * 4), -1),
        (Raw(6, struct.pack("<f", 0.5)), 0.5),
        (Raw(7, b"\x02"), True),
        (Raw(8, string_bytes("é")), "é"),
        (Raw(8, string_bytes(b"\xff")), "\ufffd"),
        (Raw(10, b"\xff" * 8), 2**64 - 1),
        (Raw(11, b"\xff" * 8), -1),
        (Raw(12, struct.pack("<d", 0.1)), 0.1),
    ],
)
def test_every_scalar_type(tmp_path: Path, raw: Raw, value: object) -> None:
    metadata = read_gguf(write_small_model(tmp_path / "m.gguf", {"x": raw})).metadata
    assert metadata["x"] == value
    assert type(metadata["x"]) is type(value)


@pytest.mark.parametrize(
    ("written", "values"),
    [
        (["a", "", "ü"], ["a", "", "ü"]),
        ([1, -2, 3], [1, -2, 3]),
        ([0.5, -1.0], [0.5, -1.0]),
        (array_bytes(7, 2, b"\1\0"), [True, False]),
        (array_bytes(2, 2, b"\1\0\0\1"), [1, 256]),
        (array_bytes(4, 0, b""), []),
    ],
)
def test_arrays_are_decoded_on_demand(
    tmp_path: Path, written: MetadataValue, values: list[object]
) -> None:
    array = read_gguf(write_small_model(tmp_path / "m.gguf", {"x": written})).array("x")
    assert array is not None
    assert array.count == len(values)
    assert array.values() == values


def test_accessors_ask_for_the_right_type(tmp_path: Path) -> None:
    gguf = read_gguf(
        write_small_model(tmp_path / "m.gguf", {"s": "1", "i": 1, "b": True, "a": [1]})
    )
    assert [gguf.text(key) for key in "siba"] == ["1", None, None, None]
    assert [gguf.integer(key) for key in "siba"] == [None, 1, None, None]
    assert [gguf.array(key) is not None for key in "siba"] == [False, False, False, True]
    assert (gguf.text("-"), gguf.integer("-"), gguf.array("-")) == (None, None, None)


def test_heads_may_differ_by_layer(tmp_path: Path) -> None:
    changes: dict[str, MetadataValue] = {
        "gpt2.block_count": 3,
        "gpt2.attention.head_count_kv": [4, 2, 1],
    }
    assert read_header(write_small_model(tmp_path / "m.gguf", changes)).key_value_heads == (4, 2, 1)


def test_the_real_r1_header() -> None:
    started = time.process_time()
    gguf = read_header(r1_header())
    assert time.process_time() - started < 5  # 30 ms on an idle machine
    assert (gguf.architecture, gguf.name) == ("qwen2", "DeepSeek R1 Distill Qwen 7B")
    assert (gguf.block_count, gguf.context_length, gguf.embedding_length) == (28, 131072, 3584)
    assert gguf.key_length == 128
    assert gguf.key_value_heads == (4,) * 28
    assert gguf.vocabulary_size == 152064
    tokens = gguf.array("tokenizer.ggml.tokens")
    assert tokens is not None
    assert tokens.values()[151646] == "<｜begin▁of▁sentence｜>"
    assert gguf.chat_template is not None
    assert "<｜Assistant｜>" in gguf.chat_template
    assert len(gguf.tensors) == 339
    assert {tensor.type.name for tensor in gguf.tensors} == {"F32", "Q4_K", "Q6_K"}


def test_a_real_header_without_its_data_says_how_much_is_missing() -> None:
    with pytest.raises(
        TruncatedGGUF, match=r"5,953,246 of 4,683,073,248 bytes are there"
    ) as caught:
        read_gguf(r1_header())
    assert caught.value.hint == "download the file again"


def test_a_real_model_is_whole() -> None:
    gguf = read_gguf(smollm2())
    assert gguf.architecture == "llama"
    last = gguf.tensors[-1]
    assert gguf.data_offset + last.offset + last.size == gguf.file_size


# --- What is said of a bad one ------------------------------------------------------


@pytest.mark.parametrize("situation", [name for name in BROKEN_FILES if "unknown" not in name])
def test_a_broken_file(tmp_path: Path, situation: str) -> None:
    path = BROKEN_FILES[situation](tmp_path / "broken file.gguf")
    with pytest.raises(ModelFileError) as caught:
        read_gguf(path)
    assert type(caught.value) is EXPECTED.get(situation, MalformedGGUF)
    assert path.name in caught.value.message
    assert not caught.value.message.endswith(".")
    assert "\n" not in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("situation", "said"),
    [
        ("safetensors", "is a safetensors file"),
        ("pytorch zip", "is a PyTorch checkpoint"),
        ("pickle", "is a Python pickle"),
        ("web page", "is a web page"),
        ("lfs pointer", "is a Git LFS pointer"),
        ("big endian", "is a big-endian GGUF file"),
        ("version zero", "is of GGUF version 0, which never existed"),
        ("version one", "is of GGUF version 1"),
        ("cut in header", "its header states more"),
        ("cut in tensor table", "its tensor table states more"),
    ],
)
def test_the_message_says_what_the_file_is(tmp_path: Path, situation: str, said: str) -> None:
    with pytest.raises(ModelFileError, match=said):
        read_gguf(BROKEN_FILES[situation](tmp_path / "m.gguf"))


def test_a_pipe_is_refused_without_waiting_for_a_writer(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(ModelFileUnreadable, match="device or a pipe"):
        read_gguf(tmp_path / "pipe.gguf")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device here")
def test_an_endless_device_is_refused() -> None:
    with pytest.raises(ModelFileUnreadable, match="device or a pipe"):
        read_gguf(Path("/dev/zero"))


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    path = write_small_model(tmp_path / "m.gguf")
    path.chmod(0)
    with _unprivileged(), pytest.raises(ModelFileUnreadable, match="permission denied"):
        read_gguf(path)


@contextmanager
def _unprivileged() -> Iterator[None]:
    """Root may read everything, so it becomes somebody else for a while."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("name", ["a\0b.gguf", "missing/m.gguf"])
def test_a_path_that_can_not_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelFileNotFound):
        read_gguf(tmp_path / name)


def test_a_path_through_a_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileNotFound):
        read_gguf(write_small_model(tmp_path / "m.gguf") / "n.gguf")


def test_a_link_to_nothing(tmp_path: Path) -> None:
    (tmp_path / "m.gguf").symlink_to(tmp_path / "gone")
    with pytest.raises(ModelFileNotFound):
        read_gguf(tmp_path / "m.gguf")


def test_a_long_name_is_cut(tmp_path: Path) -> None:
    with pytest.raises(ModelFileUnreadable) as caught:
        read_gguf(tmp_path / ("x" * 5000 + ".gguf"))
    assert len(caught.value.message) < 200


def test_a_tensor_type_from_the_future(tmp_path: Path) -> None:
    tensors = [*small_tensors(), TensorData("new", (256,), 999, b"")]
    with pytest.raises(MalformedGGUF) as caught:
        read_gguf(write_gguf(tmp_path / "m.gguf", small_metadata(), tensors))
    assert "newer than this llama.cpp" in caught.value.hint


# --- Split models -------------------------------------------------------------------


def _split(folder: Path) -> tuple[Path, Path]:
    tensors = small_tensors()
    first, second = (folder / f"m-0000{number}-of-00002.gguf" for number in (1, 2))
    write_gguf(first, small_metadata() | {"split.count": 2, "split.no": 0}, tensors[:4])
    write_gguf(second, {"split.count": 2, "split.no": 1}, tensors[4:])
    return first, second


@pytest.mark.parametrize("name", ["joined.gguf", "joined-00001-of-00002.gguf"])
def test_parts_joined_by_cat_are_told(tmp_path: Path, name: str) -> None:
    joined = tmp_path / name
    joined.write_bytes(b"".join(part.read_bytes() for part in _split(tmp_path)))
    with pytest.raises(MalformedGGUF, match="one after another") as caught:
        read_gguf(joined)
    assert "llama-gguf-split --merge" in caught.value.hint


def test_a_split_model_is_all_of_its_parts(tmp_path: Path) -> None:
    first, second = _split(tmp_path)
    gguf = read_gguf(first)
    assert gguf.parts == (first, second)
    assert gguf.model_size == first.stat().st_size + second.stat().st_size
    assert len(gguf.tensors) == len(small_tensors())


def test_a_part_whose_data_would_end_beyond_every_file(tmp_path: Path) -> None:
    first, _second = _split(tmp_path)
    data = first.read_bytes()
    last = read_header(first).tensors[-1]
    at = data.index(last.name.encode()) + len(last.name) + 4 + 8 * len(last.shape) + 4
    assert struct.unpack_from("<Q", data, at) == (last.offset,)
    first.write_bytes(data[:at] + struct.pack("<Q", 2**63 - 2**20) + data[at + 8 :])
    with pytest.raises(TruncatedGGUF, match=r"is cut short: [\d,]+ of [\d,]+ bytes"):
        read_gguf(first)


def test_a_missing_part(tmp_path: Path) -> None:
    first, second = _split(tmp_path)
    second.unlink()
    with pytest.raises(ModelFileNotFound, match=second.name):
        read_gguf(first)


def test_a_later_part_leads_to_the_first(tmp_path: Path) -> None:
    first, second = _split(tmp_path)
    with pytest.raises(ModelFileUnreadable) as caught:
        read_gguf(second)
    assert first.name in caught.value.hint


def test_a_cut_part(tmp_path: Path) -> None:
    first, second = _split(tmp_path)
    os.truncate(second, second.stat().st_size - 512)
    with pytest.raises(TruncatedGGUF, match=second.name):
        read_gguf(first)


@pytest.mark.parametrize("end", ["part1of2", "part2of2", "split-aa", "001"])
def test_a_piece_of_a_file(tmp_path: Path, end: str) -> None:
    path = write_small_model(tmp_path / "m.gguf").rename(tmp_path / f"m.gguf.{end}")
    with pytest.raises(TruncatedGGUF, match=r"is a piece of m\.gguf") as caught:
        read_gguf(path)
    assert caught.value.hint == "join all its pieces, in order: cat PIECES > m.gguf"


def test_a_part_under_another_name(tmp_path: Path) -> None:
    first, second = _split(tmp_path)
    with pytest.raises(MalformedGGUF, match="several parts"):
        read_gguf(first.rename(tmp_path / "renamed.gguf"))
    second.write_bytes((tmp_path / "renamed.gguf").read_bytes())
    (tmp_path / "renamed.gguf").rename(first)
    with pytest.raises(MalformedGGUF, match="not the part"):
        read_gguf(first)


@given(st.binary(max_size=300))
def test_any_bytes_can_stand_for_a_header(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.gguf"
    path.write_bytes(b"GGUF\x03\x00\x00\x00" + data)
    read_summary(path)


@pytest.mark.parametrize("situation", BROKEN_FILES)
def test_broken_files_have_a_summary_or_none(tmp_path: Path, situation: str) -> None:
    read_summary(BROKEN_FILES[situation](tmp_path / "m.gguf"))
