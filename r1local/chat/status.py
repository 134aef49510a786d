"""What the status line says of a dialogue."""

from r1local.chat.dialogue import Dialogue
from r1local.language import _
from r1local.ui.chat.status_line import Status


def status_of(
    dialogue: Dialogue, tokens_per_s: float, busy: str, waiting: tuple[str, ...]
) -> Status:
    """Return what there is to say of a dialogue.

    Args:
        tokens_per_s: the pace of its last reply.
        busy: what goes on.
        waiting: the questions that wait for the reply before theirs.
    """
    return Status(
        model=dialogue.selected.name,
        details=dialogue.engine.details,
        context_used=dialogue.context_used,
        context_window=dialogue.engine.context_window,
        tokens_per_s=tokens_per_s,
        form=_("JSON schema") if dialogue.schema else "",
        session=dialogue.recorder.name or _("not saved"),
        busy=busy,
        waiting=waiting,
    )
