"""The command that makes nano again: data, tokenizer, training, export and evaluation.

    python -m tools.nano.make --folder /tmp/nano

Needs `tools/nano/requirements.txt`. Every seed is fixed, but training ends by the clock, so a
faster machine sees more of the data.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from tools.nano.chat import Mix
from tools.nano.corpus import Corpus, build
from tools.nano.engines import Direct
from tools.nano.evaluate import measure, report
from tools.nano.export import export
from tools.nano.model import Shape
from tools.nano.suites import suites
from tools.nano.tokenizer import VOCABULARY, train_tokenizer
from tools.nano.train import Plan, Trainer

SHAPE = Shape(vocabulary=VOCABULARY, layers=6, width=192, heads=6, kv_heads=2, feed_forward=576)
SEED = 2026


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of the training: its samples, its minutes on two cores, and its plan."""

    seed: int
    samples: int
    minutes: float
    mix: Mix
    plan: Plan


# Nearly everything is learnt in the first phase, whose rate falls to zero. The second takes less
# than a tenth of that time, with more prompts to refuse and more mistakes to notice, which had been
# learnt least.
PHASES = (
    Phase(2026, 900_000, 86, Mix(), Plan(passes=2)),
    Phase(
        2027,
        100_000,
        7,
        Mix(refused=0.32, openings=0.3, slips=(50, 40, 10)),
        Plan(passes=2, matrix_rate=0.008, other_rate=1.2e-3, seed=2),
    ),
)

#: Share of the second phase in the weights: with all of it, nano refuses best; without, reads best.
LAST_SHARE = 0.65


def prepared(folder: Path, phase: Phase) -> Corpus:
    """Return the training set of a phase, which is made if necessary."""
    tokenizer_file, corpus_file = folder / "tokenizer.json", folder / f"corpus{phase.seed}.npz"
    if not tokenizer_file.exists():
        train_tokenizer(tokenizer_file)
    if not corpus_file.exists():
        build(tokenizer_file, phase.samples, phase.seed, phase.mix).save(corpus_file)
    return Corpus.load(corpus_file)


def trained(folder: Path, speed: float, threads: int) -> Path:
    """Run the phases in turn and mix their weights; return the path of the checkpoint."""
    checkpoints = [folder / f"phase{number}.pt" for number, _ in enumerate(PHASES, start=1)]
    for index, (phase, checkpoint) in enumerate(zip(PHASES, checkpoints, strict=True)):
        corpus = prepared(folder, phase)
        plan = replace(phase.plan, minutes=phase.minutes / speed, threads=threads)
        trainer = Trainer(SHAPE, plan)
        if index:
            trainer.resume(checkpoints[index - 1])
        print(f"phase {index + 1}: {len(corpus.starts) - 1:,} samples", flush=True)
        trainer.run(corpus, checkpoint)
    return mixed(checkpoints[0], checkpoints[-1], LAST_SHARE, folder / "nano.pt")


def mixed(first: Path, last: Path, share: float, target: Path) -> Path:
    """Write a checkpoint whose weights lie between those of two others (arXiv:2109.01903)."""
    torch.serialization.add_safe_globals([Shape])
    before, after = (torch.load(path, weights_only=True) for path in (first, last))
    for name, weight in after["model"].items():
        weight.lerp_(before["model"][name], 1 - share)
    torch.save(after, target)
    return target


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for intermediate files")
    parser.add_argument("--target", type=Path, default=Path("r1local/nano.gguf"))
    parser.add_argument(
        "--speed", type=float, default=1, help="speed of this machine relative to two cores"
    )
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--scale", type=float, default=0.25, help="share of the tests run")
    return parser.parse_args()


def main() -> None:
    """Make data, train, export the file, and run a part of the tests."""
    options = _arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = trained(options.folder, options.speed, options.threads)
    export(checkpoint, options.folder / "tokenizer.json", options.target)
    for name, cases in suites(options.scale, SEED).items():
        print(f"\n## {name}\n\n{report(measure(Direct(options.target), cases(), 0.0))}", flush=True)


if __name__ == "__main__":
    main()
