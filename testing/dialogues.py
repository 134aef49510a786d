"""Dialogues in this process, on models in files."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from r1local.chat.dialogue import Dialogue, PreparedQuestion
from r1local.events.reply import Event
from r1local.models.loading import LoadedModel, LoadOptions
from r1local.models.selection import Selected
from r1local.replies.control import Control
from r1local.replies.local import LocalEngine
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
    engine = LocalEngine.open(path, LoadOptions(**load_), never)  # type: ignore[arg-type]
    recorder = recorder or NoSession()
    with closing(Dialogue(selected, engine, settings or ReplySettings(), recorder)) as dialogue:
        yield dialogue


def model_of(dialogue: Dialogue) -> LoadedModel:
    """The model in this process with which a dialogue is held."""
    assert isinstance(dialogue.engine, LocalEngine)
    return dialogue.engine.loaded


def tokens_of(prepared: PreparedQuestion) -> int:
    """The tokens of a question's prompt, which were counted."""
    assert prepared.prompt.size and prepared.prompt.size.exact
    return prepared.prompt.size.tokens


def used(dialogue: Dialogue) -> int:
    """The tokens of the context that are in use, which are known."""
    assert dialogue.context_used is not None
    return dialogue.context_used


def ask(dialogue: Dialogue, question: str = "How many?") -> list[Event]:
    return list(dialogue.ask(dialogue.prepare(Question(question)), Control()))
