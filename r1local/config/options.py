"""Everything a user can choose, declared once: what it is called, its values, and where it is set.

The options of the command line, the variables `R1LOCAL_…`, the keys of `config.toml`, what `/set`
of the chat takes, the errors of values out of range and docs/config.md are all made of `OPTIONS`.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias, get_args

from r1local.config.kinds import (
    Assignments,
    Choice,
    File,
    Kind,
    Number,
    Pattern,
    Switch,
    Text,
    Whole,
)
from r1local.config.option import Group, Option
from r1local.errors import InvalidSetting, nearest

#: What a reply shows of its thinking; `only` leaves the answer out.
ThinkingMode: TypeAlias = Literal["show", "fold", "hide", "only"]

#: How a reply is written: text, one JSON object, or one JSON object an event.
OutputFormat: TypeAlias = Literal["text", "json", "jsonl"]

#: How the commands about models print: text for people, JSON for programs.
ModelFormat: TypeAlias = Literal["text", "json"]

#: Element type of the KV cache: smaller ones hold more context and cost some quality.
KVType: TypeAlias = Literal["f16", "q8_0", "q4_0"]

#: How hard to think, in tokens of thought; None is as long as the answer leaves room.
EFFORTS: Mapping[str, int | None] = {"low": 1_024, "medium": 4_096, "high": None}

#: What DeepSeek recommends for R1: its README, sections 4 and 6, and `generation_config.json`.
TEMPERATURE = 0.6
TOP_P = 0.95
#: The limit DeepSeek evaluated R1 with (its README, section 4): thinking and answer together.
MAX_TOKENS = 32_768

#: Replies to one question, at most, and how many of them are decoded at once: more would bring
#: little, and attention goes over the tokens of them all (docs/benchmarks.md).
MOST_VOTES, MOST_AT_ONCE = 1_000, 16


def _reply(
    name: str, kind: Kind, help_: str, field: str, default: Any = None, **more: Any
) -> Option:
    """An option of how a model replies."""
    places: dict[str, Any] = {"group": "reply", "commands": ("run", "chat"), "per_model": True}
    return Option(name, kind, help_, default, field=field, **places, **more)


def _loading(name: str, kind: Kind, help_: str, default: Any = None, **more: Any) -> Option:
    """An option of how a model is loaded; its field of `LoadOptions` is called as its key."""
    places: dict[str, Any] = {"group": "loading", "commands": ("run", "chat"), "per_model": True}
    return Option(name, kind, help_, default, **places, **more)


#: All options, in the order in which help and documents have them.
OPTIONS: tuple[Option, ...] = (
    Option("no-save", Switch(), "Keep nothing of it, anywhere.", False, commands=("chat",)),
    Option(
        "inline",
        Switch(),
        "Use the scrollback, not a screen of its own.",
        False,
        commands=("chat",),
    ),
    Option("vi", Switch(), "Edit as vi does, not as Emacs.", False, commands=("chat",)),
    Option(
        "model",
        Text(),
        "A name such as 7b:q5_k_m, hf:org/repo, or a GGUF file.",
        otherwise="the best one here",
        commands=("run", "chat"),
        short="-m",
    ),
    Option(
        "system",
        Text(),
        "A system prompt. DeepSeek recommends none for R1.",
        commands=("run", "chat"),
        per_model=True,
    ),
    Option(
        "thinking",
        Choice.of(*get_args(ThinkingMode)),
        "Show the thinking, fold it to a line, hide it, or print only it.",
        "show",
        commands=("run",),
    ),
    Option(
        "format",
        Choice.of(*get_args(OutputFormat)),
        "Text, one JSON object, or one JSON event a line.",
        "text",
        commands=("run",),
        preference=False,
    ),
    Option(
        "answer-only",
        Switch(),
        "Print just the final answer, the last \\boxed{…}.",
        False,
        commands=("run",),
        preference=False,
    ),
    Option(
        "no-stdin",
        Switch(),
        "Don't read stdin, as in a loop that reads from it itself.",
        False,
        commands=("run",),
    ),
    Option(
        "votes",
        Whole(1, MOST_VOTES),
        f"Let so many replies vote on the answer, {MOST_VOTES:,} at most.",
        group="vote",
        commands=("run",),
        preference=False,
    ),
    Option(
        "confidence",
        Number(0.5, 1, exclusive=(0.5, 1), nothing="none"),
        "End a vote when the leader is this likely to stay ahead, as 0.95.",
        otherwise="when it can't be caught",
        group="vote",
        commands=("run",),
        per_model=True,
    ),
    Option(
        "answer-pattern",
        Pattern(),
        "Finds the answer in a vote's reply without a \\boxed{…}.",
        otherwise="its last line",
        group="vote",
        commands=("run",),
        per_model=True,
    ),
    _reply(
        "effort",
        Choice(EFFORTS),
        "A budget of 1,024 tokens, 4,096, or none.",
        "thinking.budget",
        twin="think-budget",
        in_catalog=True,
    ),
    _reply(
        "think-budget",
        Whole(1, nothing="none"),
        "Close the thought after this many tokens, at the end of a sentence.",
        "thinking.budget",
        otherwise="what the answer leaves",
        twin="effort",
        in_catalog=True,
    ),
    _reply(
        "min-think",
        Whole(),
        "Put off the end of a thought before this many tokens.",
        "thinking.least",
        0,
    ),
    _reply(
        "max-waits",
        Whole(0, 100),
        "Put it off this many times at most.",
        "thinking.most_waits",
        6,  # the s1 paper does it up to six times
    ),
    _reply("no-think", Switch(), "Answer without thinking.", "thinking.off", False),
    _reply(
        "temperature",
        Number(0),
        "Randomness; 0 always takes the likeliest token.",
        "sampler.temperature",
        TEMPERATURE,
        in_catalog=True,
    ),
    _reply(
        "top-p",
        Number(0, 1, exclusive=(0,)),
        "Draw from the likeliest tokens of this probability.",
        "sampler.top_p",
        TOP_P,
        in_catalog=True,
    ),
    _reply("top-k", Whole(), "Draw from this many likeliest tokens; 0 = all.", "sampler.top_k", 0),
    _reply(
        "min-p",
        Number(0, 1),
        "Leave out tokens below this share of the likeliest's.",
        "sampler.min_p",
        0,
    ),
    _reply(
        "seed",
        Whole(0, 2**32 - 2, nothing="random"),
        "Make the reply repeatable.",
        "sampler.seed",  # the highest of 32 bits is llama.cpp's own "draw one"
    ),
    _reply(
        "max-tokens",
        Whole(1),
        "End the reply after this many tokens.",
        "max_tokens",
        MAX_TOKENS,
        otherwise=f"the model's, or {MAX_TOKENS:,}",
        in_catalog=True,
    ),
    _reply(
        "answer-reserve",
        Whole(1, nothing="auto"),
        "Tokens that only the answer may use.",
        "thinking.answer_reserve",
        otherwise="a quarter of the context, 512 at least",
    ),
    _reply(
        "loop-repeats",
        Whole(2, 100, or_zero=True),
        "What is written this often is a loop, and left; 0 = never.",
        "loops.least_repeats",
        3,
    ),
    _reply(
        "loop-tokens",
        Whole(16, 10_000),
        "Tokens of a loop, all its rounds together.",
        "loops.least_tokens",
        120,
    ),
    _reply(
        "loop-period",
        Whole(1, 4_096),
        "The longest round of a loop, in tokens.",
        "loops.longest_period",
        512,
    ),
    _reply(
        "loop-patience",
        Whole(256, 1_000_000, or_zero=True),
        "Tokens without anything new that are a loop, too; 0 = never.",
        "loops.patience",
        4_096,
    ),
    # The upper bounds of loading are beyond any use, and below what the system's threads allow.
    _loading(
        "context",
        Whole(256, 2**27, nothing="auto"),
        "Tokens of context to make room for.",
        otherwise="the model's, 32,768 at most, or what memory holds",
    ),
    _loading(
        "gpu-layers",
        Whole(-1, 10_000, nothing="auto"),
        "Layers to offload to the GPU; -1 = all.",
    ),
    _loading(
        "threads",
        Whole(1, 512, nothing="auto"),
        "CPU threads.",
        otherwise="the physical cores; fewer for a tiny model",
    ),
    _loading("kv-cache", Choice.of(*get_args(KVType)), "Element type of the KV cache.", "f16"),
    _loading(
        "chat-template",
        File(),
        "Use this Jinja template, not the model file's.",
    ),
    _loading(
        "template-arg",
        Assignments(),
        "Give the chat template's variable a value; may be repeated.",
        preference=False,
        field="template_arguments",
    ),
    Option(
        "verbose",
        Switch(),
        "Show llama.cpp's own log on stderr.",
        False,
        commands=("run", "chat"),
    ),
    Option(
        "connections",
        Whole(1, 16),
        "Connections to download a file over, 16 at most.",
        4,
        commands=("pull",),
    ),
    Option(
        "session-kv-mib",
        Whole(),
        "MiB that the KV caches kept with sessions may take together; 0 keeps none.",
        1024,
    ),
)


def options_of(command: str) -> tuple[Option, ...]:
    """The options that a command's line has."""
    return tuple(option for option in OPTIONS if command in option.commands)


