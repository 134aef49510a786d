"""What the slash commands about the replies so far do: open, find, copy and count them."""

from collections.abc import Mapping, Sequence

from r1local.chat.chat import Chat
from r1local.chat.finding import Finding
from r1local.chat.slash import whole_number
from r1local.conversation import Reply, place
from r1local.errors import UsageError
from r1local.language import _
from r1local.ui.markdown.fences import code_blocks
from r1local.ui.wording import duration, known, reply_count
from r1local.units import token_count


def think(chat: Chat, argument: str) -> None:
    """Open the last thought, or the one that is named."""
    thoughts = {name: reply for name, reply in _replies(chat).items() if reply.thinking}
    own = [name for name in thoughts if "." not in name]
    if not thoughts:
        raise UsageError(_("there is no thought yet"), _("type a question"))
    name = argument or (own or [*thoughts])[-1]
    if name not in thoughts:
        has = ", ".join(own or thoughts)
        raise UsageError(
            _("there is no thought {name}", name=name), _("thoughts there are: {names}", names=has)
        )
    chat.surface.open_thought(name, thoughts[name])


def find(chat: Chat, argument: str) -> None:
    """Look for words, or go to the next place that has those looked for last."""
    if argument and argument != chat.finding.words:
        chat.finding = Finding(argument)
    find_again(chat, +1)


def find_again(chat: Chat, step: int) -> None:
    """Go to the next place that has the words looked for last, or with -1 to the one before.

    Raises:
        UsageError: nothing was looked for yet.
    """
    words = chat.finding.words
    if not words:
        raise UsageError(_("there is nothing to find"), _("type for example: /find prime"))
    found = chat.finding.go(chat.dialogue.turns, step)
    if found is None:
        chat.surface.say(_("nothing here holds: {words}", words=words))
        return
    hit, number, count = found
    others = (
        _("; {number:,} of {count:,}, /find shows the next", number=number, count=count)
        if count > 1
        else ""
    )
    chat.surface.show_found(
        hit, words, _("{name} holds: {words}{others}", name=hit.name, words=words, others=others)
    )


def copy(chat: Chat, argument: str) -> None:
    """Copy an answer, its thought or a block of its code."""
    words = argument.split()
    replies = _replies(chat)
    name = str(last_number(chat))
    if words and words[0][0].isdecimal():
        name = words.pop(0)
        if name not in replies:
            there = ", ".join(each for each in replies if "." not in each)
            raise UsageError(
                _("there is no reply {name}", name=name),
                _("replies there are: {names}", names=there or _("none")),
            )
    text, what = _part_to_copy(replies.get(name), words)
    if not text:
        other = "/copy" if words else "/copy thinking"
        raise UsageError(
            _("{what} is empty", what=what),
            _("{command} copies the rest of the reply", command=other),
        )
    copied = _("copied") if chat.surface.copy(text) else _("asked the terminal to copy")
    which = _(" of reply {name}", name=name) if argument[:1].isdecimal() else ""
    chat.surface.say(
        _(
            "{copied} {what}{which}: {count:,} characters",
            copied=copied,
            what=what,
            which=which,
            count=len(text),
        )
    )


def _part_to_copy(reply: Reply | None, words: Sequence[str]) -> tuple[str, str]:
    """Return a part of a reply as `/copy` names it, and what it is in words."""
    answer = reply.answer if reply else ""
    match words:
        case []:
            return answer, _("the answer")
        case ["thinking"]:
            return reply.thinking if reply else "", _("the thought")
        case ["code", *rest] if len(rest) < 2:
            number = whole_number(rest[0] if rest else "1", "/copy code 1")
            blocks = [block.code for block in code_blocks(answer)]
            if not 0 < number <= len(blocks):
                told = _("the answer has {count}", count=len(blocks))
                raise UsageError(_("there is no code block {number}", number=number), told)
            return blocks[number - 1], _("code block {number}", number=number)
    raise UsageError(
        _("{words!r} can't be copied", words=" ".join(words)),
        _("/copy, /copy thinking, or /copy code N"),
    )


def stats(chat: Chat, _argument: str) -> None:
    """Say what all replies took, and what an API would have charged for them."""
    everything = chat.dialogue.recorder.transcript.everything
    all_replies = [reply for each in everything for _voter, reply in each.turn.distinct_replies]
    thinking = sum(reply.thinking_tokens for reply in all_replies)
    answers = sum(reply.answer_tokens for reply in all_replies)
    prompts = sum(reply.prompt_tokens for reply in all_replies)
    thinking_s = sum(reply.thinking_s for reply in all_replies)
    answer_s = sum(reply.answer_s for reply in all_replies)
    costs = [
        _("{name}'s API: ${price:.4f}", name=name, price=_cost(price, prompts, thinking + answers))
        for name, price in chat.models.prices.items()
    ]
    drafted = sum(reply.draft_tokens for reply in all_replies)
    accepted = sum(reply.accepted_tokens for reply in all_replies)
    drafts = _(
        "drafts     {accepted:,} of {drafted} accepted\n",
        accepted=accepted,
        drafted=token_count(drafted),
    )
    checked = [reply.valid for reply in all_replies if reply.valid is not None]
    by_schema = _(
        "schema     {valid} of {checked} answers are valid\n",
        valid=checked.count(True),
        checked=len(checked),
    )
    chat.surface.say(
        _(
            "thinking   {thinking} in {thinking_s}\nanswers    {answers} in "
            "{answer_s}\nprompts    {prompts} in {reply_count}\n{drafts}{by_schema}context    "
            "{chat} tokens\nthe same tokens at {costs}",
            thinking=token_count(thinking),
            thinking_s=duration(thinking_s),
            answers=token_count(answers),
            answer_s=duration(answer_s),
            prompts=token_count(prompts),
            reply_count=reply_count(len(all_replies)),
            drafts=drafts if drafted else "",
            by_schema=by_schema if checked else "",
            chat=context_told(chat),
            costs=", ".join(costs),
        )
    )


def _replies(chat: Chat) -> dict[str, Reply]:
    """Return the replies by turn number, counted from 1, and those of voters as `TURN.VOTER`."""
    replies = {}
    for number, turn in enumerate(chat.dialogue.turns, 1):
        if turn.reply:
            replies[place(number, None)] = turn.reply
        replies |= {place(number, voter): each for voter, each in sorted(turn.voters.items())}
    return replies


def context_told(chat: Chat) -> str:
    """Return how many tokens of the context are in use, and how many there are."""
    dialogue = chat.dialogue
    return _(
        "{context_used} of {context_window}",
        context_used=known(dialogue.context_used),
        context_window=known(dialogue.engine.context_window),
    )


def _cost(price: Mapping[str, float], prompt_tokens: int, generated_tokens: int) -> float:
    """Return US dollars at `models.toml`'s prices per million tokens; thoughts count as output."""
    return (prompt_tokens * price["input"] + generated_tokens * price["output"]) / 1_000_000


def last_number(chat: Chat) -> int:
    """Return the number of the last turn, counted from 1.

    Raises:
        UsageError: nothing was asked yet.
    """
    if not (count := len(chat.dialogue.turns)):
        raise UsageError(_("nothing was asked yet"), _("type a question"))
    return count
