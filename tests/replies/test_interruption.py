"""What ends a reply from outside, and what of it the program says afterwards."""

import os
import signal
import subprocess
import sys

import pytest

from r1local.replies.interruption import interruptible
from testing.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals and pipes")

CHILD = """
import os, signal, sys, time
from r1local.replies.interruption import interruptible
with interruptible() as interruption:
    print("ready", flush=True)
    end = time.monotonic() + 30
    while not interruption.cancelled() and time.monotonic() < end:
        time.sleep(0.01)
    print(interruption.signal, interruption.reader_gone, interruption.exit_code, file=sys.stderr)
    if "twice" in sys.argv:
        print("again", file=sys.stderr, flush=True)
        time.sleep(30)
"""


def child(*arguments: str) -> "subprocess.Popen[str]":
    """A process that waits to be interrupted, and says how it was."""
    process = subprocess.Popen(
        [sys.executable, "-c", CHILD, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_cancels_and_is_remembered(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with interruptible() as interruption:
        assert not interruption.cancelled()
        os.kill(os.getpid(), number)
        eventually(interruption.cancelled)  # another thread may have taken it
        assert (interruption.signal, interruption.exit_code) == (number, 128 + number)
    assert signal.getsignal(number) == before


def test_a_reply_cancelled_by_no_signal_ends_like_ctrl_c() -> None:
    with interruptible() as interruption:
        interruption.cancel()
        assert (interruption.signal, interruption.exit_code) == (None, 130)


def test_a_signal_that_is_ignored_stays_so() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible() as interruption:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not interruption.cancelled()
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_second_ctrl_c_ends_the_program() -> None:
    process = child("twice")
    process.send_signal(signal.SIGINT)
    assert process.stderr
    assert process.stderr.readline() == "2 False 130\n"
    assert process.stderr.readline() == "again\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 130


def test_a_reader_that_has_left_cancels() -> None:
    process = child()
    assert process.stdout and process.stderr
    process.stdout.close()
    assert process.stderr.read() == "None True 130\n"
    assert process.wait(PATIENCE_S) == 0
    process.stderr.close()
