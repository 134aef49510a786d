"""Several sequences of tokens in one context, evaluated together.

A step over many sequences reads the weights only once for all of them, and reading the
weights is what limits generation on most machines.
"""

import ctypes
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple, TypeAlias

from r1local.engine.contexts import Contexts
from r1local.engine.library import ABORTED, decode_error, load_llama
from r1local.engine.limits import BATCH_TOKENS, outputs_of
from r1local.engine.sampler import Sampler

_ALL = -1
#: Makes llama.cpp ask, for as long as the context lasts, whether to stop evaluating.
Abortable: TypeAlias = Callable[[Callable[[], bool]], AbstractContextManager[None]]


class Part(NamedTuple):
    """The next tokens of a sequence, and after how many of the last of them logits are needed."""

    sequence: int
    tokens: Sequence[int]
    outputs: int = 1


class Batch:
    """Sequences in one KV cache, which holds the tokens that several begin with only once.

    Sequence 0 is the model's own. Close the batch, or use it in `with`, before the model is
    used for anything else.

    Args:
        contexts: the model's context, made for at least this many sequences and a unified cache.
        sequences: how many there are; they are numbered from 0.
        kv_tokens: tokens that the KV cache holds.
        own: the tokens that sequence 0 holds; the batch keeps this list up to date.
        abortable: see `Abortable`.
    """

    def __init__(
        self,
        contexts: Contexts,
        sequences: int,
        kv_tokens: int,
        own: list[int],
        abortable: Abortable,
    ) -> None:
        self._llama = load_llama()
        self._contexts = contexts
        self._kv_tokens = kv_tokens
        self._abortable = abortable
        self.sequences = sequences
        self._before = tuple(own)
        self._held: list[list[int]] = [own, *([] for _ in range(1, sequences))]
        # llama.cpp doesn't tell which sequences share a token: here each token in the cache has a
        # number, and those that several sequences hold have a count of them.
        self._cells: list[list[int]] = [list(range(len(own))), *([] for _ in range(1, sequences))]
        self._holders: dict[int, int] = {}
        self._used = self._next_cell = len(own)
        self._rows = [0] * sequences
        self._make_arrays()

    def close(self, keep: Sequence[int] | None = None) -> None:
        """Forget everything except what sequence 0 is to hold.

        Args:
            keep: tokens of which sequence 0 holds afterwards as many as any sequence has; by
                default those that it held before.
        """
        source, shared = self.longest_shared(self._before if keep is None else keep)
        self.share(source, 0, shared)
        for sequence in range(1, self.sequences):
            self.rewind(sequence, 0)

    def __enter__(self) -> "Batch":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def room(self) -> int:
        """The number of tokens that the KV cache can still take, for all sequences together."""
        return self._kv_tokens - self._used

    @property
    def most_with_drafts(self) -> int:
        """The most tokens of a step with drafts, for which nothing else has to go or change."""
        return min(self.room, self._contexts.limit - self._used, outputs_of(self.sequences))

    def position(self, sequence: int) -> int:
        """Return how many tokens a sequence has."""
        return len(self._held[sequence])

    def evaluate(self, parts: Sequence[Part], cancelled: Callable[[], bool] | None = None) -> bool:
        """Evaluate more tokens of some sequences in one step.

        Args:
            parts: parts of distinct sequences: at least one token for each, at most 512 in total,
                and no more than there is `room` for.
            cancelled: called during the evaluation on the CPU, at some cost.

        Returns:
            Whether they were evaluated; False when cancelled.

        Raises:
            InferenceError: llama.cpp failed; the sequences have no more tokens than before.
        """
        self._batch.n_tokens = count = self._write(parts)
        if not self._used:
            self._contexts.begin(0, count)
        self._contexts.make_room(self._used + count)
        with self._abortable(cancelled) if cancelled else nullcontext():
            code = self._llama.llama_decode(self._contexts.handle, self._batch)
        if code:
            self._undo(parts)
            if code == ABORTED:
                return False
            raise decode_error(code)
        for sequence, tokens, _outputs in parts:
            self._held[sequence] += tokens
            end = self._next_cell + len(tokens)
            self._cells[sequence] += range(self._next_cell, end)
            self._next_cell = end
        self._used += count
        return True

    def wait(self) -> None:
        """Wait until everything has been computed; a GPU still computes when calls return."""
        self._llama.llama_synchronize(self._contexts.handle)

    def sample(self, sequence: int, sampler: Sampler, ahead: int = 0) -> int:
        """Draw a sequence's next token; it must have been among those evaluated last.

        Args:
            ahead: how many tokens of a draft, evaluated as well, are not counted.
        """
        return sampler.draw(self._contexts.handle, self._rows[sequence] - ahead)

    def rewind(self, sequence: int, position: int) -> int:
        """Forget a sequence's tokens from a position on, or all if it can't forget a part.

        Returns:
            The number of tokens that it has afterwards.
        """
        held = self._held[sequence]
        if position < len(held):
            self._forget(sequence, position)
        return len(held)

    def longest_shared(self, tokens: Sequence[int]) -> tuple[int, int]:
        """Return the sequence that begins with most of some tokens, and with how many of them."""
        shared = [shared_prefix(held, tokens) for held in self._held]
        best = max(range(self.sequences), key=shared.__getitem__)
        return best, shared[best]

    def share(self, source: int, target: int, position: int) -> int:
        """Replace a sequence by the first tokens of another, which costs neither room nor time.

        Returns:
            The number of tokens that it has afterwards; none if a part can't be copied.
        """
        if source != target:
            self.rewind(target, 0)
            # All is copied and then cut, since the states of recurrent models are whole.
            self._llama.llama_memory_seq_cp(self._contexts.memory, source, target, _ALL, _ALL)
            self._held[target] += self._held[source]
            self._cells[target] += self._cells[source]
            for cell in self._cells[target]:
                self._holders[cell] = self._holders.get(cell, 1) + 1
        return self.rewind(target, position)

    def _write(self, parts: Sequence[Part]) -> int:
        """Write parts into the arrays of `llama_batch`; return the number of tokens."""
        tokens, positions, owners, wanted = (
            self._tokens,
            self._positions,
            self._owners,
            self._wanted,
        )
        row = 0
        for sequence, more, outputs in parts:
            position = len(self._held[sequence])
            first_output = row + len(more) - outputs
            for token in more:
                tokens[row] = token
                positions[row] = position
                owners[row] = sequence
                wanted[row] = row >= first_output
                row += 1
                position += 1
            self._rows[sequence] = row - 1
        return row

    def _undo(self, parts: Sequence[Part]) -> None:
        """Forget what of a failed step may be in the KV cache."""
        for part in parts:
            self._forget(part.sequence, len(self._held[part.sequence]))

    def _forget(self, sequence: int, position: int) -> None:
        held, cells = self._held[sequence], self._cells[sequence]
        if not self._llama.llama_memory_seq_rm(self._contexts.memory, sequence, position, _ALL):
            # Recurrent models can't forget a part.
            self._llama.llama_memory_seq_rm(self._contexts.memory, sequence, _ALL, _ALL)
            position = 0
        for cell in cells[position:]:
            others = self._holders.pop(cell, 1) - 1
            if others > 1:
                self._holders[cell] = others
            self._used -= not others
        del held[position:], cells[position:]

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


