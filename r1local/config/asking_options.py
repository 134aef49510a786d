"""The options of one question: its preset, the session it belongs to, what is printed of it."""

from r1local.config.kinds import FieldValues, Switch, Word
from r1local.config.option import Option

#: Part of `options.OPTIONS`, in the order of the help.
ASKING: tuple[Option, ...] = (
    Option(
        "preset",
        Word(),
        "Use the model, settings and prompt of a preset in config.toml.",
        commands=("run", "chat"),
        short="-p",
        preference=False,
    ),
    Option(
        "field",
        FieldValues(),
        "Fill in a field of the preset's prompt; may be repeated.",
        commands=("run", "chat"),
        short="-F",
        preference=False,
    ),
    Option(
        "log",
        Switch(),
        "Keep the question and its reply as a session.",
        False,
        commands=("run",),
    ),
    Option(
        "continue",
        Switch(),
        "Go on with the last session, a chat or a run that was logged.",
        False,
        commands=("run",),
        short="-c",
        preference=False,
    ),
    Option(
        "session",
        Word(),
        "Go on with the session of this name, or start it.",
        commands=("run",),
        preference=False,
    ),
    Option(
        "extract",
        Switch(),
        "Print only the last code block of the answer.",
        False,
        commands=("run",),
        short="-x",
        preference=False,
    ),
    Option(
        "xl",
        Word(),
        "Print only the last code block in this language, e.g. python.",
        commands=("run",),
        preference=False,
    ),
)
