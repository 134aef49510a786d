"""The training set: samples as token ids, with a mask of what is learnt."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path

import numpy as np
from tokenizers import Encoding, Tokenizer

from tools.nano.chat import Mix, Sample, sample

LONGEST = 1536  # tokens; longer samples are left out
SHARDS = 16  # parts with their own seeds, made in parallel
_BATCH = 2_000


@dataclass(slots=True)
class Corpus:
    """Samples in a row: ids, whether each token is a target, and where samples begin."""

    tokens: np.ndarray  # uint16
    learnt: np.ndarray  # bool
    starts: np.ndarray  # int64, one more than there are samples

    def save(self, path: Path) -> None:
        """Write the arrays to one file."""
        np.savez(path, tokens=self.tokens, learnt=self.learnt, starts=self.starts)

    @classmethod
    def load(cls, path: Path) -> Corpus:
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return cls(arrays["tokens"], arrays["learnt"], arrays["starts"])


def _mask(made: Sample, encoding: Encoding) -> np.ndarray:
    """Return True for tokens of the reply that don't touch a part that isn't learnt."""
    bounds = list(accumulate((len(text) for text, _ in made.reply), initial=len(made.prompt)))
    spans = [(0, bounds[0])]
    spans += [
        span for span, (_, learnt) in zip(pairwise(bounds), made.reply, strict=True) if not learnt
    ]
    begins, ends = np.array(encoding.offsets).T
    learnt: np.ndarray = np.ones(len(begins), dtype=bool)
    for begin, end in spans:
        learnt &= (ends <= begin) | (begins >= end)
    return learnt


def _encoded(
    tokenizer: Tokenizer, count: int, seed: int, mix: Mix
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield ids and masks of samples, leaving out those that are too long."""
    rng = random.Random(seed)
    for _ in range(0, count, _BATCH):
        batch = [sample(rng, mix) for _ in range(_BATCH)]
        texts = [made.prompt + "".join(text for text, _ in made.reply) for made in batch]
        for made, encoding in zip(batch, tokenizer.encode_batch(texts), strict=True):
            if len(encoding.ids) <= LONGEST:
                yield np.array(encoding.ids, dtype=np.uint16), _mask(made, encoding)


def _shard(tokenizer_file: Path, count: int, seed: int, mix: Mix) -> Corpus:
    pieces = list(_encoded(Tokenizer.from_file(str(tokenizer_file)), count, seed, mix))
    lengths = [len(tokens) for tokens, _ in pieces]
    return Corpus(
        np.concatenate([tokens for tokens, _ in pieces]),
        np.concatenate([mask for _, mask in pieces]),
        np.concatenate([[0], np.cumsum(lengths)]),
    )


def build(tokenizer_file: Path, count: int, seed: int, mix: Mix) -> Corpus:
    """Generate and encode about `count` samples, the same ones whatever the number of cores."""
    seeds = range(seed * SHARDS, seed * SHARDS + SHARDS)
    with ProcessPoolExecutor() as pool:
        work = [pool.submit(_shard, tokenizer_file, count // SHARDS, each, mix) for each in seeds]
        shards = [each.result() for each in work]
    ends = np.cumsum([shard.starts[-1] for shard in shards])
    return Corpus(
        np.concatenate([shard.tokens for shard in shards]),
        np.concatenate([shard.learnt for shard in shards]),
        np.concatenate(
            [[0], *(s.starts[1:] + end - s.starts[-1] for s, end in zip(shards, ends, strict=True))]
        ),
    )
