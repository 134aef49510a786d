"""What the slash commands do."""

from collections.abc import Mapping, Sequence

from r1local.chat import branch_commands, file_commands, preset_commands, session_commands
from r1local.chat.chat import Chat
from r1local.chat.finding import Finding
from r1local.chat.help_text import help_sections
from r1local.chat.rethinking import rethink
from r1local.chat.slash import SlashCommand, command_named, whole_number, words_of
from r1local.chat.waiting import attach_to, documents_in
from r1local.chat.welcome import FIRST_MODEL
from r1local.config.options import settable
from r1local.config.preferences import read_config
from r1local.conversation import Reply, place
from r1local.errors import UsageError
from r1local.language import N_, _
from r1local.replies.control import Control
from r1local.replies.settings import changed, shown
from r1local.replies.structured_output import schema_text, structure_by
from r1local.ui.markdown.fences import code_blocks
from r1local.ui.wording import duration, known, reply_count
from r1local.units import token_count


def _help(chat: Chat, argument: str) -> None:
    if argument:
        command = command_named(argument.removeprefix("/"), chat.commands)
        name = argument.removeprefix("/")
        chat.surface.say(f"/{name} {command.usage}".rstrip() + f"\n{_(command.told)}")
        return
    surface = chat.surface
    sections = help_sections(chat.commands, surface.keys, full_screen=surface.full_screen)
    surface.show_help(sections)


def _model(chat: Chat, argument: str) -> None:
    if argument:
        chat.switch(argument)
        return
    from r1local.models.store.search import installed_models

    names = [entry.reference for entry in installed_models(chat.models) if entry.whole]
    names += [*(f"{name}:" for name in read_config().endpoints), *read_config().aliases]
    current = chat.dialogue.selected.name
    chat.surface.say(
        _("{current} replies; there are: {names}", current=current, names=", ".join(names))
    )


def _pull(chat: Chat, argument: str) -> None:
    if not argument:
        raise UsageError(
            _("no model is named"),
            _("type for example: /pull {first_model}", first_model=FIRST_MODEL),
        )
    chat.pull(argument)


def _stop(chat: Chat, _argument: str) -> None:
    chat.surface.stop()


def _context(chat: Chat, argument: str) -> None:
    if argument:
        chat.widen(whole_number(argument.replace(",", ""), _("/context 8192")))
        return
    chat.surface.say(_("{chat} tokens of context are in use", chat=_context_told(chat)))


def _system(chat: Chat, argument: str) -> None:
    if argument:
        chat.dialogue.use_system(None if argument == "none" else argument)
    system, known = chat.dialogue.system, chat.dialogue.selected.known
    told = _("system prompt: {system}", system=system) if system else _("there is no system prompt")
    if system and known and known.system_prompt is False:
        told += _("\nDeepSeek recommends none for {name}", name=known.name)
    chat.surface.say(told)


def _set(chat: Chat, argument: str) -> None:
    name, _space, value = argument.partition(" ")
    settings = chat.dialogue.settings
    if not name:
        options = settable()
        column = max(map(len, options))
        values = {name: shown(settings, name) for name in options}
        told = (f"{n:<{column}}  {values[n]:<8}  {o.described}" for n, o in options.items())
        chat.surface.say("\n".join(told))
        return
    if value:
        settings = changed(settings, name, value.strip())
        chat.dialogue.change(name, value.strip(), settings)
    chat.surface.say(_("{name} is {settings}", name=name, settings=shown(settings, name)))


def _schema(chat: Chat, argument: str) -> None:
    dialogue = chat.dialogue

    def work(_control: Control) -> str:
        if argument and argument != "none":
            words = [argument] if argument.startswith("{") else words_of(argument)
            schema = schema_text(words[0] if len(words) == 1 else argument)
            structure_by(schema)  # refused before it takes effect
            dialogue.use_schema(schema)
        elif argument:
            dialogue.use_schema(None)
        if dialogue.schema is None:
            return _("answers are free in form")
        notice = structure_by(dialogue.schema).notice
        told = _("answers are held to this JSON schema:\n{schema}", schema=dialogue.schema.strip())
        return f"{told}\n{notice}" if notice else told

    chat.surface.work(_("reading the schema"), work)


def _think(chat: Chat, argument: str) -> None:
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


def _find(chat: Chat, argument: str) -> None:
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


def _answer(chat: Chat, _argument: str) -> None:
    chat.surface.answer_now()


def _more(chat: Chat, _argument: str) -> None:
    chat.surface.think_more()


def _retry(chat: Chat, _argument: str) -> None:
    _last_number(chat)
    chat.retry()


def _vote(chat: Chat, argument: str) -> None:
    votes, _space, question = argument.partition(" ")
    if not question.strip():
        raise UsageError(
            _("there is no question"), _("type for example: /vote 8 What is 17 times 23?")
        )
    chat.ask(question.strip(), whole_number(votes, _("/vote 8 What is 17 times 23?")))


def _edit(chat: Chat, _argument: str) -> None:
    turn = chat.dialogue.turns[_last_number(chat) - 1]
    documents = documents_in(turn, chat.filled(turn.typed))
    attach_to(chat.dialogue.recorder, documents)
    chat.dialogue.undo()
    chat.surface.show_undone()
    chat.surface.type(turn.typed)
    if documents:
        chat.tell_waiting()


def _continue(chat: Chat, _argument: str) -> None:
    reply = chat.dialogue.turns[_last_number(chat) - 1].reply
    if reply is None or (reply.reason == "stop" and not reply.thinking_open):
        raise UsageError(_("the last reply is whole"), _("/retry asks for another one"))
    chat.surface.reply(None, chat.dialogue.go_on, reply)


