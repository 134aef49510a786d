"""Editing the last thought, and letting the model go on from there."""

from functools import partial

from r1local.chat.chat import Chat
from r1local.conversation import Reply
from r1local.errors import UsageError
from r1local.language import _
from r1local.replies.engine import check_going_on
from r1local.sessions.draft import Draft, edited_passages
from r1local.ui.editor import check_editor


def rethink(chat: Chat, _argument: str) -> None:
    """Open the last thought in the editor; what was changed begins another reply."""
    dialogue = chat.dialogue
    reply = dialogue.turns[-1].reply if dialogue.turns else None
    if reply is None or not reply.thinking:
        raise UsageError(
            _("the last reply has no thought to edit"), _("/retry asks for another one")
        )
    check_going_on(dialogue.engine, inside=True)
    check_editor()
    number = dialogue.recorder.transcript.numbers[-1]
    draft = Draft(reply.thinking, dialogue.recorder.draft(number))
    if draft.resumed:
        chat.surface.say(_("what you edited earlier is opened again"))
    go_on = partial(_go_on, chat, reply, draft)
    chat.surface.edit(draft.path, partial(chat.carry_out, go_on))


def _go_on(chat: Chat, reply: Reply, draft: Draft) -> None:
    thought = draft.read()
    if thought == reply.thinking or not thought.strip():
        draft.remove()
        what = _("nothing was changed") if thought.strip() else _("the thought was emptied")
        chat.surface.say(_("{what}: the reply stays as it is", what=what))
        return
    edited = edited_passages(reply, thought)
    begun = Reply(thought, "", "cancelled", True, reply.model, edited=edited)
    rethinking = partial(chat.dialogue.rethink, thought, edited, draft.remove)
    chat.surface.reply(None, rethinking, begun)
