"""How a reply is made, and changing that by the names of options (see `config.options`)."""

from dataclasses import dataclass, field, replace

from r1local.config.option import Option
from r1local.config.options import check, default_of, settable
from r1local.config.preferences import Settings
from r1local.engine.sampler import SamplerSettings
from r1local.errors import InvalidSetting, nearest
from r1local.language import _
from r1local.thinking.loops import LoopSettings

#: The minimum room kept for an answer by default.
_LEAST_RESERVE = 512


@dataclass(frozen=True, slots=True)
class ThinkingSettings:
    """How long to think; all numbers except `most_waits` are tokens.

    Args:
        off: answer without thinking.
        budget: the most that a thought may have; None means as long as the answer has room.
        least: a thought that ends earlier is continued.
        most_waits: how many times a thought may be continued.
        answer_reserve: room that only the answer may use; None means a quarter of the
            context window, and at least 512.

    Raises:
        InvalidSetting: a value is out of its range.
    """

    off: bool = default_of("no-think")
    budget: int | None = default_of("think-budget")
    least: int = default_of("min-think")
    most_waits: int = default_of("max-waits")
    answer_reserve: int | None = default_of("answer-reserve")

    def __post_init__(self) -> None:
        check("think-budget", self.budget)
        check("min-think", self.least)
        check("max-waits", self.most_waits)
        check("answer-reserve", self.answer_reserve)

    @property
    def limited(self) -> bool:
        """Whether a length of the thought was asked for."""
        return self.budget is not None or self.least > 0

    def reserve(self, context_window: int) -> int:
        """Return the tokens of a context window that only the answer may use."""
        if self.answer_reserve is not None:
            return self.answer_reserve
        return max(_LEAST_RESERVE, context_window // 4)


@dataclass(frozen=True, slots=True)
class ReplySettings:
    """How to reply.

    Args:
        sampler: how the next token is drawn.
        max_tokens: the most that thinking and answer may have together.
        only_thinking: end the reply where the answer would begin.
        thinking: how long to think.
        loops: what counts as a loop.
        grammar: GBNF that the answer has to follow, starting from its rule `root`.
        schema: the JSON schema by which the finished answer is validated.
    """

    sampler: SamplerSettings = field(default_factory=SamplerSettings)
    max_tokens: int = default_of("max-tokens")
    only_thinking: bool = False
    thinking: ThinkingSettings = field(default_factory=ThinkingSettings)
    loops: LoopSettings = field(default_factory=LoopSettings)
    grammar: str | None = None
    schema: str | None = None

    def __post_init__(self) -> None:
        check("max-tokens", self.max_tokens)


def reply_settings(settings: Settings) -> ReplySettings:
    """Return the settings of replies that are in force."""
    reply = ReplySettings()
    for name, option in settable().items():
        if name in settings:
            reply = _with(reply, option, settings[name].value)
    return reply


def changed(reply: ReplySettings, name: str, text: str) -> ReplySettings:
    """Return the settings with one of them changed to a value that a user wrote.

    Raises:
        InvalidSetting: there is no such setting, or the value is meaningless or out of range.
    """
    option = _settable(name)
    return _with(reply, option, option.parse(text.strip()))


def shown(reply: ReplySettings, name: str) -> str:
    """Return a setting's value in the form that `changed` takes; empty if it has none.

    Raises:
        InvalidSetting: there is no such setting.
    """
    option = _settable(name)
    return option.show(_value(reply, option))


def by_default(reply: ReplySettings, name: str) -> ReplySettings:
    """Return the settings with one of them as if it had never been set."""
    option = _settable(name)
    return _with(reply, option, option.default)


def is_by_default(reply: ReplySettings, name: str) -> bool:
    """Return whether a setting is as if it had never been set."""
    option = _settable(name)
    return bool(_value(reply, option) == option.default)


def _value(reply: ReplySettings, option: Option) -> object:
    value: object = reply
    for part in option.field.split("."):
        value = getattr(value, part)
    return value


def _with(reply: ReplySettings, option: Option, value: object) -> ReplySettings:
    group, _, name = option.field.rpartition(".")
    if not group:
        return replace(reply, **{name: value})  # type: ignore[arg-type]
    return replace(reply, **{group: replace(getattr(reply, group), **{name: value})})


def _settable(name: str) -> Option:
    options = settable()
    if (option := options.get(name)) is None:
        raise InvalidSetting(_("there is no setting {name!r}", name=name), nearest(name, options))
    return option
