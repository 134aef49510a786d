"""Models on disk, and their download."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from testing.loopback_hub import Hub, loopback_hub
from testing.models import r1_header
from tools.benchmarks.harness import INSTALLED, R1LOCAL, Options, alternate, compare, seconds_of

REPO, NAME = "org/model-GGUF", "model-Q4_K_M.gguf"
MIB = 2**20
_PULL = (*R1LOCAL, "pull", f"hf:{REPO}")


@contextmanager
def served(size_mib: int) -> Iterator[Hub]:
    """Yield a hub with one file of `size_mib` MiB."""
    with loopback_hub() as hub:
        hub.add(REPO, NAME, random.Random(1).randbytes(MIB) * size_mib)
        yield hub


def environment(hub: Hub, home: str) -> dict[str, str]:
    """Return the process environment with an empty cache and this hub."""
    return os.environ | {"HF_ENDPOINT": hub.url, "HF_HOME": home, "HF_HUB_DISABLE_XET": "1"}


def download_s(command: Sequence[str], hub: Hub) -> float:
    """Return the wall time of one download into an empty cache."""
    with tempfile.TemporaryDirectory() as home:
        return seconds_of(command, environment(hub, home))


def compare_pull(options: Options) -> None:
    """Compare downloads of 2 GiB; r1local also hashes the file, the other program doesn't."""
    hf = [str(Path(sys.executable).with_name("hf")), "download", REPO, NAME]
    with served(2048) as hub:
        ours, theirs = alternate(
            options.rounds, partial(download_s, _PULL, hub), partial(download_s, hf, hub)
        )
    compare("2 GiB", ours, theirs, "s, hf download")


def count_kills(options: Options) -> None:
    """Measure the bytes that came more than once, for a file of 200 MiB."""
    draw = random.Random(2)
    with served(200) as hub, tempfile.TemporaryDirectory() as home:
        size = len(hub.files[REPO][NAME])
        hub.faults.bytes_per_s = 3e6
        for _ in range(options.rounds):
            process = subprocess.Popen(_PULL, env=environment(hub, home), stderr=subprocess.DEVNULL)
            aim = hub.bytes_sent + draw.randrange(1, 4 * MIB)
            while hub.bytes_sent < aim and process.poll() is None:
                time.sleep(0.002)
            process.send_signal(signal.SIGKILL)
            process.wait()
        hub.faults.bytes_per_s = None
        subprocess.run(_PULL, env=environment(hub, home), check=True, capture_output=True)
        again = (hub.bytes_sent - size) / MIB
    each = again / options.rounds
    print(f"{options.rounds} kills: {again:.0f} MiB sent again, {each:.1f} MiB for each")


def time_list(options: Options) -> None:
    """Measure 50 models of 50 repositories, each with the header of the 7B distill."""
    header = r1_header()
    with tempfile.TemporaryDirectory() as home:
        for number in range(50):
            folder = Path(home, "hub", f"models--org{number}--m", "snapshots", "a" * 40)
            folder.mkdir(parents=True)
            shutil.copy(header, folder / f"m{number}-Q4_K_M.gguf")
        variables = os.environ | {"HF_HOME": home, "HOME": home}
        listing, helping = alternate(
            options.rounds,
            partial(seconds_of, [INSTALLED, "list"], variables),
            partial(seconds_of, [INSTALLED, "list", "--help"], variables),
        )
    compare("list of 50 models", listing, helping, "s, list --help")
