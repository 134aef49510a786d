"""Rendering chat templates in a process of their own, which can be killed.

A template is a program from a stranger's file, and Jinja's sandbox can't contain it in the same
process: one call of `rfind` can take for ever and ignore signals, and a deep key overflows C's
stack. So it runs in a `template_worker`, which is started while the model is loaded, and kept.
Templates that are known to be harmless don't need one.
"""

import hashlib
import json
import queue
import subprocess
import threading
import weakref
from collections.abc import Sequence
from typing import Any, BinaryIO, cast

from r1local.confined.process import Lack, Watch, lacked, start
from r1local.errors import ChatTemplateError
from r1local.language import _, reason_of
from r1local.prompts.known_templates import KNOWN_TEMPLATES
from r1local.prompts.template_messages import (
    HINT,
    TIME_LIMIT_S,
    TOO_LARGE,
    answer_for,
    memory_for,
    read_message,
    seconds_for,
    write_message,
)

#: Seconds that a process which answers no more may take to end.
_GRACE_S = 3.0
#: Seconds between two looks at a process that hasn't answered.
_LOOK_INTERVAL_S = 0.02


class TemplateProgram:
    """A chat template, ready to run where it can do no harm, from any thread.

    Args:
        source: Jinja source, from the model file or from the user.

    Attributes:
        modules: what it needs to run in this process, which takes a while to import.
    """

    def __init__(self, source: str) -> None:
        self.source = source
        self._known = hashlib.sha256(source.encode()).hexdigest() in KNOWN_TEMPLATES
        self._lock = threading.Lock()
        self.modules = ("r1local.prompts.template_sandbox",) if self._known else ()
        self._worker = None if self._known else _Worker(self._request(()))

    def run(self, renderings: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Render the template with each set of variables, like `template_sandbox.answer`.

        Raises:
            ChatTemplateError: the source is not a template, takes too long or too much memory, or
                breaks the process in which it runs.
        """
        if self._known:
            from r1local.prompts.template_sandbox import (
                answer,
            )  # imports Jinja, which a worker does itself

            answered = answer(self.source, renderings)
        else:
            answered = json.loads(self._ask(self._request(renderings)))
        if error := answered.get("error"):
            raise ChatTemplateError(*map(_, error))
        return answered

    def _request(self, renderings: Sequence[dict[str, Any]]) -> bytes:
        return json.dumps({"source": self.source, "renderings": renderings}).encode()

    def _ask(self, request: bytes) -> bytes:
        """Let a worker answer; one that fails is not asked again."""
        with self._lock:
            worker = self._worker or _Worker(self._request(()))
            self._worker = None
            try:
                answer = worker.ask(request)
            except BaseException:
                worker.end()
                raise
            self._worker = worker
            return answer


class _Worker:
    """A running `template_worker`, and the thread that waits at its pipes.

    Args:
        first: a request to begin with, whose answer is ignored.
    """

    def __init__(self, first: bytes) -> None:
        self._process = _started()
        self._requests: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.end = weakref.finalize(self, _end, self._process, self._requests)
        pipes = (self._process, self._requests, self._answers)
        threading.Thread(target=_pass_on, args=pipes, daemon=True).start()
        self._requests.put(first)
        self._unread = [len(first)]

    def ask(self, request: bytes) -> bytes:
        """Return the answer to a request.

        Raises:
            ChatTemplateError: the process took too long or too much memory, or died.
        """
        self._requests.put(request)
        self._unread.append(len(request))
        while self._unread:
            answer = self._wait(self._unread.pop(0))
        return answer

    def _wait(self, size: int) -> bytes:
        """Return the answer to a request of `size` bytes."""
        watch = Watch(self._process, memory_for(size), seconds_for(size))
        while True:
            try:
                return self._answers.get(timeout=_LOOK_INTERVAL_S) or self._died()
            except queue.Empty:
                if lack := watch.lack():
                    raise _used_up(lack) from None

    def _died(self) -> bytes:
        """Raise the error that explains why there is no answer."""
        try:
            code = self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            raise _too_large() from None  # as was its answer
        if lack := lacked(code):
            raise _used_up(lack)
        message = _("the chat template crashed the process it ran in")
        raise ChatTemplateError(
            message, _("the process ended with {code}; {hint}", code=code, hint=_(HINT))
        )


def _started() -> "subprocess.Popen[bytes]":
    """Start a worker."""
    try:
        return start("r1local.prompts.template_worker")
    except OSError as error:
        raise ChatTemplateError(
            _(
                "no process can be started for the chat template: {reason}",
                reason=reason_of(error),
            ),
            _("end other programs, or give this one more memory"),
        ) from error


def _pass_on(
    process: "subprocess.Popen[bytes]",
    requests: "queue.SimpleQueue[bytes | None]",
    answers: "queue.SimpleQueue[bytes]",
) -> None:
    """Give requests to a worker and take its answers; an empty one means that it died."""
    inbox, outbox = cast(BinaryIO, process.stdin), cast(BinaryIO, process.stdout)
    try:
        with inbox, outbox:
            while request := requests.get():
                write_message(inbox, request)
                answers.put(read_message(outbox, answer_for(len(request))))
    except OSError:
        answers.put(b"")


def _end(process: "subprocess.Popen[bytes]", requests: "queue.SimpleQueue[bytes | None]") -> None:
    requests.put(None)
    process.kill()
    process.wait()


def _used_up(lack: Lack) -> ChatTemplateError:
    return _too_large() if lack == "memory" else _too_slow()


def _too_slow() -> ChatTemplateError:
    return ChatTemplateError(
        _(
            "the chat template did not end within {time_limit_s:g} seconds",
            time_limit_s=TIME_LIMIT_S,
        ),
        _(HINT),
    )


def _too_large() -> ChatTemplateError:
    return ChatTemplateError(*map(_, TOO_LARGE))
