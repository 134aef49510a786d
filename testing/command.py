"""The command as a person would start it, and its environment."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

ROOT = Path(__file__).parents[1]
COMMAND = (sys.executable, "-m", "r1local")

Completed: TypeAlias = subprocess.CompletedProcess[str]
Run: TypeAlias = Callable[..., Completed]
Scripted: TypeAlias = Callable[..., Path]
