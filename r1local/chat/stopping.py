"""Work of a chat that the user can stop, and what is said then."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from r1local.chat.dialogue import Dialogue, PreparedQuestion
from r1local.chat.surface import Surface
from r1local.errors import LoadingCancelled, LoadingStopped, R1LocalError
from r1local.language import _
from r1local.replies.control import Control
from r1local.sessions.records import Question


@contextmanager
def stoppable() -> Iterator[None]:
    """Say when loading was stopped, which isn't obvious in the middle of a chat."""
    try:
        yield
    except LoadingCancelled:
        raise LoadingStopped(_("loading was stopped"), _("the model is the one before")) from None


def prepare_later(
    question: Question,
    typed: str,
    dialogue: Dialogue,
    surface: Surface,
    asked: Callable[[PreparedQuestion], None],
) -> None:
    """Prepare a question that takes long, as when a model's process is stuck, and ask it then.

    If that is stopped, what was `typed` is put back into the input.
    """
    found: list[PreparedQuestion] = []

    def work(control: Control) -> str:
        try:
            found.append(dialogue.prepare(question, control.cancelled))
        except LoadingCancelled:
            surface.type(typed)
            raise LoadingStopped(
                _("the question wasn't asked"),
                _("ask again; if the model's process is stuck: r1local stop --all"),
            ) from None
        return ""

    def then() -> None:
        try:
            asked(found[0])
        except R1LocalError as error:
            surface.say_error(error)

    surface.work(_("reading the question"), work, then)
