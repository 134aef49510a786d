"""The process that keeps an engine in memory: it loads the model, and goes when its time is up.

It is the leader of a session of its own, so that no terminal's signals reach it, and a child of
nobody who waits for it. What it says, and what llama.cpp writes as it dies, is in its log, which
has nothing of what was asked and answered.
"""

import asyncio
import json
import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

from r1local import language
from r1local.config.language import wanted_language
from r1local.errors import LoadingCancelled, R1LocalError, WarmEngineError
from r1local.language import _
from r1local.warm.places import Place, lock
from r1local.warm.task import READY, TAKEN, Task

#: Seconds that the engine has to close.
_TIME_TO_CLOSE_S = 2.0
_log = logging.getLogger("r1local.warm")


def main() -> None:
    """Keep the engine that stdin asks for; the process that was started ends at once."""
    language.use(wanted_language())
    task = Task(**json.loads(sys.stdin.buffer.readline()))
    if os.fork():
        os._exit(0)
    os.setsid()
    os.chdir("/")
    place = Place(Path(task.socket))
    held = lock(place)
    if held is None:
        os.write(1, TAKEN)
        return
    ready = _leave_terminal(place)
    try:
        asyncio.run(_keep(task, place, ready))
        place.log.unlink(missing_ok=True)
        place.lock.unlink(missing_ok=True)
    except Exception as error:
        _log_bug(error)
    # llama.cpp's own end may take long, and the system frees everything.
    logging.shutdown()
    os._exit(0)


def _leave_terminal(place: Place) -> int:
    """Have stderr go to the log, and nothing come or go otherwise; return where READY goes."""
    ready = os.dup(1)
    nothing = os.open(os.devnull, os.O_RDWR)
    place.log.unlink(missing_ok=True)
    log = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
    for descriptor, target in ((nothing, 0), (nothing, 1), (log, 2)):
        os.dup2(descriptor, target)
    os.close(nothing)
    os.close(log)
    logging.basicConfig(format="%(asctime)s %(message)s", level=logging.INFO)
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # its errors may quote messages
    return ready


async def _keep(task: Task, place: Place, ready: int) -> None:
    from r1local.warm.host import Host
    from r1local.warm.server import sharing

    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    host = Host(task.model, Path(task.path), stopped.set, task.keep_alive)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, host.stop)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)
    _log.info("%s, process %d: loading %s", host.versions, os.getpid(), task.path)
    async with sharing(place, host):
        os.write(ready, READY)
        os.close(ready)
        cancelled: Callable[[], bool] = lambda: stopped.is_set() or host.abandoned  # noqa: E731
        Thread(target=_use, args=(task, place, host, cancelled, loop), daemon=True).start()
        await stopped.wait()
        _log.info("ends")
    if host.runner:
        await asyncio.to_thread(host.runner.close, _TIME_TO_CLOSE_S)


def _use(
    task: Task,
    place: Place,
    host: Any,
    cancelled: Callable[[], bool],
    loop: asyncio.AbstractEventLoop,
) -> None:
    """Load the engine, and use it for all who ask until it is to go."""
    from r1local.replies.runner import Runner
    from r1local.warm.loading import load

    try:
        engine = load(task, place, cancelled)
        runner = Runner(engine)
        _log.info("loaded in %.2f s: %s", engine.load_s, engine.details)
        loop.call_soon_threadsafe(host.open, runner)
        runner.run()
        stop = host.stop
    except LoadingCancelled:
        told = WarmEngineError(_("loading was stopped"), _("ask again"))
        stop = partial(host.fail, told)
    except R1LocalError as error:
        _log.info("not loaded: %s", type(error).__name__)
        stop = partial(host.fail, error)
    except BaseException as error:
        _log_bug(error)
        stop = host.stop
    with suppress(RuntimeError):  # the loop may have ended
        loop.call_soon_threadsafe(stop)


def _log_bug(error: BaseException) -> None:
    """Log where an error came from, but not its text, which may quote what was asked."""
    frames = traceback.extract_tb(error.__traceback__)
    places = " < ".join(f"{Path(each.filename).name}:{each.lineno}" for each in reversed(frames))
    _log.error("a bug: %s at %s", type(error).__name__, places)
