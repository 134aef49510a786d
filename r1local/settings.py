"""What the user can choose between, in the words of the command line."""

from typing import Literal, TypeAlias

#: What a reply shows of its thinking; `only` leaves the answer out.
ThinkingMode: TypeAlias = Literal["show", "fold", "hide", "only"]

#: How a reply is written: text, one JSON object, or one JSON object an event.
OutputFormat: TypeAlias = Literal["text", "json", "jsonl"]

#: Element type of the KV cache: smaller ones hold more context and cost some quality.
KVType: TypeAlias = Literal["f16", "q8_0", "q4_0"]
