"""Dialogues in this process, on models in files."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from r1local.chat.dialogue import Dialogue
from r1local.events.reply import Event
from r1local.models.loading import LoadOptions, load
from r1local.models.selection import Selected
from r1local.replies.control import Control
from r1local.replies.settings import ReplySettings
from r1local.sessions.recorder import NoSession, Recorder
from r1local.sessions.records import Question
from testing.replies import never


@contextmanager
def talking(
    path: Path,
    recorder: Recorder | None = None,
    settings: ReplySettings | None = None,
    **load_: int,
) -> Iterator[Dialogue]:
    """A dialogue with the model in a file, without a session unless one is given."""
    selected = Selected("scripted", path)
    loaded = load(path, LoadOptions(**load_), never)  # type: ignore[arg-type]
    recorder = recorder or NoSession()
    with closing(Dialogue(selected, loaded, settings or ReplySettings(), recorder)) as dialogue:
        yield dialogue


def ask(dialogue: Dialogue, question: str = "How many?") -> list[Event]:
    return list(dialogue.ask(dialogue.prepare(Question(question)), Control()))