def shared_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """Return the number of tokens that both begin with."""
    shared = 0
    for a, b in zip(left, right, strict=False):
        if a != b:
            break
        shared += 1
    return shared


def as_evaluated(
    tokens: Sequence[int], evaluated: Sequence[int], piece: Callable[[int], bytes]
) -> Sequence[int]:
    """Return tokens of the same text that begin with as many of the `evaluated` ones as possible.

    Args:
        tokens: as a tokenizer makes them.
        evaluated: those that a KV cache has; a model may have written them.
        piece: returns the bytes that a token stands for; none for a control token.
    """
    done = at = shared_prefix(evaluated, tokens)
    same = done, at
    ahead, behind = b"", b""  # of both, what the other one hasn't reached yet
    while ahead[: len(behind)] == behind[: len(ahead)]:
        reached = min(len(ahead), len(behind))
        ahead, behind = ahead[reached:], behind[reached:]
        if not ahead and not behind:
            same = done, at
        if len(ahead) <= len(behind):
            if done == len(evaluated) or not (next_piece := piece(evaluated[done])):
                break
            ahead, done = ahead + next_piece, done + 1
        else:
            if at == len(tokens) or not (next_piece := piece(tokens[at])):
                break
            behind, at = behind + next_piece, at + 1
    return [*evaluated[: same[0]], *tokens[same[1] :]]
