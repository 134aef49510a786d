"""Training on a CPU: bucketed batches, bfloat16, Muon, and a schedule that ends by the clock."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from tools.nano.corpus import Corpus
from tools.nano.model import Nano, Shape
from tools.nano.muon import Muon

# Padded lengths: few, so that few shapes are compiled, and close enough to waste little.
LENGTHS = (32, 48, 64, 80, 96, 112, 128, 144, 160, 192, 224, 256, 320, 512, 1024, 1536)
BATCH_TOKENS = 4096  # per forward pass; small enough for the caches of a desktop CPU
IGNORED = -100


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to train (minutes of wall clock) and how fast to learn."""

    minutes: float = 60
    matrix_rate: float = 0.02
    other_rate: float = 3e-3
    warmup: float = 0.02  # shares of the time: warm-up, then stable, then linear decay (WSD)
    decay: float = 1.0  # 0 leaves the rate as it is
    passes: int = 4  # forward passes per optimiser step
    seed: int = 1
    threads: int = 2


def factor(progress: float, plan: Plan) -> float:
    """Return the share of the learning rate at a point: warm-up, stable, decay (2405.18392)."""
    if progress < plan.warmup:
        return progress / plan.warmup
    return min(1.0, max(0.0, 1 - progress) / plan.decay) if plan.decay else 1.0


def _padded(corpus: Corpus, chosen: np.ndarray, length: int, rows: int) -> tuple[Tensor, Tensor]:
    """Return samples as rows of inputs and targets, filling short batches with empty rows."""
    inputs: np.ndarray = np.zeros((rows, length), dtype=np.int64)
    targets: np.ndarray = np.full((rows, length), IGNORED, dtype=np.int64)
    for row, index in enumerate(chosen):
        begin, end = corpus.starts[index], corpus.starts[index + 1]
        tokens: np.ndarray = corpus.tokens[begin:end].astype(np.int64)
        learnt: np.ndarray = corpus.learnt[begin:end]
        inputs[row, : end - begin - 1] = tokens[:-1]
        targets[row, : end - begin - 1] = np.where(learnt[1:], tokens[1:], IGNORED)
    return torch.from_numpy(inputs), torch.from_numpy(targets)


def batches(corpus: Corpus, rng: np.random.Generator) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the corpus once in random order, batching samples of similar length."""
    lengths = np.diff(corpus.starts) - 1
    bucket = np.asarray(np.searchsorted(np.array(LENGTHS), lengths))
    order = rng.permutation(len(lengths))
    groups = []
    for index, length in enumerate(LENGTHS):
        members = order[bucket[order] == index]
        rows = max(1, BATCH_TOKENS // length)
        groups += [(members[at : at + rows], length, rows) for at in range(0, len(members), rows)]
    for index in rng.permutation(len(groups)):
        yield _padded(corpus, *groups[index])


class Trainer:
    """The model, its two optimisers, and the loop."""

    def __init__(self, shape: Shape, plan: Plan) -> None:
        torch.manual_seed(plan.seed)
        torch.set_num_threads(plan.threads)
        self.plan = plan
        self.model = Nano(shape)
        inner = [p for p in self.model.blocks.parameters() if p.ndim == 2]
        known = {id(p) for p in inner}
        outer = [p for p in self.model.parameters() if id(p) not in known]
        self.optimisers = [
            Muon(inner, lr=plan.matrix_rate),
            torch.optim.AdamW(
                outer, lr=plan.other_rate, betas=(0.9, 0.95), weight_decay=0.0, fused=True
            ),
        ]
        torch._dynamo.config.recompile_limit = 2 * len(LENGTHS)
        for block in self.model.blocks:  # one compilation serves every block
            block.compile(dynamic=False)
        self.seen = 0

    def loss(self, inputs: Tensor, targets: Tensor) -> tuple[Tensor, int]:
        """Return the summed cross-entropy over the learnt tokens, and their count."""
        flat = targets.flatten()
        chosen = (flat != IGNORED).nonzero().squeeze(1)
        with torch.autocast("cpu", torch.bfloat16):
            states = self.model.hidden(inputs).flatten(0, 1).index_select(0, chosen)
            logits = self.model.output(states)
        loss = F.cross_entropy(logits.float(), flat[chosen], reduction="sum")
        return loss, len(chosen)

    def step(self, group: list[tuple[Tensor, Tensor]], share: float) -> float:
        """Do one optimiser step over several passes; return the mean loss in nats per token."""
        count = sum(int((targets != IGNORED).sum()) for _, targets in group)
        total = 0.0
        for inputs, targets in group:
            loss, _ = self.loss(inputs, targets)
            (loss / count).backward()
            total += loss.item()
            self.seen += inputs.numel()
        rates = (self.plan.matrix_rate, self.plan.other_rate)
        for optimiser, rate in zip(self.optimisers, rates, strict=True):
            for parameters in optimiser.param_groups:
                parameters["lr"] = rate * share
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        return total / count

    def resume(self, path: Path) -> None:
        """Continue from a checkpoint's weights; the optimisers' momentum starts from zero."""
        torch.serialization.add_safe_globals([Shape])
        kept = torch.load(path, weights_only=True)
        self.model.load_state_dict(kept["model"])

    def save(self, path: Path) -> None:
        """Write a checkpoint under a temporary name, then put it in place."""
        partial = path.with_suffix(".part")
        torch.save(
            {"shape": self.model.shape, "model": self.model.state_dict(), "seen": self.seen},
            partial,
        )
        partial.rename(path)

    def run(self, corpus: Corpus, path: Path) -> None:
        """Train until the time is up, passing over the corpus as often as that takes."""
        plan = self.plan
        rng = np.random.default_rng(plan.seed)
        begin = shown = time.monotonic()
        steps, group = 0, []
        while (progress := (time.monotonic() - begin) / 60 / plan.minutes) < 1:
            for batch in batches(corpus, rng):
                group.append(batch)
                if len(group) < plan.passes:
                    continue
                progress = (time.monotonic() - begin) / 60 / plan.minutes
                if progress >= 1:
                    break
                loss = self.step(group, factor(progress, plan))
                group, steps = [], steps + 1
                if time.monotonic() - shown > 20:
                    shown = time.monotonic()
                    speed = self.seen / (shown - begin)
                    print(
                        f"{progress:6.1%} step {steps} loss {loss:.4f} "
                        f"seen {self.seen / 1e6:.2f}M {speed:.0f} tok/s",
                        flush=True,
                    )
                    self.save(path)
        self.save(path)
