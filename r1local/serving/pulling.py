"""Downloads for Ollama's `/api/pull`: what a download tells, as lines of JSON."""

import asyncio
from collections.abc import AsyncIterator, Callable
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


async def progress_lines(pull: Pull, name: str) -> AsyncIterator[JSON]:
    """Download a model, and yield what happens; closing this ends the download, which is kept."""
    loop, control = asyncio.get_running_loop(), Control()
    told: asyncio.Queue[Pulled | None] = asyncio.Queue()

    def tell(pulled: Pulled | None) -> None:
        loop.call_soon_threadsafe(told.put_nowait, pulled)

    def work() -> str:
        try:
            pull(name, tell, control)
        except R1LocalError as error:
            return sentence(error)
        finally:
            tell(None)
        return ""

    working = loop.run_in_executor(None, work)
    try:
        while pulled := await told.get():
            yield _line(pulled)
        error = await working
        yield {"error": error} if error else {"status": "success"}
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
