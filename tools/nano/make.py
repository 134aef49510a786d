"""The one command that remakes nano: data, tokenizer, training, export and evaluation.

    python -m tools.nano.make --folder /tmp/nano --minutes 60

Needs `tools/nano/requirements.txt`. Every seed is fixed; the end of training goes by the clock,
so that a faster machine sees more of the data.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

from tokenizers import Tokenizer

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
    """A part of the training: its samples, its share of the time, and its plan."""

    seed: int
    samples: int
    share: float
    plan: Plan


# The rate stays high while the tasks are learnt, then falls to nothing over other samples, in
# smaller steps and with exercises in copying.
PHASES = (
    Phase(2026, 400_000, 0.4, Plan(warmup=0.05, decay=0.0, seed=1)),
    Phase(
        2027, 220_000, 0.6, Plan(matrix_rate=0.011, other_rate=2e-3, passes=2, copying=3, seed=2)
    ),
)


def prepared(folder: Path, phase: Phase) -> Corpus:
    """The training set of a phase, made unless it is there."""
    tokenizer_file, corpus_file = folder / "tokenizer.json", folder / f"corpus{phase.seed}.npz"
    if not tokenizer_file.exists():
        train_tokenizer(tokenizer_file)
    if not corpus_file.exists():
        build(Tokenizer.from_file(str(tokenizer_file)), phase.samples, phase.seed).save(corpus_file)
    return Corpus.load(corpus_file)


def trained(folder: Path, minutes: float, threads: int) -> Path:
    """Run the phases one after the other; the path of the last checkpoint."""
    checkpoint = folder / "nano.pt"
    for index, phase in enumerate(PHASES):
        corpus = prepared(folder, phase)
        plan = replace(phase.plan, minutes=minutes * phase.share, threads=threads)
        trainer = Trainer(SHAPE, plan)
        if index:
            trainer.resume(checkpoint)
        print(
            f"phase {index + 1}: {len(corpus.starts) - 1:,} samples, {len(corpus.tokens):,} tokens",
            flush=True,
        )
        trainer.run(corpus, checkpoint)
    return checkpoint


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for intermediate files")
    parser.add_argument("--target", type=Path, default=Path("r1local/nano.gguf"))
    parser.add_argument("--minutes", type=float, default=60, help="of training")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--scale", type=float, default=0.25, help="share of the tests run")
    return parser.parse_args()


def main() -> None:
    """Data and training, then the file, then a part of the tests."""
    options = _arguments()
    options.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = trained(options.folder, options.minutes, options.threads)
    export(checkpoint, options.folder / "tokenizer.json", options.target)
    for name, cases in suites(options.scale, SEED).items():
        print(f"\n## {name}\n\n{report(measure(Direct(options.target), cases(), 0.0))}", flush=True)


if __name__ == "__main__":
    main()
