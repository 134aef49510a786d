"""The options of how a model replies: thinking, sampling, the ends of replies, loops."""

from collections.abc import Mapping
from typing import Any

from r1local.config.kinds import Choice, Kind, Switch
from r1local.config.number_kinds import Number, Whole
from r1local.config.option import Option

#: How hard to think, in tokens of thought; None means as long as the answer has room.
EFFORTS: Mapping[str, int | None] = {"low": 1_024, "medium": 4_096, "high": None}

#: DeepSeek's recommendation for R1: its README, sections 4 and 6, and `generation_config.json`.
TEMPERATURE = 0.6
TOP_P = 0.95
#: The limit with which DeepSeek evaluated R1 (its README, section 4), including thinking.
MAX_TOKENS = 32_768


def _reply(
    name: str, kind: Kind, help_: str, field: str, default: Any = None, **more: Any
) -> Option:
    """Return an option of how a model replies."""
    commands = ("run", "chat", "serve")
    places: dict[str, Any] = {"group": "reply", "commands": commands, "per_model": True}
    return Option(name, kind, help_, default, field=field, **places, **more)


#: Part of `options.OPTIONS`, in the order of the help.
REPLYING: tuple[Option, ...] = (
    _reply(
        "effort",
        Choice(EFFORTS),
        "Think for at most 1,024 tokens, 4,096, or without a budget.",
        "thinking.budget",
        twin="think-budget",
        in_catalog=True,
    ),
    _reply(
        "think-budget",
        Whole(1, nothing="none"),
        "End the thought after this many tokens, where a sentence ends.",
        "thinking.budget",
        otherwise="all but the answer's reserve",
        twin="effort",
        in_catalog=True,
    ),
    _reply(
        "min-think",
        Whole(),
        "Make a thought that ends before this many tokens go on.",
        "thinking.least",
        0,
    ),
    _reply(
        "max-waits",
        Whole(0, 100),
        "Make one thought go on at most this many times.",
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
        "Draw from the likeliest tokens with this total probability.",
        "sampler.top_p",
        TOP_P,
        in_catalog=True,
    ),
    _reply("top-k", Whole(), "Draw from this many likeliest tokens; 0: all.", "sampler.top_k", 0),
    _reply(
        "min-p",
        Number(0, 1),
        "Leave out tokens below this fraction of the top probability.",
        "sampler.min_p",
        0,
    ),
    _reply(
        "seed",
        Whole(0, 2**32 - 2, nothing="random"),
        "Make the reply reproducible.",
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
        "Tokens reserved for the answer.",
        "thinking.answer_reserve",
        otherwise="a quarter of the context, at least 512",
    ),
    _reply(
        "loop-repeats",
        Whole(2, 100, or_zero=True),
        "Break a loop after this many repetitions; 0: never.",
        "loops.least_repeats",
        3,
    ),
    _reply(
        "loop-tokens",
        Whole(16, 10_000),
        "Tokens that all repetitions of a loop must have in total.",
        "loops.least_tokens",
        120,
    ),
    _reply(
        "loop-period",
        Whole(1, 4_096),
        "Longest repeated text that counts as a loop, in tokens.",
        "loops.longest_period",
        512,
    ),
    _reply(
        "loop-patience",
        Whole(256, 1_000_000, or_zero=True),
        "Break off after this many tokens without anything new; 0: never.",
        "loops.patience",
        4_096,
    ),
)
