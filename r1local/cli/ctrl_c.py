"""Ctrl-C while no command runs yet, or none any more: the program ends, and says nothing.

Python raises an exception instead, which ends in a traceback where nobody is there to catch it.
The program's entry starts with this module, so it imports next to nothing.
"""

import os
import signal
import sys
from types import FrameType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sys import UnraisableHookArgs

#: `errors.EXIT_INTERRUPTED`, whose module takes longer to import.
_EXIT_INTERRUPTED = 128 + signal.SIGINT


def end_at_ctrl_c() -> None:
    """End the process at Ctrl-C from here on; where it is ignored (nohup), it stays ignored."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def raise_at_ctrl_c() -> None:
    """Raise KeyboardInterrupt at Ctrl-C from here on, so that what was begun can be ended."""
    if signal.getsignal(signal.SIGINT) is _end:
        sys.unraisablehook = _raise_again
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _end(_number: int, _frame: FrameType | None) -> None:
    os._exit(_EXIT_INTERRUPTED)


def _raise_again(fault: "UnraisableHookArgs") -> None:
    """Let no Ctrl-C be lost that Python can't raise where it came, as in imports' callbacks."""
    if fault.exc_type is KeyboardInterrupt:
        from _thread import interrupt_main, start_new_thread

        start_new_thread(interrupt_main, ())  # here, it couldn't be raised either
    else:
        sys.__unraisablehook__(fault)
