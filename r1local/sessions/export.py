"""Conversations as documents for people and for programs."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from r1local.config.user_files import replace_text
from r1local.conversation import Reply, Turn
from r1local.errors import ExportError
from r1local.language import _, _n, reason_of
from r1local.sessions.turn_tree import Placed

#: The parser's tokens for a heading at the top level, and their levels.
_HEADING = [("heading_open", 0), ("inline", 1), ("heading_close", 0)]
#: The characters that are quoted from in front of a cut.
_BEFORE_CUT = 80
_LINE_ENDS = re.compile(r"\r\n|\r|\n")


def export_markdown(
    turns: Sequence[Turn],
    *,
    title: str,
    model: str | None,
    thoughts: bool,
    system: str | None = None,
    everything: Sequence[Placed] = (),
) -> str:
    """Return a conversation as a Markdown document.

    `everything` has the turns of other branches, which follow below headings of their own.

    Questions and thoughts are block quotes. So is an answer that would swallow what follows,
    with a code block or a comment that it doesn't close; other answers are left as they are.
    """
    blocks = [*_blocks(turns, title, model, thoughts, system)]
    for branch in _other_branches(everything):
        blocks.append(
            _("# Another branch, from question {position} on", position=branch[0].position)
        )
        blocks += _turn_blocks([placed.turn for placed in branch], thoughts)
    return "\n\n".join(blocks) + "\n"


def export_json(
    turns: Sequence[Turn],
    *,
    title: str,
    model: str | None,
    thoughts: bool,
    system: str | None = None,
    everything: Sequence[Placed] = (),
) -> str:
    """Return a conversation as one JSON object; without thoughts, `thinking` is null.

    `everything` has the turns of all branches, which are in the object besides.
    """
    exported = [_turn_data(turn, thoughts=thoughts) for turn in turns]
    facts = {"title": title, "model": model, "system": system, "turns": exported}
    if everything:
        facts["all_turns"] = [
            {
                "number": each.number,
                "after": each.after or None,
                "current": each.shown,
                **_turn_data(each.turn, thoughts=thoughts),
            }
            for each in everything
        ]
    return json.dumps(facts, ensure_ascii=False, indent=2) + "\n"


def write_document(path: Path, text: str, *, force: bool) -> None:
    """Write a document to a new file, which only its owner can read.

    Args:
        force: overwrite an existing file.

    Raises:
        ExportError: the file exists or can't be written; it is never left half written, and one
            that was there stays.
    """
    try:
        if force and path.is_file():
            replace_text(path, text)
        else:
            _write_new(path, text)
    except FileExistsError:
        raise ExportError(
            _("{path} exists", path=path), _("give another name, or --force")
        ) from None
    except (OSError, ValueError) as error:  # a ValueError: a name that no file can have
        reason = reason_of(error)
        told = _("{path} can't be written: {reason}", path=path, reason=reason)
        raise ExportError(told, _("give another path")) from error


def _write_new(path: Path, text: str) -> None:
    def private(name: str, flags: int) -> int:
        return os.open(name, flags, 0o600)

    there = path.exists() and not path.is_file()  # a terminal or a pipe, which loses nothing
    with open(path, "w" if there else "x", encoding="utf-8", newline="\n", opener=private) as file:
        try:
            file.write(text)
            file.flush()
        except OSError:
            if not there:
                path.unlink(missing_ok=True)
            raise


def _blocks(
    turns: Iterable[Turn], title: str, model: str | None, thoughts: bool, system: str | None
) -> Iterator[str]:
    yield "# " + (title or _("A conversation"))
    if model:
        yield _("Model: {model}", model=model)
    if system:
        yield _("System prompt:\n\n{system}", system=_quoted(system))
    yield from _turn_blocks(turns, thoughts)


def _other_branches(everything: Iterable[Placed]) -> Iterator[list[Placed]]:
    """Yield the turns of each branch that isn't shown, those in front of it left out."""
    left = {each.number: each for each in everything if not each.shown}
    for number in sorted(left.keys() - {each.after for each in left.values()}):
        branch: list[Placed] = []
        while number in left:
            branch.insert(0, left.pop(number))
            number = branch[0].after
        yield branch


def _turn_data(turn: Turn, *, thoughts: bool) -> dict[str, Any]:
    data = asdict(turn)
    for reply in (data["reply"], *data["voters"].values()) if not thoughts else ():
        if reply:
            reply["thinking"] = None
    return data


def _turn_blocks(turns: Iterable[Turn], thoughts: bool) -> Iterator[str]:
    for turn in turns:
        yield _("## Question\n\n{question}", question=_quoted(turn.question))
        if count := len(turn.voters):
            yield _n("*{count:,} reply voted.*", "*{count:,} replies voted.*", count)
        if turn.reply:
            yield from _reply_blocks(turn.reply, thoughts)


def _reply_blocks(reply: Reply, thoughts: bool) -> Iterator[str]:
    if thoughts and reply.thinking:
        yield _("### Thinking\n\n{thinking}", thinking=_quoted(reply.thinking))
        for start, end in reply.edited:
            yield _edited(reply.thinking, start, end)
    if reply.answer:
        yield _("### Answer\n\n{reply}", reply=_answer(reply))
    if reply.valid is False:
        yield _("*The answer is not valid by its JSON schema.*")
    if reply.reason != "stop":
        yield _("*The reply ended early: {reason}.*", reason=reply.reason)


def _edited(thought: str, start: int, end: int) -> str:
    """Return what says which passage of a thought was edited."""
    if passage := thought[start:end].strip():
        return _("*Edited in this thought:*\n\n{passage}", passage=_quoted(passage))
    before = thought[max(0, start - _BEFORE_CUT) : start].strip()
    return _("*Something was cut out of this thought after:*\n\n{before}", before=_quoted(before))


def _answer(reply: Reply) -> str:
    """Return an answer as Markdown; one that follows a schema is shown as code."""
    if reply.valid is None:
        return _contained(reply.answer)
    return _contained(f"~~~json\n{reply.answer}\n~~~")


def _quoted(text: str) -> str:
    """Return a text as a block quote, whose end closes whatever is open in it."""
    return "\n".join(f"> {line}".rstrip() for line in _LINE_ENDS.split(text))


def _contained(text: str) -> str:
    """Return Markdown that ends where its text does, quoted if it otherwise wouldn't."""
    from markdown_it import MarkdownIt  # which a list of sessions doesn't need

    tail = MarkdownIt("commonmark").parse(f"{text}\n\n# END")[-3:]
    ends = [(token.type, token.level) for token in tail] == _HEADING and tail[1].content == "END"
    return text if ends else _quoted(text)
