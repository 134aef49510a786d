"""The KV cache of an engine, as far as it can be kept and put back."""

import ctypes
from collections.abc import Sequence
from typing import Protocol


class KVState(Protocol):
    """The KV cache of a loaded model, as far as it can be kept and put back.

    Attributes:
        state_key: what the content depends on: model file, llama.cpp, and how it is loaded.
    """

    state_key: str

    @property
    def position(self) -> int:
        """Tokens in the KV cache."""

    def state_size(self) -> int:
        """Bytes that the content of `state` would take."""

    def state(self) -> tuple[list[int], ctypes.Array[ctypes.c_uint8]]:
        """Return the tokens in the KV cache, and its content.

        Raises:
            InferenceError: llama.cpp failed.
        """

    def put_state(self, tokens: Sequence[int], content: bytearray) -> bool:
        """Put back what `state` returned; False if it can't be."""
