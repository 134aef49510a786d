"""Slash commands as text: what is one, and the words of a chat."""

import pytest

from r1local.chat.slash import in_chat, split_command

HINTS = {
    "see which there are: r1local sessions": "see which there are: /sessions",
    "open it: r1local chat --resume 'my talk'": "open it: /resume 'my talk'",
    "give a shorter prompt, or a larger --context": "give a shorter prompt, or a larger /context",
    "give a larger --max-tokens": "give a larger /set max-tokens",
    "leave --system out": "leave /system out",
    "see: r1local list": "see: /model",
    "get it with: r1local pull 7b": "get it with: r1local pull 7b",
    "read it: r1local sessions show x": "read it: r1local sessions show x",
    "give another with --chat-template FILE": "give another with --chat-template FILE",
}


@pytest.mark.parametrize("hint", HINTS)
def test_hints_are_in_the_words_of_a_chat(hint: str) -> None:
    assert in_chat(hint) == HINTS[hint]


def test_a_path_begins_a_question() -> None:
    assert split_command("/usr/lib is full, what now?") is None
    assert split_command("/Vote 8 What is 2 + 2?") == ("vote", "8 What is 2 + 2?")