def preferences() -> tuple[Option, ...]:
    """The options that `config.toml` and the environment can set."""
    return tuple(option for option in OPTIONS if option.preference)


def in_group(group: Group) -> tuple[Option, ...]:
    """The options about one thing."""
    return tuple(option for option in OPTIONS if option.group == group)


def settable() -> Mapping[str, Option]:
    """The options that can be set in a chat, by name."""
    return {option.name: option for option in in_group("reply")}


def in_catalog() -> tuple[Option, ...]:
    """The options that a model's entry in `models.toml` can set."""
    return tuple(option for option in OPTIONS if option.in_catalog)


def option_named(name: str) -> Option:
    """The option of a name.

    Raises:
        KeyError: there is none.
    """
    return {option.name: option for option in OPTIONS}[name]


def preference_named(key: str) -> Option:
    """The preference of a name or key, as a user wrote it.

    Raises:
        InvalidSetting: there is none; the hint has the nearest.
    """
    known = {option.key: option for option in preferences()}
    if (option := known.get(key.replace("-", "_").lower())) is None:
        raise InvalidSetting(f"there is no setting {key!r}", nearest(key, known))
    return option


def check(name: str, value: object) -> None:
    """Refuse a value of an option that is out of range.

    Raises:
        InvalidSetting: it is.
    """
    option_named(name).kind.check(name, value)


def default_of(name: str) -> Any:
    """The value of an option that is set nowhere; None where the program decides."""
    return option_named(name).default
