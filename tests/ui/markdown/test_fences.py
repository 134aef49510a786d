"""Code blocks as CommonMark has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.ui.markdown.fences import code_blocks


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("no code", []),
        ("```\na\n```", [("a\n", "")]),
        ("~~~ Python title=x\na\n~~~\n", [("a\n", "python")]),
        ("````md\n```py\na\n```\n````", [("```py\na\n```\n", "md")]),
        ("```sh\n~~~\n```", [("~~~\n", "sh")]),
        ("1. do\n   ```sh\n   ls\n   ```\n", [("ls\n", "sh")]),
        ("> ```sh\n> ls\n> ```\nafter", [("ls\n", "sh")]),
        ("   ```sh\n   ls\n   ```", [("ls\n", "sh")]),
        ("```a\n1\n```\n\n```b\n2\n```", [("1\n", "a"), ("2\n", "b")]),
        ("text\n\n    indented\n", [("indented\n", "")]),
        ("    indented\n\n```c\nfenced\n```", [("fenced\n", "c")]),
        ("`` ```inline``` ``", []),
        ("```\r\na\r\n```\r\n", [("a\n", "")]),
        ("```\n```", [("", "")]),
        ("a\n```\nb", [("b", "")]),
    ],
)
def test_what_is_a_block(text: str, found: list[tuple[str, str]]) -> None:
    assert [(block.code, block.language) for block in code_blocks(text)] == found


@pytest.mark.parametrize(
    ("text", "ended"),
    [
        ("```py\na\n```", True),
        ("```py\na\n`````  ", True),
        ("> ```\n> a\n> ```", True),
        ("```py\na\n", False),
        ("````py\na\n```", False),
        ("```py\na\n~~~", False),
        ("```py", False),
        ("~~~\na\x0bb\u2028c\n~~~\nafter", True),
    ],
)
def test_what_has_ended(text: str, ended: bool) -> None:
    (block,) = code_blocks(text)
    assert block.ended is ended


@given(st.text(), st.sampled_from(["```", "~~~~"]))
def test_any_text_comes_out_of_a_fence_as_it_went_in(text: str, fence: str) -> None:
    code = text.translate({ord(each): None for each in "`~\r\0"})
    (block,) = code_blocks(f"{fence}x\n{code}\n{fence}")
    assert block.code == f"{code}\n"
    assert block.ended
