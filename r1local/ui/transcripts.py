"""Saved conversations and search results, as text."""

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from r1local.conversation import Reply, Turn
from r1local.language import _
from r1local.ui.appearance import is_limited, role_style, text_width
from r1local.ui.console import can_repaint, painted, print_notice
from r1local.ui.markdown.wrapping import wrap
from r1local.ui.safe_text import unbroken, visible, visible_line
from r1local.ui.wording import ENDINGS, NOT_VALID, reply_count, thought_for, which


def print_turns(
    console: Console,
    turns: Sequence[Turn],
    *,
    thoughts: bool,
    notices: Console | None = None,
    number: int | None = None,
    places: Sequence[tuple[int, int]] = (),
) -> None:
    """Print questions, answers as rendered Markdown, and thoughts, in full or as one line each.

    r1local's own notices go to `notices`, to keep them apart from the conversation. `places` says
    which alternative each turn is, and of how many; `number` is that of the first turn, and without
    it they aren't numbered.
    """
    notices = notices or console
    for before, turn in enumerate(turns):
        if before:
            console.print()
        mark = "❯" if number is None else f"{number + before} ❯"
        console.print(Text(f"{mark} {visible(turn.labelled)}", "question"))
        if places and (told := which(places[before])):
            print_notice(notices, told)
        if turn.voters:
            print_notice(
                notices, _("{reply_count} voted", reply_count=reply_count(len(turn.voters)))
            )
        if turn.reply:
            _print_reply(console, notices, turn.reply, thoughts=thoughts)


def print_thought(console: Console, reply: Reply) -> None:
    """Print a whole thought, with the passages underlined that were edited, where that can be."""
    pieces, done = [], 0
    for start, end in reply.edited if can_repaint(console) and not is_limited() else ():
        if done <= start < end:
            pieces.append(painted(console, visible(reply.thinking[done:start]), "thinking"))
            pieces.append(f"\x1b[4m{visible(reply.thinking[start:end])}\x1b[24m")
            done = end
    text = wrapped(console, visible(reply.thinking[done:]))
    pieces.append(painted(console, text, "thinking"))
    console.file.write("".join(pieces) + "\n")


def wrapped(console: Console, text: str) -> str:
    """Return a text with line breaks for the width that text is limited to, if it is.

    Otherwise the terminal wraps it, and joins the rows again when it becomes wider.
    """
    if not console.is_terminal or not is_limited():
        return text
    return "\n".join(row.plain for row in wrap(Text(text), text_width(console.width)))


def print_hit(console: Console, session: str, place: str, part: str, excerpt: str) -> None:
    """Print where a text was found, and the text: two lines on a terminal, one in a pipe."""
    if console.is_terminal:
        console.print(
            _(
                "{session} · turn {place} · {part}",
                session=visible_line(session),
                place=place,
                part=part,
            )
        )
        for row in wrap(
            Text(visible_line(excerpt), role_style("note")), text_width(console.width - 3)
        ):
            console.print(Text("  ") + row)
    else:
        console.file.write(f"{session}\t{place}\t{part}\t{unbroken(excerpt)}\n")


def _print_reply(console: Console, notices: Console, reply: Reply, *, thoughts: bool) -> None:
    if reply.thinking:
        if thoughts:
            print_thought(console, reply)
        unfinished, edited = reply.thinking_open, bool(reply.edited)
        seconds, count = reply.thinking_s, reply.thinking_tokens
        print_notice(notices, thought_for(seconds, count, unfinished=unfinished, edited=edited))
    if reply.answer:
        notices.print()
        _print_answer(console, reply.answer, json=reply.valid is not None)
    if reply.valid is False:
        print_notice(notices, _(NOT_VALID))
    if reply.reason in ENDINGS:
        print_notice(notices, _(ENDINGS[reply.reason]))


def _print_answer(console: Console, answer: str, *, json: bool) -> None:
    if can_repaint(console):
        from r1local.ui.markdown.view import MarkdownView, finished_rows  # a search needs neither

        if not console.file.isatty():  # a pager, which moves no cursor
            for row in finished_rows(answer, text_width(max(console.width - 1, 1)), json=json):
                console.print(row)
            return
        view = MarkdownView(console, json=json)
        view.feed(answer)
        view.close()
    else:
        console.file.write(visible(answer) + "\n")
