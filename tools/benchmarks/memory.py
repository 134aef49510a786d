"""Peak memory compared with llama.cpp's own program."""

from collections.abc import Sequence
from functools import partial

from testing.models import smollm2
from tools.benchmarks.harness import R1LOCAL, STORY, Options, alternate, checked, compare, run


def compare_memory(options: Options) -> None:
    """Compare the peak resident memory of 64 tokens at the same context."""
    model = str(smollm2())
    for context in ("4096", "8192"):
        shared = ["-m", model, "--threads", "2"]
        ours = [*R1LOCAL, "run", STORY, *shared, "--max-tokens", "64", "--context", context]
        peer = [str(options.llama_bin / "llama-completion"), "-p", STORY, "-st", *shared]
        mine, theirs = alternate(
            options.rounds,
            partial(_peak_mib, ours),
            partial(_peak_mib, [*peer, "-n", "64", "-c", context]),
        )
        compare(f"context {context}", mine, theirs, "MiB, llama-completion")


def _peak_mib(command: Sequence[str]) -> float:
    """Return the peak resident memory of a whole process."""
    return checked(run(command)).peak_mib
