"""Ctrl-C at moments when no command runs: nothing is written, whatever is being imported."""

import subprocess
import sys

import pytest

from r1local.errors import EXIT_INTERRUPTED
from testing.waiting import PATIENCE_S

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

#: Ctrl-C when a module is looked for, which is then imported on.
_AT_IMPORT = """
import os, signal, sys
class Finder:
    @staticmethod
    def find_spec(name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Finder)
"""
_RUN = """
from r1local.__main__ import main
sys.argv = ["r1local", *{arguments!r}]
main()
"""


def _ends_silently(code: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=b"",
        capture_output=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (EXIT_INTERRUPTED, b"", b"")


@pytest.mark.parametrize(
    ("arguments", "module"),
    [
        (["list"], "r1local.cli.error_handler"),
        (["list"], "r1local.config.language"),
        (["list"], "r1local.cli.plain"),
        (["list"], "r1local.commands.list_models"),
        (["chat", "--no-save"], "prompt_toolkit"),
        (["run", "hi"], "r1local.replies.settings"),
        (["pull", "7b"], "typer"),
        (["serve"], "r1local.commands.serve"),
    ],
)
def test_ctrl_c_while_importing_ends_silently(arguments: list[str], module: str) -> None:
    _ends_silently(_AT_IMPORT.format(module=module) + _RUN.format(arguments=arguments))


def test_ctrl_c_while_a_class_is_made_ends_silently() -> None:
    _ends_silently(
        "import os, signal\n"
        "from r1local.cli.error_handler import run_and_leave\n"
        "class Field:\n"
        "    def __set_name__(self, owner, name): os.kill(os.getpid(), signal.SIGINT)\n"
        "run_and_leave(lambda: type('Owner', (), {'field': Field()}) and 0)\n"
    )


def test_ctrl_c_while_an_error_is_printed_ends_silently() -> None:
    _ends_silently(
        "import os, signal\n"
        "from r1local.cli import error_handler\n"
        "from r1local.errors import UsageError\n"
        "error_handler._print_error = lambda *_: os.kill(os.getpid(), signal.SIGINT)\n"
        "def command(): raise UsageError('no', 'yes')\n"
        "error_handler.run_and_leave(command)\n"
    )


@pytest.mark.parametrize("command", ["lambda: 0", "sys.exit"])
def test_ctrl_c_at_the_very_end_ends_silently(command: str) -> None:
    _ends_silently(
        "import atexit, os, signal, sys\n"
        "from r1local.cli.error_handler import run_and_leave\n"
        "class Stream:\n"
        "    def flush(self):\n"
        "        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:\n"
        "            os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.stdout = Stream()\n"
        "atexit.register(os.kill, os.getpid(), signal.SIGINT)\n"
        f"run_and_leave({command})\n"
    )


def test_ctrl_c_that_comes_where_nothing_can_be_raised_is_raised_soon() -> None:
    _ends_silently(
        "import signal, time\n"
        "from r1local.cli.ctrl_c import end_at_ctrl_c, raise_at_ctrl_c\n"
        "from r1local.cli.error_handler import run_and_leave\n"
        "class Gone:\n"
        "    def __del__(self): signal.raise_signal(signal.SIGINT)\n"
        "def command():\n"
        "    raise_at_ctrl_c()\n"
        "    Gone()\n"
        "    time.sleep(50)\n"
        "end_at_ctrl_c()\n"
        "run_and_leave(command)\n"
    )


def test_ctrl_c_that_is_ignored_stays_ignored() -> None:
    code = (
        _AT_IMPORT.format(module="r1local.cli.plain")
        + "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        + _RUN.format(arguments=["list"])
    )
    subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, timeout=PATIENCE_S
    )
