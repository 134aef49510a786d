"""Everything a user can choose, declared once: its name, its values, and where it can be set.

The options of the command line, the variables `R1LOCAL_…`, the keys of `config.toml`, what the
chat's `/set` takes, the errors of values out of range and docs/config.md all come from `OPTIONS`.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

from r1local.config.asking_options import ASKING
from r1local.config.kinds import Choice, Pattern, Switch, Text, WordOr
from r1local.config.loading_options import LOADING
from r1local.config.number_kinds import Duration, Number, Whole
from r1local.config.option import Group, Option
from r1local.config.replying_options import REPLYING
from r1local.errors import InvalidSetting, nearest
from r1local.language import LANGUAGES, _

#: What a reply shows of its thinking; `only` leaves out the answer.
ThinkingMode: TypeAlias = Literal["show", "fold", "hide", "only"]

#: How a reply is written: as text, as one JSON object, or as one JSON object per event.
OutputFormat: TypeAlias = Literal["text", "json", "jsonl"]

#: How the commands about models print: text for people, JSON for programs.
ModelFormat: TypeAlias = Literal["text", "json"]

#: How people are told that a reply is done: not at all, as the terminal can, or by one of its ways.
NOTIFY_WORDS = ("auto", "off", "bell", "osc9", "osc99", "osc777")
#: What a command is told by: the end's state and text, the reply's seconds and answer.
NOTIFY_VARIABLES = (
    "R1LOCAL_NOTIFY_STATE",
    "R1LOCAL_NOTIFY_TEXT",
    "R1LOCAL_NOTIFY_SECONDS",
    "R1LOCAL_NOTIFY_ANSWER",
)

#: The most replies to one question, and the most that are decoded at once: more would gain
#: little, as attention goes over the tokens of all of them (docs/benchmarks.md).
MOST_VOTES, MOST_AT_ONCE = 1_000, 16


#: All options, in the order of the help and the documents.
OPTIONS: tuple[Option, ...] = (
    Option("no-save", Switch(), "Don't save the conversation.", False, commands=("chat",)),
    Option(
        "inline",
        Switch(),
        "Write into the terminal's scrollback instead of a full screen.",
        False,
        commands=("chat",),
    ),
    Option("vi", Switch(), "Edit with vi keys instead of Emacs keys.", False, commands=("chat",)),
    Option(
        "reply-numbers",
        Switch(),
        "Number questions and replies, as /think 3 and /copy 3 count them.",
        False,
        commands=("chat",),
    ),
    Option(
        "max-width",
        Whole(20, 1_000, nothing="none"),
        "Wrap thoughts and answers on a terminal at this many columns.",
        otherwise="the terminal's width",
        commands=("run", "chat", "sessions show", "sessions export"),
    ),
    Option(
        "model",
        Text(),
        "A name such as 7b:q5_k_m, hf:org/repo, a GGUF file, or ENDPOINT:MODEL.",
        otherwise="the best one installed",
        commands=("run", "chat", "serve"),
        short="-m",
    ),
    Option(
        "endpoint",
        Text(),
        "A server elsewhere, by its address or its name in config.toml.",
        group="endpoint",
        commands=("run", "chat"),
        preference=False,
    ),
    Option(
        "system",
        Text(),
        "A system prompt; DeepSeek advises against one for R1.",
        commands=("run", "chat"),
        per_model=True,
    ),
    Option(
        "thinking",
        Choice.of(*get_args(ThinkingMode)),
        "Show the thinking, fold it into a line, hide it, or print nothing else.",
        "show",
        commands=("run",),
    ),
    Option(
        "format",
        Choice.of(*get_args(OutputFormat)),
        "Text, one JSON object, or one JSON event per line.",
        "text",
        commands=("run",),
        preference=False,
    ),
    Option(
        "answer-only",
        Switch(),
        "Print only the final answer: the last \\boxed{…}.",
        False,
        commands=("run",),
        preference=False,
    ),
    Option(
        "no-stdin",
        Switch(),
        "Don't read stdin, for loops that read it themselves.",
        False,
        commands=("run",),
    ),
    *ASKING,
    Option(
        "fetch-private",
        Switch(),
        "Let attached web addresses be ones of this machine and its network.",
        False,
        commands=("run", "chat"),
    ),
    Option(
        "votes",
        Whole(1, MOST_VOTES),
        f"Let this many replies vote on the answer, at most {MOST_VOTES:,}.",
        group="vote",
        commands=("run",),
        preference=False,
    ),
    Option(
        "confidence",
        Number(0.5, 1, exclusive=(0.5, 1), nothing="none"),
        "End a vote when the leader is this likely to stay ahead, e.g. 0.95.",
        otherwise="when nobody can catch up",
        group="vote",
        commands=("run", "serve"),
        per_model=True,
    ),
    Option(
        "answer-pattern",
        Pattern(),
        "Find a vote's answer in replies without a \\boxed{…}.",
        otherwise="the reply's last line",
        group="vote",
        commands=("run", "serve"),
        per_model=True,
    ),
    *REPLYING,
    *LOADING,
    Option(
        "first-byte-timeout",
        Whole(1, 86_400),
        "Seconds that an endpoint may take until its reply begins.",
        600,
        group="endpoint",
        commands=("run", "chat"),
        per_model=True,
    ),
    Option(
        "silence-timeout",
        Whole(1, 86_400),
        "Seconds that an endpoint may be silent in the middle of a reply.",
        120,
        group="endpoint",
        commands=("run", "chat"),
        per_model=True,
    ),
    Option(
        "notify",
        WordOr(NOTIFY_WORDS, "COMMAND", "a command, which is run without a shell"),
        "Tell that a long reply is done if nobody looks: by the terminal, or by a command.",
        "auto",
        commands=("run", "chat"),
    ),
    Option(
        "notify-after",
        Whole(0, 86_400),
        "Seconds that a reply must have taken to be told of.",
        20,
        commands=("run", "chat"),
    ),
    Option(
        "verbose",
        Switch(),
        "Show llama.cpp's own log on stderr.",
        False,
        commands=("run", "chat", "serve"),
    ),
    Option(
        "lang",
        Choice.of("auto", *LANGUAGES),
        "The language of messages; auto: the system's.",
        "auto",
    ),
    Option("host", Text(), "Listen at this address.", "127.0.0.1", commands=("serve",)),
    Option("port", Whole(0, 65_535), "Listen at this port; 0: any.", 11_435, commands=("serve",)),
    Option(
        "api-key-env",
        Text(),
        "Expect the key that this environment variable holds.",
        commands=("serve",),
    ),
    Option(
        "no-auth",
        Switch(),
        "Serve other machines without a key.",
        False,
        commands=("serve",),
        preference=False,
    ),
    Option(
        "allow-origin",
        Text(),
        "Let web pages of these origins use it, separated by commas.",
        commands=("serve",),
    ),
    Option(
        "parallel",
        Whole(1, MOST_AT_ONCE),
        "Write this many replies of a model at once.",
        4,
        commands=("serve",),
    ),
    Option(
        "queue",
        Whole(0, 10_000),
        "Let this many more replies wait; 429 is the answer to others.",
        64,
        commands=("serve",),
    ),
    Option(
        "keep-alive",
        Duration(),
        "Keep the model in memory for this long afterwards, e.g. 5m.",
        otherwise="none; 5m for serve",
        commands=("run", "chat", "serve"),
        per_model=True,
    ),
    Option(
        "no-daemon",
        Switch(),
        "Load the model in this process, even if another one has it in memory.",
        False,
        commands=("run", "chat"),
    ),
    Option(
        "connections",
        Whole(1, 16),
        "Connections per downloaded file, at most 16.",
        4,
        commands=("pull",),
    ),
    Option(
        "session-kv-mib",
        Whole(),
        "MiB that the saved sessions' KV caches may take in total; 0 keeps none.",
        1024,
    ),
)


def options_of(command: str) -> tuple[Option, ...]:
    """Return the options on a command's command line."""
    return tuple(option for option in OPTIONS if command in option.commands)


