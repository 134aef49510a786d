"""Think with DeepSeek-R1 on your own machine.

`docs/api.md` shows how programs use what is in `__all__`. Each name is imported when it is first
used, since the command line starts with this module too.
"""

TYPE_CHECKING = False  # the command line needn't wait for `typing` here
if TYPE_CHECKING:
    from typing import Any

    from r1local.answers.boxed import final_answer as final_answer
    from r1local.api.asynchronous import AsyncChat as AsyncChat
    from r1local.api.asynchronous import AsyncModel as AsyncModel
    from r1local.api.asynchronous import AsyncStream as AsyncStream
    from r1local.api.asynchronous import AsyncVoteStream as AsyncVoteStream
    from r1local.api.asynchronous import load_async as load_async
    from r1local.api.chat import Chat as Chat
    from r1local.api.model import InstalledModel as InstalledModel
    from r1local.api.model import Model as Model
    from r1local.api.model import installed as installed
    from r1local.api.model import load as load
    from r1local.api.stream import Stream as Stream
    from r1local.api.stream import VoteStream as VoteStream
    from r1local.conversation import Message as Message
    from r1local.conversation import Reply as Reply
    from r1local.conversation import Turn as Turn
    from r1local.errors import R1LocalError as R1LocalError
    from r1local.events.reply import AnswerDelta as AnswerDelta
    from r1local.events.reply import Finished as Finished
    from r1local.events.reply import Notice as Notice
    from r1local.events.reply import Reading as Reading
    from r1local.events.reply import Rewound as Rewound
    from r1local.events.reply import ThinkingDelta as ThinkingDelta
    from r1local.events.reply import Usage as Usage
    from r1local.events.vote import Candidate as Candidate
    from r1local.events.vote import Paused as Paused
    from r1local.events.vote import TallyUpdate as TallyUpdate
    from r1local.events.vote import VoteResult as VoteResult
    from r1local.events.vote import VoterEvent as VoterEvent
    from r1local.events.vote import VoterReply as VoterReply

__version__ = "0.1.0"

_HOMES = {
    "answers.boxed": ("final_answer",),
    "api.asynchronous": ("AsyncChat", "AsyncModel", "AsyncStream", "AsyncVoteStream", "load_async"),
    "api.chat": ("Chat",),
    "api.model": ("InstalledModel", "Model", "installed", "load"),
    "api.stream": ("Stream", "VoteStream"),
    "conversation": ("Message", "Reply", "Turn"),
    "errors": ("R1LocalError",),
    "events.reply": (
        "AnswerDelta",
        "Finished",
        "Notice",
        "Reading",
        "Rewound",
        "ThinkingDelta",
        "Usage",
    ),
    "events.vote": (
        "Candidate",
        "Paused",
        "TallyUpdate",
        "VoteResult",
        "VoterEvent",
        "VoterReply",
    ),
}
_HOME_OF = {name: f"r1local.{home}" for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)


def __getattr__(name: str) -> "Any":
    from importlib import import_module

    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
