"""The figures of docs/benchmarks.md about models on disk and on the way there.

    python -m tools.benchmark_models pull     against `hf download`, from a hub on loopback
    python -m tools.benchmark_models kill     bytes fetched again after kills
    python -m tools.benchmark_models list     50 models with real headers

Every figure is the median of alternating runs.
"""

import argparse
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from testing.loopback_hub import Hub, loopback_hub
from testing.models import r1_header

REPO, NAME = "org/model-GGUF", "model-Q4_K_M.gguf"
MIB = 2**20
_PULL = (sys.executable, "-m", "r1local", "pull", f"hf:{REPO}")


@contextmanager
def served(size_mib: int) -> Iterator[Hub]:
    """A hub with one file of so many MiB."""
    with loopback_hub() as hub:
        hub.add(REPO, NAME, random.Random(1).randbytes(MIB) * size_mib)
        yield hub


def environment(hub: Hub, home: str) -> dict[str, str]:
    """The process environment with an empty cache and this hub."""
    return os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": home, "HF_HUB_DISABLE_XET": "1"}


def seconds(command: Sequence[str], hub: Hub) -> float:
    """Wall clock of one download into an empty cache."""
    with tempfile.TemporaryDirectory() as home:
        started = time.perf_counter()
        subprocess.run(command, env=environment(hub, home), check=True, capture_output=True)
        return time.perf_counter() - started


def compare_pull(rounds: int) -> None:
    """A file of 2 GiB, hashed here and not by the other."""
    hf = [str(Path(sys.executable).with_name("hf")), "download", REPO, NAME]
    with served(2048) as hub:
        runs = [(seconds(_PULL, hub), seconds(hf, hub)) for _ in range(rounds + 1)][1:]
    ours, theirs = (statistics.median(column) for column in zip(*runs, strict=True))
    print(f"2 GiB: {ours:.2f} s against {theirs:.2f} s for hf download, {ours / theirs:.2f}")


def count_kills(rounds: int) -> None:
    """Bytes that came more than once, of a file of 200 MiB."""
    draw = random.Random(2)
    with served(200) as hub, tempfile.TemporaryDirectory() as home:
        size = len(hub.files[REPO][NAME])
        hub.faults.bytes_per_s = 3e6
        for _ in range(rounds):
            process = subprocess.Popen(_PULL, env=environment(hub, home), stderr=subprocess.DEVNULL)
            aim = hub.bytes_sent + draw.randrange(1, 4 * MIB)
            while hub.bytes_sent < aim and process.poll() is None:
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.wait()
        hub.faults.bytes_per_s = None
        subprocess.run(_PULL, env=environment(hub, home), check=True, capture_output=True)
        again = (hub.bytes_sent - size) / MIB
    print(f"{rounds} kills: {again:.0f} MiB sent again, {again / rounds:.1f} MiB for each")


def time_list(rounds: int) -> None:
    """50 models of 50 repositories, each with the header of the 7B distill."""
    header = r1_header()
    with tempfile.TemporaryDirectory() as home:
        for number in range(50):
            folder = Path(home, "hub", f"models--org{number}--m", "snapshots", "a" * 40)
            folder.mkdir(parents=True)
            shutil.copy(header, folder / f"m{number}-Q4_K_M.gguf")
        variables = os.environ | {"HF_HOME": home, "HOME": home}
        command = str(Path(sys.executable).with_name("r1local"))
        times = []
        for arguments in [("list",)] * (rounds + 1) + [("list", "--help")] * rounds:
            started = time.perf_counter()
            subprocess.run([command, *arguments], env=variables, check=True, capture_output=True)
            times.append(time.perf_counter() - started)
    listing, helping = statistics.median(times[1 : rounds + 1]), statistics.median(times[-rounds:])
    print(f"list: {listing:.3f} s; list --help: {helping:.3f} s")


BENCHMARKS: dict[str, Callable[[int], None]] = {
    "pull": compare_pull,
    "kill": count_kills,
    "list": time_list,
}


def main() -> None:
    """Run one benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("benchmark", choices=BENCHMARKS)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    BENCHMARKS[arguments.benchmark](arguments.rounds)


if __name__ == "__main__":
    main()