def preferences() -> tuple[Option, ...]:
    """Return the options that `config.toml` and the environment can set."""
    return tuple(option for option in OPTIONS if option.preference)


def in_group(group: Group) -> tuple[Option, ...]:
    """Return the options of one group."""
    return tuple(option for option in OPTIONS if option.group == group)


def settable() -> Mapping[str, Option]:
    """Return the options that can be set in a chat, by name."""
    return {option.name: option for option in in_group("reply")}


def in_catalog() -> tuple[Option, ...]:
    """Return the options that a model's entry in `models.toml` can set."""
    return tuple(option for option in OPTIONS if option.in_catalog)


def option_named(name: str) -> Option:
    """Return the option with a name.

    Raises:
        KeyError: there is none.
    """
    return {option.name: option for option in OPTIONS}[name]


def preference_named(key: str) -> Option:
    """Return the preference with a name or key, as a user wrote it.

    Raises:
        InvalidSetting: there is none; the hint names the most similar one.
    """
    known = {option.key: option for option in preferences()}
    if (option := known.get(key.replace("-", "_").lower())) is None:
        raise InvalidSetting(_("there is no setting {name!r}", name=key), nearest(key, known))
    return option


def check(name: str, value: object) -> None:
    """Refuse a value of an option that is out of range.

    Raises:
        InvalidSetting: it is out of range.
    """
    option_named(name).kind.check(name, value)


def default_of(name: str) -> Any:
    """Return the value of an option that isn't set; None if the program decides."""
    return option_named(name).default
