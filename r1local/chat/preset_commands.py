"""What `/preset` does."""

from r1local.chat.chat import Chat
from r1local.chat.session_settings import given_in, loading_of, system_of
from r1local.chat.slash import words_of
from r1local.config.paths import config_file
from r1local.config.preferences import preset_named, read_config
from r1local.config.presets import NO_PRESET, PRESETS, PresetQuestion
from r1local.errors import UsageError
from r1local.language import _
from r1local.models.selection import choose
from r1local.ui.cells import cell_len, fitted


def preset(chat: Chat, argument: str) -> None:
    """List the presets; with an argument, use one from here on."""
    name, *fields = words_of(argument) or [""]
    if not name:
        _list(chat)
    elif name.lower() == NO_PRESET:
        _use(chat, None)
        chat.surface.say(_("no preset is used from here on; the system prompt stays"))
    else:
        chosen = preset_named(name)
        question = PresetQuestion(chosen.name, chosen.prompt, dict(map(_field, fields)))
        question.check(flag="")
        _use(chat, question)
        chat.surface.say(
            _(
                "preset {name} is used from here on{question}",
                name=chosen.name,
                question=_told(question),
            )
        )
        if question.begins:
            chat.surface.type(question.ask(None) or "")


def _list(chat: Chat) -> None:
    presets = read_config().presets.values()
    if not presets:
        hint = _(
            "write a table [{presets}.NAME] in {config_file}",
            presets=PRESETS,
            config_file=config_file(),
        )
        raise UsageError(_("there is no preset yet"), hint)
    column = max(cell_len(each.name) for each in presets)
    lines = [f"{fitted(each.name, column)}  {' · '.join(each.words)}" for each in presets]
    current = chat.dialogue.recorder.transcript.preset
    chat.surface.say("\n".join([*lines, _("in use: {current}", current=current or NO_PRESET)]))


def _field(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    if not equals:
        raise UsageError(
            _("{word!r} is no field", word=word),
            _("type for example: /preset NAME language=French"),
        )
    return name, value


def _told(question: PresetQuestion) -> str:
    return _("; questions are put into its prompt") if question.takes_input else ""


def _use(chat: Chat, question: PresetQuestion | None) -> None:
    """Use a preset's settings, system prompt and model, or none; nothing changes if it has none."""
    dialogue, given = chat.dialogue, chat.given
    name = question.preset if question else NO_PRESET
    own = preset_named(name).settings.get("model") if question else None
    selected = choose(own.value, chat.models) if own else dialogue.selected
    before = loading_of(given_in(given, dialogue.recorder), dialogue.selected)
    dialogue.use_preset(name)
    chat.preset = question
    chat.settle()
    system = system_of({**given, "preset": name}, selected, dialogue.recorder)
    if system is not None:
        dialogue.use_system(system or None)
    after = loading_of(given_in(given, dialogue.recorder), dialogue.selected)
    if selected.reference != dialogue.selected.reference or after != before:
        chat.switch(selected.reference)
