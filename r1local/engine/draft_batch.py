"""The draft that a context holds after a model's own tokens."""

import ctypes
from collections.abc import Sequence
from typing import Any

from r1local.engine.library import load_llama
from r1local.engine.limits import MOST_DRAFTED

#: The row of the last logits.
_LAST = -1


class DraftBatch:
    """A token and a draft, evaluated in one step, of which all logits are read.

    Attributes:
        left: the tokens of the draft that are neither accepted nor dropped.
        row: the row of the logits that decide the next token.
    """

    def __init__(self) -> None:
        size = 1 + MOST_DRAFTED
        self._tokens = (ctypes.c_int32 * size)()
        self._wanted = (ctypes.c_int8 * size)(*[1] * size)
        self._batch = load_llama().llama_batch_get_one(self._tokens, size)
        self._batch.logits = self._wanted
        self.left: list[int] = []
        self.row = _LAST

    def written(self, token: int, draft: Sequence[int]) -> Any:
        """Return llama.cpp's batch of a token and at most `MOST_DRAFTED` that may follow."""
        self.left, self.row = list(draft), 0
        self._batch.n_tokens = count = 1 + len(draft)
        self._tokens[:count] = [token, *draft]
        return self._batch

    def accept(self, tokens: Sequence[int]) -> bool:
        """Count tokens as drafted well if the draft goes on with them; return whether it does."""
        count = len(tokens)
        if not (self.left and count and self.left[:count] == list(tokens)):
            return False
        del self.left[:count]
        self.row += count
        return True

    def clear(self) -> None:
        """Forget the draft: the next token is decided by the last logits."""
        self.left, self.row = [], _LAST
