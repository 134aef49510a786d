"""How a reply is made: what the user wants, merged, and changed by name.

A setting comes from the first of these that has it: a flag, an environment variable
`R1LOCAL_NAME`, `config.toml`, the catalog's entry of the model, what is built in.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from r1local.config.options import EFFORTS, MAX_TOKENS, REPLY_SETTINGS
from r1local.config.preferences import preferred
from r1local.engine.sampler import SamplerSettings
from r1local.errors import InvalidSetting, require
from r1local.models.catalog import CatalogModel
from r1local.thinking.loops import LoopSettings

#: Names of the settings of a reply, and what each is.
SETTABLE: Mapping[str, str] = REPLY_SETTINGS

#: The least room kept for an answer, unless told otherwise.
_LEAST_RESERVE = 512
#: Above any context there is.
_MOST_TOKENS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class ThinkingSettings:
    """How long to think; all numbers but `most_waits` are tokens.

    Args:
        wanted: whether to think at all.
        budget: of the thought; None means as long as the answer leaves room.
        least: an earlier end of the thought is put off.
        most_waits: how often it is put off, at most. The s1 paper does it up to six times.
        answer_reserve: room that only the answer may use; None means a quarter of the
            context window, and at least 512.

    Raises:
        InvalidSetting: a value out of its range.
    """

    wanted: bool = True
    budget: int | None = None
    least: int = 0
    most_waits: int = 6
    answer_reserve: int | None = None

    def __post_init__(self) -> None:
        budget, reserve = self.budget, self.answer_reserve
        require(
            budget is None or 1 <= budget <= _MOST_TOKENS, f"think-budget {budget}", "1 or more"
        )
        require(0 <= self.least <= _MOST_TOKENS, f"min-think {self.least}", "0 (off) or more")
        require(0 <= self.most_waits <= 100, f"max-waits {self.most_waits}", "from 0 to 100")
        require(
            reserve is None or 1 <= reserve <= _MOST_TOKENS,
            f"answer-reserve {reserve}",
            "1 or more",
        )

    @property
    def limited(self) -> bool:
        """A length of the thought was asked for."""
        return self.budget is not None or self.least > 0

    def reserve(self, context_window: int) -> int:
        """Tokens of a context window that only the answer may use."""
        if self.answer_reserve is not None:
            return self.answer_reserve
        return max(_LEAST_RESERVE, context_window // 4)


@dataclass(frozen=True, slots=True)
class ReplySettings:
    """How to reply.

    Args:
        sampler: how the next token is drawn.
        max_tokens: bounds thinking and answer together.
        only_thinking: the reply ends where the answer would begin.
        thinking: how long to think.
        loops: what counts as a loop.
        grammar: GBNF that the answer has to follow, from its rule `root`.
        schema: the JSON schema that the answer is validated by at its end.
    """

    sampler: SamplerSettings = field(default_factory=SamplerSettings)
    max_tokens: int = MAX_TOKENS
    only_thinking: bool = False
    thinking: ThinkingSettings = field(default_factory=ThinkingSettings)
    loops: LoopSettings = field(default_factory=LoopSettings)
    grammar: str | None = None
    schema: str | None = None

    def __post_init__(self) -> None:
        holds = 1 <= self.max_tokens <= _MOST_TOKENS
        require(holds, f"max-tokens {self.max_tokens}", "1 or more")


def merged(
    flags: Mapping[str, str | float | bool | None], known: CatalogModel | None = None
) -> ReplySettings:
    """What the user wants of replies of a model.

    Args:
        flags: values by the names of `SETTABLE`; None means not given.
        known: the catalog's entry of the model, if it has one.

    Raises:
        InvalidSetting: a value means nothing or is out of its range; the sentence says where
            it was set, unless it was a flag.
    """
    settings = ReplySettings()
    for name, value, place in (*_of_model(known), *preferred()):
        try:
            settings = changed(settings, name, value)
        except InvalidSetting as error:
            raise InvalidSetting(f"{place}: {error.message}", error.hint) from error
    given = {name: value for name, value in flags.items() if value is not None}
    # A budget in numbers says more than an effort.
    for name in sorted(given, key="think-budget".__eq__):
        settings = changed(settings, name, _as_text(given[name]))
    return settings


def changed(settings: ReplySettings, name: str, value: str) -> ReplySettings:
    """The settings with one of them changed, as a user writes it.

    Raises:
        InvalidSetting: there is no such setting, or the value means nothing or is out of range.
    """
    setting = _setting(name)
    change: dict[str, Any] = {setting.field: setting.parse(name, value.strip())}
    if setting.group:
        change = {setting.group: replace(getattr(settings, setting.group), **change)}
    return replace(settings, **change)


def value_of(settings: ReplySettings, name: str) -> str:
    """A setting's value, as `changed` takes it; empty where it is decided for each reply.

    Raises:
        InvalidSetting: there is no such setting.
    """
    setting = _setting(name)
    group = getattr(settings, setting.group) if setting.group else settings
    return setting.show(getattr(group, setting.field))


def _of_model(known: CatalogModel | None) -> Iterable[tuple[str, str, str]]:
    """What the catalog has of a model that is a setting: name, value and place."""
    if known is None:
        return
    values = {
        "temperature": known.temperature,
        "top-p": known.top_p,
        "max-tokens": known.max_tokens,
        "effort": known.effort,
        "think-budget": known.think_budget,
    }
    place = f"models.toml, {known.name}"
    yield from ((n, _as_text(v), place) for n, v in values.items() if v is not None)


def _as_text(value: str | float | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class _Setting:
    """Where a setting is kept, how its text is read, and how it is written."""

    group: str | None
    field: str
    parse: Callable[[str, str], object]
    show: Callable[[Any], str] = str


def _setting(name: str) -> _Setting:
    try:
        return _SETTINGS[name]
    except KeyError:
        known = ", ".join(SETTABLE)
        raise InvalidSetting(f"there is no setting {name!r}", f"there are: {known}") from None


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise InvalidSetting(f"{name} {text!r} is not a number", "write it as 0.6") from None


def _whole(name: str, text: str) -> int:
    try:
        return int(text.replace(",", "").replace("_", ""))
    except ValueError:
        raise InvalidSetting(f"{name} {text!r} is not a whole number", "write it as 16") from None


def _whole_or(nothing: str) -> Callable[[str, str], int | None]:
    """A whole number, or a word for none."""
    return lambda name, text: None if text.lower() == nothing else _whole(name, text)


def _effort(name: str, text: str) -> int | None:
    if text.lower() not in EFFORTS:
        raise InvalidSetting(f"{name} {text!r} is unknown", f"it may be: {', '.join(EFFORTS)}")
    return EFFORTS[text.lower()]


def _effort_of(budget: int | None) -> str:
    return next((effort for effort, tokens in EFFORTS.items() if tokens == budget), "")


def _no(name: str, text: str) -> bool:
    """Yes or no to the opposite of what is kept."""
    answers = {"true": False, "on": False, "yes": False, "false": True, "off": True, "no": True}
    try:
        return answers[text.lower()]
    except KeyError:
        raise InvalidSetting(f"{name} {text!r} is neither", "it must be true or false") from None


def _or(nothing: str) -> Callable[[Any], str]:
    return lambda value: nothing if value is None else str(value)


_SETTINGS: Mapping[str, _Setting] = {
    "temperature": _Setting("sampler", "temperature", _number),
    "top-p": _Setting("sampler", "top_p", _number),
    "top-k": _Setting("sampler", "top_k", _whole),
    "min-p": _Setting("sampler", "min_p", _number),
    "seed": _Setting("sampler", "seed", _whole_or("random"), _or("random")),
    "max-tokens": _Setting(None, "max_tokens", _whole),
    "effort": _Setting("thinking", "budget", _effort, _effort_of),
    "think-budget": _Setting("thinking", "budget", _whole_or("none"), _or("none")),
    "min-think": _Setting("thinking", "least", _whole),
    "max-waits": _Setting("thinking", "most_waits", _whole),
    "no-think": _Setting("thinking", "wanted", _no, lambda wanted: str(not wanted).lower()),
    "answer-reserve": _Setting("thinking", "answer_reserve", _whole_or("auto"), _or("auto")),
    "loop-repeats": _Setting("loops", "least_repeats", _whole),
    "loop-tokens": _Setting("loops", "least_tokens", _whole),
    "loop-period": _Setting("loops", "longest_period", _whole),
    "loop-patience": _Setting("loops", "patience", _whole),
}
