"""What the user can choose between, in the words of the command line, and DeepSeek's choices."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

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
Effort: TypeAlias = Literal["low", "medium", "high"]

#: What DeepSeek recommends for R1: its README, sections 4 and 6, and `generation_config.json`.
TEMPERATURE = 0.6
TOP_P = 0.95
#: The limit DeepSeek evaluated R1 with (its README, section 4): thinking and answer together.
MAX_TOKENS = 32_768

#: The settings of a reply, by the names of the command line, and what each is.
REPLY_SETTINGS: Mapping[str, str] = {
    "temperature": "randomness, 0 or more; 0 always takes the likeliest token",
    "top-p": "draw from the likeliest tokens of this probability, above 0 and at most 1",
    "top-k": "draw from this many likeliest tokens; 0 is all",
    "min-p": "leave out tokens below this share of the likeliest's, from 0 to 1",
    "seed": "makes replies repeatable: a whole number, or random",
    "max-tokens": "end the reply after this many tokens, 1 or more",
    "effort": "low (1,024 tokens of thought), medium (4,096) or high (no budget)",
    "think-budget": "close the thought after this many tokens, 1 or more, or none",
    "min-think": "put off the end of a thought before this many tokens; 0 is off",
    "max-waits": "put it off this many times at most, from 0 to 100",
    "no-think": "answer without thinking: true or false",
    "answer-reserve": "tokens that only the answer may use, 1 or more, or auto",
    "loop-repeats": "what is written this often is a loop, from 2 to 100; 0 is off",
    "loop-tokens": "tokens of a loop, all rounds together, from 16 to 10,000",
    "loop-period": "the longest round of a loop in tokens, from 1 to 4,096",
    "loop-patience": "tokens without anything new that are a loop, from 256; 0 is off",
}

#: Replies to one question, at most, and how many of them are decoded at once: more would bring
#: little, and attention goes over the tokens of them all (docs/benchmarks.md).
MOST_VOTES, MOST_AT_ONCE = 1_000, 16

#: Connections that a file is downloaded over, unless told otherwise, and at most.
CONNECTIONS, MOST_CONNECTIONS = 4, 16
