"""Messages of a conversation: immutable, and free of thoughts.

DeepSeek's models are trained with the thoughts of earlier turns left out of
the history, so a message holds what was asked or answered, nothing else.
"""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Role = Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class Message:
    """One message: who speaks, and the text as written."""

    role: Role
    content: str


Conversation: TypeAlias = tuple[Message, ...]
