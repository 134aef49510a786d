"""A program's end of an engine's socket."""

import os
import signal
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from typing import TypeVar

from r1local.errors import LoadingCancelled, WarmEngineError
from r1local.language import _
from r1local.warm.messages import (
    LONGEST,
    Greeting,
    Message,
    Status,
    decode,
    encode,
    read,
    read_error,
)
from r1local.warm.places import Place, check_peer

#: Seconds between two looks at what the user wants, while nothing comes.
LOOK_INTERVAL_S = 0.05
#: Seconds in which a process that isn't stuck greets, or says how it stands.
_PATIENCE_S = 15.0
#: Seconds of silence after which it is asked how it stands.
_QUIET_S = 1.0
#: Seconds that it has after SIGTERM.
_LAST_WORDS_S = 3.0
#: Seconds in which it ends: llama.cpp isn't interrupted while it evaluates a step.
TIME_TO_END_S = 15.0
_CHUNK = 2**16
T = TypeVar("T")


class EngineGone(Exception):
    """The engine's process has ended, or doesn't speak as it should."""


class Connection:
    """A connection to an engine. Close it in the end; that ends what was asked through it.

    Args:
        place: where the engine answers.

    Raises:
        OSError: nobody is there.
        WarmEngineError: it is another user.
    """

    def __init__(self, place: Place) -> None:
        self._numbers = count(1)
        self._buffer = bytearray()
        self._lines: list[bytes] = []
        self._of_server = False
        self._heard = time.monotonic()
        self._probed: float | None = None
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(_PATIENCE_S)
            self._socket.connect(os.fspath(place.socket))
            self._pid = check_peer(self._socket)
        except BaseException:
            self._socket.close()
            raise

    def greeting(self) -> Greeting:
        """Return who answers; to be called once, first of all.

        Raises:
            EngineGone: the engine has gone.
            WarmEngineError: it doesn't say anything.
        """
        message = self.receive(_PATIENCE_S)
        if message is None:
            raise WarmEngineError(
                _("the engine's process {pid} doesn't answer", pid=self._pid),
                _("type: r1local stop --all"),
            )
        return read_or_gone(Greeting, message)

    def close(self) -> None:
        """Leave the engine."""
        self._socket.close()

    def ask(self, do: str, **more: object) -> int:
        """Send a message; return its number.

        Raises:
            EngineGone: the engine has gone.
        """
        number = next(self._numbers)
        self.send(do, number, **more)
        return number

    def send(self, do: str, number: int, **more: object) -> None:
        """Send a message of an earlier number.

        Raises:
            EngineGone: the engine has gone.
        """
        try:
            self._socket.settimeout(TIME_TO_END_S)
            self._socket.sendall(encode({"do": do, "id": number, **more}))
        except OSError as error:
            raise EngineGone from error

    def receive(self, timeout: float) -> Message | None:
        """Return the next message, or None if there is none in so many seconds.

        Raises:
            EngineGone: the engine has gone.
        """
        deadline = time.monotonic() + timeout
        while not self._lines:
            left = deadline - time.monotonic()
            if left < 0 or not self._fill(max(left, 0.001)):
                return None
        try:
            message = decode(self._lines.pop(0))
        except ValueError as error:
            raise EngineGone from error
        self._of_server = self._of_server or message.get("of_server") is True  # it greets
        return message

    def next_message(self) -> Message | None:
        """Return the next message, or None if none comes soon.

        A process that is silent is asked how it stands, which it says whatever else it does.

        Raises:
            EngineGone: the engine has gone, or is stuck.
        """
        message, now = self.receive(LOOK_INTERVAL_S), time.monotonic()
        if message is not None:
            self._heard, self._probed = now, None
        elif self._probed is not None:
            if now > self._probed + _PATIENCE_S:
                raise EngineGone
        elif now > self._heard + _QUIET_S:
            self._probed = now
            self.ask("status")
        return message

    @property
    def pending(self) -> bool:
        """Whether a message has come that wasn't received yet."""
        return bool(self._lines)

    def answer(
        self, number: int, cancelled: Callable[[], bool], patience: float | None = None
    ) -> Message:
        """Return the answer to a message.

        Raises:
            R1LocalError: that is the answer.
            LoadingCancelled: `cancelled` returned True.
            EngineGone: the engine has gone, or needs more seconds than `patience`.
        """
        deadline = None if patience is None else time.monotonic() + patience
        while True:
            message = self.next_message()
            if message and message.get("id") == number:
                if "error" in message:
                    raise read_error(message["error"])
                return message
            if cancelled():
                raise LoadingCancelled
            if deadline and time.monotonic() > deadline:
                raise EngineGone

    def status(self) -> Status:
        """Return how the engine stands.

        Raises:
            EngineGone: it doesn't say.
        """
        number = self.ask("status")
        return read_or_gone(Status, self.answer(number, lambda: False, _PATIENCE_S)["status"])

    def stop(self) -> bool:
        """Have the engine's process end, whatever its version and state; return whether it did.

        A server isn't ended: it gives the engine up, unless it needs it.
        """
        with suppress(EngineGone):
            self.ask("stop")
        for number, seconds in ((signal.SIGTERM, _PATIENCE_S), (signal.SIGKILL, _LAST_WORDS_S)):
            if self._ends(seconds):
                return True
            if self._of_server:
                return False
            if self._pid:
                with suppress(OSError):  # it has just ended
                    os.kill(self._pid, number)
        return self._ends(_PATIENCE_S)

    def leave(self) -> bool:
        """Have the engine's process end if no other program has it open, and wait for that.

        Returns:
            Whether it does, as far as it says.
        """
        with suppress(EngineGone):
            number = self.ask("stop", unless_open=True)
            if not self.answer(number, lambda: False, _PATIENCE_S)["stops"]:
                return False
            self._ends(TIME_TO_END_S)
        return True

    def _ends(self, seconds: float) -> bool:
        """Return whether the engine's process ends its side so soon; it may refuse."""
        deadline = time.monotonic() + seconds
        with suppress(EngineGone):
            while time.monotonic() < deadline:
                message = self.receive(deadline - time.monotonic())
                if message and message.get("stops") is False:
                    break
            return False
        return True

    def _fill(self, timeout: float) -> bool:
        """Read what has come; return False if nothing has."""
        try:
            self._socket.settimeout(timeout)
            data = self._socket.recv(_CHUNK)
        except TimeoutError:
            return False
        except OSError as error:
            raise EngineGone from error
        if not data or len(self._buffer) > LONGEST:
            raise EngineGone
        if b"\n" in data:
            *self._lines, rest = bytes(self._buffer + data).split(b"\n")
            self._buffer = bytearray(rest)
        else:
            self._buffer += data
        return True


def read_or_gone(kind: type[T], value: object) -> T:
    """Return the value in a message.

    Raises:
        EngineGone: it isn't of that kind.
    """
    try:
        return read(kind, value)
    except (ValueError, KeyError) as error:
        raise EngineGone from error
