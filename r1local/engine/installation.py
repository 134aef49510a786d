"""How llama-cpp-python is installed again, built in another way."""

import importlib.util
import shlex
import sys
from importlib.metadata import PackageNotFoundError, requires

_PACKAGE = "llama-cpp-python"


def reinstall_command(cmake_args: str = "", compilers: str = "") -> str:
    """Return the command that builds and installs llama-cpp-python again for this Python.

    Args:
        cmake_args: CMake's arguments, such as `-DGGML_CUDA=on`.
        compilers: variables for the compilers, such as `CC=gcc-14 CXX=g++-14`.
    """
    python = shlex.quote(sys.executable)
    options = f"--force-reinstall --no-cache-dir {shlex.quote(_requirement())}"
    if importlib.util.find_spec("pip"):
        install = f"{python} -m pip install {options}"
    else:  # an environment of uv's
        install = f"uv pip install --python {python} {options}"
    if sys.platform == "win32":  # as PowerShell has it
        return f'$env:CMAKE_ARGS = "{cmake_args}"; & {install}' if cmake_args else f"& {install}"
    variables = (compilers, f'CMAKE_ARGS="{cmake_args}"' if cmake_args else "")
    return " ".join(filter(None, (*variables, install)))


def _requirement() -> str:
    """Return what r1local requires of llama-cpp-python: `llama-cpp-python>=0.3.36,<0.4`."""
    try:
        needed = requires("r1local") or []
    except PackageNotFoundError:  # run from its source
        needed = []
    return next((each for each in needed if each.startswith(_PACKAGE)), _PACKAGE)
