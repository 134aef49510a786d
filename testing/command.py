"""The command as a person would start it, and its environment."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-m", "r1local")

#: What a command begins with so that permissions bind it, though root starts it.
BOUND: tuple[str, ...] = (
    ("setpriv", "--bounding-set=-dac_override,-dac_read_search")
    if sys.platform == "linux" and os.geteuid() == 0
    else ()
)

Completed: TypeAlias = subprocess.CompletedProcess[str]
Run: TypeAlias = Callable[..., Completed]
Scripted: TypeAlias = Callable[..., Path]
