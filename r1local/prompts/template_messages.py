"""What goes between r1local and a `template_worker`, and what a request of it may take.

A message is JSON behind its length in eight bytes: the arguments of `template_sandbox.answer`, or
what it returns.
"""

import sys
from typing import BinaryIO

#: What somebody can do about a template that fails.
HINT = "give another template with --chat-template FILE"
#: The sentence and hint of an error.
TOO_LARGE = ("the chat template takes too much memory", HINT)

#: Seconds a request may take, and the bytes of a request that are given one more. Real templates
#: take milliseconds.
TIME_LIMIT_S = 2.0
_BYTES_PER_S = 16 * 2**20
#: Bytes of memory a request may take, and how many more for each of its bytes.
_MEMORY_LIMIT = 2**30
_MEMORY_PER_BYTE = 32
#: Bytes of an answer, and how many more for each of its request's: more than any context holds.
_ANSWER_LIMIT = 2**26
_ANSWER_PER_BYTE = 8
#: What the process exits with when its time is over, as `faulthandler` has it.
OUT_OF_TIME = 1
#: Bytes of a message's length.
_LENGTH = 8


def read_message(stream: BinaryIO, most: int = sys.maxsize) -> bytes:
    """The next message; empty where the stream ends, or the message is longer than `most`."""
    length = int.from_bytes(stream.read(_LENGTH), "little")
    data = stream.read(length) if length <= most else b""
    return data if len(data) == length else b""


def write_message(stream: BinaryIO, data: bytes) -> None:
    """Write a message."""
    stream.write(len(data).to_bytes(_LENGTH, "little"))
    stream.write(data)
    stream.flush()


def seconds_for(size: int) -> float:
    """How long a request of so many bytes may take."""
    return TIME_LIMIT_S + size / _BYTES_PER_S


def memory_for(size: int) -> int:
    """Bytes of memory that a request of so many bytes may take."""
    return _MEMORY_LIMIT + _MEMORY_PER_BYTE * size


def answer_for(size: int) -> int:
    """Bytes that the answer to a request of so many bytes may have."""
    return _ANSWER_LIMIT + _ANSWER_PER_BYTE * size
