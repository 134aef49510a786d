"""Downloads for Ollama's `/api/pull`: what a download tells, as lines of JSON."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from r1local.errors import R1LocalError
from r1local.replies.control import Control
from r1local.serving.failures import sentence
from r1local.serving.schemas import JSON


@dataclass(frozen=True, slots=True)
class Pulled:
    """What a download tells: a message, or the bytes of a file that have arrived."""

    status: str
    file: str = ""
    total: int = 0
    done: int = 0


class Tell(Protocol):
    """Hears of a download."""

    def __call__(self, pulled: Pulled, /) -> None: ...


#: Downloads a model by its name in the calling thread; the control ends it.
Pull: TypeAlias = Callable[[str, Tell, Control], None]


async def progress_lines(pull: Pull, name: str, control: Control) -> AsyncGenerator[JSON, None]:
    """Download a model, and yield what happens.

    Closing this ends the download, as the control does; what has come is kept.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Queue[Pulled | R1LocalError | None] = asyncio.Queue()

    def tell(what: Pulled | R1LocalError | None) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody listens any more
            loop.call_soon_threadsafe(told.put_nowait, what)

    def work() -> None:
        try:
            pull(name, tell, control)
        except R1LocalError as error:
            tell(error)
        finally:
            tell(None)

    # A thread of its own: downloads last long, and the event loop's are few.
    threading.Thread(target=work, name="pull", daemon=True).start()
    last: JSON = {"status": "success"}
    try:
        while what := await told.get():
            if isinstance(what, R1LocalError):
                last = {"error": sentence(what)}
            else:
                yield _line(what)
        yield last
    finally:
        control.cancel()


def _line(pulled: Pulled) -> JSON:
    if not pulled.file:
        return {"status": pulled.status}
    return {
        "status": f"pulling {pulled.file}",
        "digest": pulled.file,
        "total": pulled.total,
        "completed": pulled.done,
    }
