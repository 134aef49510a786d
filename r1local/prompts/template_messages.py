"""Messages between r1local and a `template_worker`, and the limits of a request.

A message is its length in eight bytes followed by JSON: the arguments of
`template_sandbox.answer`, or what it returns.
"""

import sys
from typing import BinaryIO

from r1local.language import N_

#: What a user can do about a template that fails.
HINT = N_("give another template with --chat-template FILE")
#: The sentence and hint of an error.
TOO_LARGE = (N_("the chat template takes too much memory"), HINT)

#: Seconds that a request may take, and the size in bytes that earns it another one. Real
#: templates take milliseconds.
TIME_LIMIT_S = 2.0
_BYTES_PER_S = 16 * 2**20
#: Bytes of memory that a request may take, and how many more for each of its bytes.
_MEMORY_LIMIT = 2**30
_MEMORY_PER_BYTE = 32
#: Bytes of an answer, and how many more for each byte of the request: more than a context holds.
_ANSWER_LIMIT = 2**26
_ANSWER_PER_BYTE = 8
#: Bytes of a message's length.
_LENGTH = 8


def read_message(stream: BinaryIO, most: int = sys.maxsize) -> bytes:
    """Return the next message; empty if the stream ends or the message is longer than `most`."""
    length = int.from_bytes(stream.read(_LENGTH), "little")
    data = stream.read(length) if length <= most else b""
    return data if len(data) == length else b""


def write_message(stream: BinaryIO, data: bytes) -> None:
    """Write a message."""
    stream.write(len(data).to_bytes(_LENGTH, "little"))
    stream.write(data)
    stream.flush()


def seconds_for(size: int) -> float:
    """Return how many seconds a request of `size` bytes may take."""
    return TIME_LIMIT_S + size / _BYTES_PER_S


def memory_for(size: int) -> int:
    """Return how many bytes of memory a request of `size` bytes may take."""
    return _MEMORY_LIMIT + _MEMORY_PER_BYTE * size


def answer_for(size: int) -> int:
    """Return how many bytes the answer to a request of `size` bytes may have."""
    return _ANSWER_LIMIT + _ANSWER_PER_BYTE * size
