"""The time that evaluation takes at any depth of the context, without computing up to there."""

from collections.abc import Callable
from typing import Any

from r1local.engine.contexts import Contexts
from r1local.engine.library import decode_error, load_llama
from r1local.engine.limits import BATCH_TOKENS


class Timing:
    """A context beside a model's own, for timing. Close it before the model, or use it in `with`.

    Args:
        contexts: made by `Model.beside`.
        sequences: replies that are generated at once.
        clock: what to measure with, in seconds.

    Raises:
        InferenceError: llama.cpp failed; so do its methods.
    """

    def __init__(self, contexts: Contexts, sequences: int, clock: Callable[[], float]) -> None:
        self._llama = load_llama()
        self._contexts = contexts
        self._sequences = sequences
        self._clock = clock
        self._batch: Any = self._llama.llama_batch_init(BATCH_TOKENS, 0, 1)
        self._lengths = [0] * sequences
        self._evaluate([0])

    def __enter__(self) -> "Timing":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the context."""
        self._llama.llama_batch_free(self._batch)
        self._contexts.close()

    def fill(self, depth: int) -> bool:
        """Make the sequences hold so many tokens together; False if the model doesn't allow it."""
        self._lengths = [len(range(n, depth, self._sequences)) for n in range(self._sequences)]
        return self._contexts.fill(depth, self._sequences)

    def use_threads(self, generation: int, prompts: int) -> None:
        """Set the number of threads for generation, and for prompts."""
        self._llama.llama_set_n_threads(self._contexts.handle, generation, prompts)

    def seconds_of_step(self, repeats: int) -> float:
        """Return the seconds in which each sequence gets a token, as the shortest of some."""
        return min(self._evaluate(list(range(self._sequences))) for _ in range(repeats))

    def seconds_of_prompt(self, tokens: int) -> float:
        """Return the seconds in which so many tokens of one sequence are evaluated, at most 512."""
        return self._evaluate([0] * tokens)

    def _evaluate(self, owners: list[int]) -> float:
        """Evaluate a token for each of the sequences named; return the seconds."""
        batch = self._batch
        for row, owner in enumerate(owners):
            batch.token[row] = row % 2
            batch.pos[row] = self._lengths[owner]
            batch.n_seq_id[row], batch.seq_id[row][0] = 1, owner
            batch.logits[row] = row >= len(owners) - self._sequences
            self._lengths[owner] += 1
        batch.n_tokens = len(owners)
        started = self._clock()
        if code := self._llama.llama_decode(self._contexts.handle, batch):
            raise decode_error(code)
        self._llama.llama_synchronize(self._contexts.handle)
        return self._clock() - started
