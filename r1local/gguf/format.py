"""The parts of a GGUF file, following the specification (ggml, `docs/gguf.md`)."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias

from r1local.language import N_

MAGIC = b"GGUF"

MAX_LAYERS = 512  # LLAMA_MAX_LAYERS

DOWNLOAD_AGAIN = N_("download the file again")

STRING_TYPE = 8
ARRAY_TYPE = 9

# Value types of the specification, `gguf_metadata_value_type`.
SCALAR_TYPES = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: struct.Struct("<I"),
    5: struct.Struct("<i"),
    6: struct.Struct("<f"),
    7: struct.Struct("<?"),
    10: struct.Struct("<Q"),
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}

STRING_LENGTH = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class GGMLType:
    """A tensor type, which stores every `block_size` numbers in `block_bytes` bytes."""

    name: str
    block_size: int
    block_bytes: int

    def row_bytes(self, elements: int) -> int:
        """Return the bytes that a row of `elements` numbers takes, counting whole blocks only."""
        return elements // self.block_size * self.block_bytes


# From ggml's `enum ggml_type` and its block structs (ggml-common.h), as of
# llama-cpp-python 0.3.36. Numbers left out belong to types since removed.
GGML_TYPES: Mapping[int, GGMLType] = MappingProxyType(
    {
        0: GGMLType("F32", 1, 4),
        1: GGMLType("F16", 1, 2),
        2: GGMLType("Q4_0", 32, 18),
        3: GGMLType("Q4_1", 32, 20),
        6: GGMLType("Q5_0", 32, 22),
        7: GGMLType("Q5_1", 32, 24),
        8: GGMLType("Q8_0", 32, 34),
        9: GGMLType("Q8_1", 32, 36),
        10: GGMLType("Q2_K", 256, 84),
        11: GGMLType("Q3_K", 256, 110),
        12: GGMLType("Q4_K", 256, 144),
        13: GGMLType("Q5_K", 256, 176),
        14: GGMLType("Q6_K", 256, 210),
        15: GGMLType("Q8_K", 256, 292),
        16: GGMLType("IQ2_XXS", 256, 66),
        17: GGMLType("IQ2_XS", 256, 74),
        18: GGMLType("IQ3_XXS", 256, 98),
        19: GGMLType("IQ1_S", 256, 50),
        20: GGMLType("IQ4_NL", 32, 18),
        21: GGMLType("IQ3_S", 256, 110),
        22: GGMLType("IQ2_S", 256, 82),
        23: GGMLType("IQ4_XS", 256, 136),
        24: GGMLType("I8", 1, 1),
        25: GGMLType("I16", 1, 2),
        26: GGMLType("I32", 1, 4),
        27: GGMLType("I64", 1, 8),
        28: GGMLType("F64", 1, 8),
        29: GGMLType("IQ1_M", 256, 56),
        30: GGMLType("BF16", 1, 2),
        34: GGMLType("TQ1_0", 256, 54),
        35: GGMLType("TQ2_0", 256, 66),
        39: GGMLType("MXFP4", 32, 17),
        40: GGMLType("NVFP4", 64, 36),
        41: GGMLType("Q1_0", 128, 18),
        42: GGMLType("Q2_0", 64, 18),
    }
)


@dataclass(frozen=True, slots=True, repr=False)
class GGUFArray:
    """An array in the metadata, kept as bytes until its values are needed."""

    item_type: int
    count: int
    data: bytes

    @property
    def holds_strings(self) -> bool:
        return self.item_type == STRING_TYPE

    @property
    def holds_integers(self) -> bool:
        """Whether llama.cpp reads the items as integers; it takes booleans too."""
        return self.item_type in (0, 1, 2, 3, 4, 5, 7, 10, 11)

    def byte_strings(self) -> list[bytes]:
        """Return the strings as they are stored, or an empty list if the array holds numbers."""
        found: list[bytes] = []
        if not self.holds_strings:
            return found
        data, end = self.data, 0
        length_at = STRING_LENGTH.unpack_from
        for _ in range(self.count):
            start = end + 8
            end = start + length_at(data, end)[0]
            found.append(data[start:end])
        return found

    def values(self) -> list[Any]:
        """Return all items, as `str`, `int`, `float` or `bool`."""
        if self.holds_strings:
            return [text.decode(errors="replace") for text in self.byte_strings()]
        code = SCALAR_TYPES[self.item_type].format[-1]
        return list(struct.unpack(f"<{self.count}{code}", self.data))


Value: TypeAlias = bool | int | float | str | GGUFArray


@dataclass(frozen=True, slots=True)
class Tensor:
    """One entry of the tensor table; `offset` counts from the start of its file's data."""

    name: str
    shape: tuple[int, ...]
    type: GGMLType
    offset: int

    @property
    def rows(self) -> int:
        return prod(self.shape[1:])

    @property
    def size(self) -> int:
        """Size of its data in bytes."""
        return self.type.row_bytes(prod(self.shape))