def _undo(chat: Chat, _argument: str) -> None:
    _last_number(chat)
    turn = chat.dialogue.undo()
    chat.surface.show_undone()
    chat.surface.say(
        _("taken back: {question}; /redo brings it back", question=" ".join(turn.typed.split()))
    )


def _copy(chat: Chat, argument: str) -> None:
    words = argument.split()
    replies = _replies(chat)
    name = str(_last_number(chat))
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


def _clear(chat: Chat, _argument: str) -> None:
    chat.surface.clear()


def _stats(chat: Chat, _argument: str) -> None:
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
            chat=_context_told(chat),
            costs=", ".join(costs),
        )
    )


def _quit(chat: Chat, _argument: str) -> None:
    chat.leave()


SLASH_COMMANDS: Mapping[str, SlashCommand[Chat]] = {
    "help": SlashCommand("[COMMAND]", N_("the commands and the keys"), _help, at_once=True),
    "model": SlashCommand("[NAME]", N_("let another model reply; the conversation stays"), _model),
    "pull": SlashCommand("NAME", N_("download a model, which replies from then on"), _pull),
    "context": SlashCommand("[TOKENS]", N_("how full the context is, or make it larger"), _context),
    "system": SlashCommand("[TEXT|none]", N_("show or change the system prompt"), _system),
    "set": SlashCommand("[NAME [VALUE]]", N_("show or change how the model replies"), _set),
    "preset": SlashCommand(
        "[NAME|none [FIELD=VALUE…]]",
        N_("the presets, or use one from here on"),
        preset_commands.preset,
    ),
    "schema": SlashCommand(
        "[FILE|TEXT|none]", N_("show or change the JSON schema that answers are held to"), _schema
    ),
    "think": SlashCommand(
        "[N[.VOTER]]", N_("open the last thought, or that of reply N"), _think, at_once=True
    ),
    "find": SlashCommand(
        "[WORDS]",
        N_("search questions, thoughts and answers; again, the next"),
        _find,
        at_once=True,
    ),
    "answer": SlashCommand("", N_("end the thought and answer now"), _answer, at_once=True),
    "more": SlashCommand("", N_("think on for longer"), _more, at_once=True),
    "stop": SlashCommand(
        "", N_("stop the reply or the download, as Ctrl-C does"), _stop, at_once=True
    ),
    "vote": SlashCommand("N QUESTION", N_("let N replies vote on the answer"), _vote),
    "retry": SlashCommand("", N_("another reply to the last question, with a new seed"), _retry),
    "edit": SlashCommand("", N_("the last question in the input again, to begin a branch"), _edit),
    "continue": SlashCommand(
        "", N_("let a reply that was cut go on, also in its thought"), _continue
    ),
    "rethink": SlashCommand(
        "", N_("edit the last thought in $EDITOR, and go on from there"), rethink
    ),
    "undo": SlashCommand("", N_("take the last question and its reply back"), _undo),
    "redo": SlashCommand("", N_("bring back what was taken back"), branch_commands.redo),
    "branches": SlashCommand(
        "[N|next|previous]",
        N_("the conversation's branches: list them, or show one"),
        branch_commands.branches,
    ),
    "file": SlashCommand(
        "[PATH…|-N|none]",
        N_("send files, folders or web addresses along; -N drops one"),
        file_commands.file,
    ),
    "files": SlashCommand(
        "", N_("what goes with the next question, and its tokens"), file_commands.files
    ),
    "copy": SlashCommand(
        "[N] [thinking|code M]",
        N_("copy an answer, its thought, or its code"),
        _copy,
        at_once=True,
    ),
    "save": SlashCommand(
        "[NAME]", N_("where the session is saved, or give it a name"), session_commands.save
    ),
    "export": SlashCommand(
        "[PATH] [OPTION…]",
        N_("write a .md or .json file; --no-thoughts, --all-branches, --force"),
        session_commands.export,
    ),
    "sessions": SlashCommand(
        "[WORDS]",
        N_("find a saved session, and go on with it"),
        session_commands.sessions,
        at_once=True,
    ),
    "resume": SlashCommand(
        "[NAME]", N_("go on with another session, or the last"), session_commands.resume
    ),
    "rename": SlashCommand("NAME", N_("give the session a name"), session_commands.rename),
    "new": SlashCommand("", N_("a new session; this one stays saved"), session_commands.new),
    "clear": SlashCommand("", N_("empty the screen; the conversation stays"), _clear, at_once=True),
    "stats": SlashCommand(
        "", N_("tokens, seconds, and what an API would have charged"), _stats, at_once=True
    ),
    "quit": SlashCommand("", N_("leave"), _quit, at_once=True),
}


def _replies(chat: Chat) -> dict[str, Reply]:
    """Return the replies by turn number, counted from 1, and those of voters as `TURN.VOTER`."""
    replies = {}
    for number, turn in enumerate(chat.dialogue.turns, 1):
        if turn.reply:
            replies[place(number, None)] = turn.reply
        replies |= {place(number, voter): each for voter, each in sorted(turn.voters.items())}
    return replies


def _context_told(chat: Chat) -> str:
    dialogue = chat.dialogue
    return _(
        "{context_used} of {context_window}",
        context_used=known(dialogue.context_used),
        context_window=known(dialogue.engine.context_window),
    )


def _cost(price: Mapping[str, float], prompt_tokens: int, generated_tokens: int) -> float:
    """Return US dollars at `models.toml`'s prices per million tokens; thoughts count as output."""
    return (prompt_tokens * price["input"] + generated_tokens * price["output"]) / 1_000_000


def _last_number(chat: Chat) -> int:
    if not (count := len(chat.dialogue.turns)):
        raise UsageError(_("nothing was asked yet"), _("type a question"))
    return count
