"""The code block that `run -x` prints."""

from dataclasses import replace

import pytest

from r1local.conversation import Reply
from r1local.ui.replies.code import CodeWanted

ANSWER = "```py\n1\n```\n\n```bash\n2\n```\n\n```\n3\n```"


def reply(answer: str) -> Reply:
    return Reply("", answer, "stop", False, "m")


@pytest.mark.parametrize(
    ("language", "code"),
    [
        (None, "3\n"),
        ("py", "1\n"),
        ("Python", "1\n"),
        ("sh", "2\n"),
        ("bash", "2\n"),
        ("rust", None),
        ("no such", None),
    ],
)
def test_the_last_one_in_a_language(language: str | None, code: str | None) -> None:
    assert CodeWanted(language).find(reply(ANSWER)) == code


def test_why_there_is_none() -> None:
    assert CodeWanted().why_none(reply("hi")) == "the answer has no code block"
    told = CodeWanted("rust").why_none(reply(ANSWER))
    assert told == "the answer has no code block in rust, but in bash, py"


@pytest.mark.parametrize("reason", ["length", "cancelled", "loop"])
def test_half_a_block_is_none(reason: str) -> None:
    whole = replace(reply("```py\n1\n```"), reason=reason)  # type: ignore[arg-type]
    assert CodeWanted().find(whole) == "1\n"
    cut = replace(whole, answer="```py\n1\n```\n```py\nfor x")
    assert CodeWanted().find(cut) is None
    assert CodeWanted().why_none(cut) == "the code block was cut before it was whole"
    assert CodeWanted().find(reply("```py\nfor x")) == "for x"