@dataclass(frozen=True, slots=True)
class GGUFFile:
    """The header of a GGUF file; sizes and offsets are in bytes.

    For a model split over several files this is the header of the first, but `parts` names
    all files, `model_size` is their total size, and `tensors` has the tensors of all parts.
    """

    path: Path
    version: int
    metadata: Mapping[str, Value]
    tensors: tuple[Tensor, ...]
    data_offset: int
    alignment: int
    file_size: int
    parts: tuple[Path, ...]
    model_size: int

    def text(self, key: str) -> str | None:
        """Return the string under `key`, or None."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def integer(self, key: str) -> int | None:
        """Return the integer under `key`, or None."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    def array(self, key: str) -> GGUFArray | None:
        """Return the array under `key`, or None."""
        value = self.metadata.get(key)
        return value if isinstance(value, GGUFArray) else None

    @property
    def architecture(self) -> str:
        return self.text("general.architecture") or ""

    @property
    def name(self) -> str | None:
        return self.text("general.name")

    @property
    def chat_template(self) -> str | None:
        return self.text("tokenizer.chat_template")

    @property
    def vocabulary_size(self) -> int:
        tokens = self.array("tokenizer.ggml.tokens")
        return tokens.count if tokens else 0

    @property
    def context_length(self) -> int | None:
        """Tokens the model was trained to attend to."""
        return self.hyperparameter("context_length")

    @property
    def position_count(self) -> int | None:
        """Number of learnt position embeddings; None if positions are computed."""
        tables = (tensor.rows for tensor in self.tensors if tensor.name == "position_embd.weight")
        return next(tables, None)

    @property
    def block_count(self) -> int | None:
        """Number of layers that can be offloaded, not counting the output layer."""
        return self.hyperparameter("block_count")

    @property
    def embedding_length(self) -> int | None:
        return self.hyperparameter("embedding_length")

    @property
    def key_length(self) -> int:
        """Length of one head's key vector."""
        return self.hyperparameter("attention.key_length") or self._head_length

    @property
    def value_length(self) -> int:
        """Length of one head's value vector."""
        return self.hyperparameter("attention.value_length") or self._head_length

    @property
    def key_value_heads(self) -> tuple[int, ...]:
        """Number of heads with cached keys and values, for each layer."""
        return self.per_layer("attention.head_count_kv") or self.per_layer("attention.head_count")

    @property
    def uses_latent_attention(self) -> bool:
        """Whether the file stores DeepSeek's compressed attention (MLA), values inside the keys."""
        return bool(self.hyperparameter("attention.key_length_mla"))

    def hyperparameter(self, key: str) -> int | None:
        """Return the architecture's integer `key`, such as "block_count", or None."""
        return self.integer(f"{self.architecture}.{key}")

    def per_layer(self, key: str) -> tuple[int, ...]:
        """Return the architecture's `key` for each layer; the file may give one number for all."""
        layers = min(self.block_count or 0, MAX_LAYERS)
        single = self.hyperparameter(key)
        if single is not None:
            return (single,) * layers
        several = self.array(f"{self.architecture}.{key}")
        if several is None or not several.holds_integers:
            return ()
        return tuple(int(item) for item in several.values()[:layers])

    @property
    def _head_length(self) -> int:
        heads = max(self.per_layer("attention.head_count"), default=0)
        return (self.embedding_length or 0) // heads if heads else 0


def shown(path: Path) -> str:
    """Return a file's name for messages, shortened in the middle to at most 80 characters."""
    name = path.name or str(path)
    return name if len(name) <= 80 else f"{name[:39]}…{name[-40:]}"
