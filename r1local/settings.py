"""What the user can choose between, in the words of the command line, and DeepSeek's choices."""

from typing import Literal, TypeAlias

#: What a reply shows of its thinking; `only` leaves the answer out.
ThinkingMode: TypeAlias = Literal["show", "fold", "hide", "only"]

#: How a reply is written: text, one JSON object, or one JSON object an event.
OutputFormat: TypeAlias = Literal["text", "json", "jsonl"]

#: How the commands about models print: text for people, JSON for programs.
ModelFormat: TypeAlias = Literal["text", "json"]

#: Element type of the KV cache: smaller ones hold more context and cost some quality.
KVType: TypeAlias = Literal["f16", "q8_0", "q4_0"]

#: What DeepSeek recommends for R1: its README, sections 4 and 6, and `generation_config.json`.
TEMPERATURE = 0.6
TOP_P = 0.95
#: The limit DeepSeek evaluated R1 with (its README, section 4): thinking and answer together.
MAX_TOKENS = 32_768

#: Connections that a file is downloaded over, unless told otherwise, and at most.
CONNECTIONS, MOST_CONNECTIONS = 4, 16
