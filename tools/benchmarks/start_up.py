"""How long it takes until something appears: the help, and one token, cold and kept in memory."""

from functools import partial

from testing.models import smollm2
from tools.benchmarks.harness import INSTALLED, Options, alternate, compare, seconds_of


def compare_help(options: Options) -> None:
    """Compare the wall time of `--help` and `list`."""
    for command in ([INSTALLED, "--help"], [INSTALLED, "run", "--help"], [INSTALLED, "list"]):
        ours, theirs = alternate(
            options.rounds, partial(seconds_of, command), partial(seconds_of, ["llm", "--help"])
        )
        compare(" ".join(["r1local", *command[1:]]), ours, theirs, "s, llm --help")


def compare_oneshot(options: Options) -> None:
    """Compare one prompt and one token from start to end, with the file in the page cache."""
    model = str(smollm2())
    ours = [INSTALLED, "run", "Hi", "-m", model, "--max-tokens", "1"]
    shared = ["-m", model, "-p", "Hi", "-n", "1", "-st"]
    seconds = alternate(
        options.rounds,
        partial(seconds_of, ours),
        partial(seconds_of, [str(options.llama_bin / "llama-cli"), *shared]),
        partial(seconds_of, [str(options.llama_bin / "llama-completion"), *shared]),
    )
    compare("one token", seconds[0], seconds[1], "s, llama-cli -st")
    compare("one token", seconds[0], seconds[2], "s, llama-completion")


def compare_kept(options: Options) -> None:
    """Compare the same where the model is kept in memory, and an engine's first start."""
    model = str(smollm2())
    once = [INSTALLED, "run", "Hi", "-m", model, "--max-tokens", "1"]
    kept = [*once, "--keep-alive", "5m"]
    theirs = [str(options.llama_bin / "llama-completion"), "-m", model, "-p", "Hi", "-n", "1"]
    stop = [INSTALLED, "stop", "--all"]
    seconds_of(stop)
    first = seconds_of(kept)
    ours, cold, other = alternate(
        options.rounds,
        partial(seconds_of, kept),
        partial(seconds_of, [*once, "--no-daemon"]),
        partial(seconds_of, [*theirs, "-st"]),
    )
    seconds_of(stop)
    print(f"the first start took {first:.3f} s")
    compare("one token, kept in memory", ours, cold, "s, loaded for it")
    compare("one token, kept in memory", ours, other, "s, llama-completion")
