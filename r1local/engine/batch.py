"""Several sequences of tokens in one context, evaluated together.

A step over many sequences reads the weights only once for all of them, and reading the
weights is what limits generation on most machines.
"""

import ctypes
from collections.abc import Sequence

from r1local.engine.contexts import Contexts
from r1local.engine.library import decode_error, load_llama
from r1local.engine.limits import BATCH_TOKENS
from r1local.engine.sampler import Sampler

_ALL = -1


class Batch:
    """Sequences with a common beginning, which the KV cache holds only once.

    The beginning is what sequence 0, the model's own, holds when the batch is made. Close
    the batch, or use it in `with`, before the model is used for anything else: then
    sequence 0 is as it was before.

    Args:
        contexts: the model's context, made for at least this many sequences and a unified cache.
        sequences: how many there are; they are numbered from 0.
        kv_tokens: tokens that the KV cache holds.
        shared: tokens that sequence 0 holds.
    """

    def __init__(self, contexts: Contexts, sequences: int, kv_tokens: int, shared: int) -> None:
        self._llama = load_llama()
        self._contexts = contexts
        self._kv_tokens = kv_tokens
        self._shared = shared
        self.sequences = sequences
        self._lengths = [shared] * sequences
        self._rows = [0] * sequences
        self._make_arrays()
        for number in range(1, sequences):
            self._llama.llama_memory_seq_rm(self._contexts.memory, number, _ALL, _ALL)
            self._llama.llama_memory_seq_cp(self._contexts.memory, 0, number, _ALL, _ALL)

    def close(self) -> None:
        """Forget everything except the shared beginning, in sequence 0."""
        for number in range(1, self.sequences):
            self._llama.llama_memory_seq_rm(self._contexts.memory, number, _ALL, _ALL)
        self.rewind(0, self._shared)

    def __enter__(self) -> "Batch":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def room(self) -> int:
        """The number of tokens that the KV cache can still take, for all sequences together."""
        own = sum(self._lengths) - self._shared * self.sequences
        return self._kv_tokens - self._shared - own

    def position(self, sequence: int) -> int:
        """Return how many tokens a sequence has."""
        return self._lengths[sequence]

    def evaluate(self, parts: Sequence[tuple[int, Sequence[int]]]) -> None:
        """Evaluate more tokens of some sequences in one step.

        Args:
            parts: distinct sequences and their next tokens: at least one for each, at most 512
                in total, and no more than there is `room` for.

        Raises:
            InferenceError: llama.cpp failed; the sequences are unchanged.
        """
        tokens, positions, owners, wanted = (
            self._tokens,
            self._positions,
            self._owners,
            self._wanted,
        )
        count = 0
        for sequence, more in parts:
            position = self._lengths[sequence]
            for token in more:
                tokens[count] = token
                positions[count] = position
                owners[count] = sequence
                wanted[count] = 0
                count += 1
                position += 1
            wanted[count - 1] = 1
            self._rows[sequence] = count - 1
        self._batch.n_tokens = count
        self._contexts.make_room(self._kv_tokens - self.room + count)
        if code := self._llama.llama_decode(self._contexts.handle, self._batch):
            raise decode_error(code)
        for sequence, more in parts:
            self._lengths[sequence] += len(more)

    def sample(self, sequence: int, sampler: Sampler) -> int:
        """Draw a sequence's next token; it must have been among those evaluated last."""
        return sampler.draw(self._contexts.handle, self._rows[sequence])

    def rewind(self, sequence: int, position: int) -> None:
        """Forget a sequence's tokens from a position on; it can't lie in the shared beginning."""
        if position < self._lengths[sequence]:
            self._llama.llama_memory_seq_rm(self._contexts.memory, sequence, position, _ALL)
            self._lengths[sequence] = position

    def restart(self, sequence: int) -> None:
        """Forget everything that a sequence has after the shared beginning."""
        self.rewind(sequence, self._shared)

    def _make_arrays(self) -> None:
        """Allocate the memory of `llama_batch` once, so that a step only writes numbers into it."""
        numbers = ctypes.c_int32 * BATCH_TOKENS
        self._tokens, self._positions, self._owners = numbers(), numbers(), numbers()
        self._wanted = (ctypes.c_int8 * BATCH_TOKENS)()
        self._owner_counts = numbers(*[1] * BATCH_TOKENS)
        first, size = ctypes.addressof(self._owners), ctypes.sizeof(ctypes.c_int32)
        pointer = ctypes.POINTER(ctypes.c_int32)
        self._owner_lists = (pointer * BATCH_TOKENS)(
            *(ctypes.cast(first + size * row, pointer) for row in range(BATCH_TOKENS))
        )
        self._batch = self._llama.llama_batch(
            0,
            self._tokens,
            None,
            self._positions,
            self._owner_counts,
            self._owner_lists,
            self._wanted,
        )
