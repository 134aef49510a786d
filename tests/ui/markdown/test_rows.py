"""Text within a block: its marks are drawn, and what is no mark comes through to the letter."""

import time

import pytest

from r1local.ui.markdown.blocks import MAX_CHARACTERS
from r1local.ui.markdown.rows import styled_text
from r1local.ui.markdown.wrapping import wrap


@pytest.mark.parametrize(
    "text",
    [
        r"\frac{1}{2}, \{1, 2\}, a \\ b, \, \; \! \% \(\frac{*a*}\)",
        "a_1 * b_2 * c_3 = snake_case_name",
        "2*3*4 = 24, 2**10 = 1024, (a+b)*(c+d)*e",
        "$5 and $10, $5-$7, US$5 or AU$ 6, $3.50 per kg (or 4$), $5 (about 4 €) to $ 7",
        "<div class='x'>html</div> <br> <!-- comment --> <kbd>",
        "`&amp; &nbsp;` AT&T; &c; a&b",
        "[name]: https://example.com 'title'",
        "[no][reference] [ ] task [x] done",
        "unclosed **bold and `code",
        "backslash at the end \\",
    ],
)
def test_text_comes_through_to_the_letter(text: str) -> None:
    assert styled_text(text).plain == text.replace("`&", "&").replace("` A", " A")


def test_entities_are_decoded_in_prose() -> None:
    text = "a&nbsp;&lt; b &amp;&amp; `&lt;` &#x202e;&#x1b;"
    assert styled_text(text).plain == "a\xa0< b && &lt; <U+202E>\ufffd"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("**b** *i* ***both*** ~~gone~~ `c * d` \\*not\\*", "b i both gone c * d *not*"),
        ("**粗体**文字", "粗体文字"),
        (
            "**解：**首先，**「重要」**な点は**\\(x\\)**。** 3 ** 个",
            "解：首先，「重要」な点はx。** 3 ** 个",
        ),
        ("[text](https://例.jp/a_b)", "text (https://例.jp/a_b)"),
        ('[text](/path "a title")', 'text (/path "a title")'),
        ("[https://a.example](https://a.example)", "https://a.example"),
        ("<https://a.example>", "https://a.example"),
        ("![alt](pic.png)", "!alt (pic.png)"),
        ("[t](a&#27;[2Jb&#x202e;c)", "t (a&#27;[2Jb<U+202E>c)"),
        ("one\ntwo  \nthree", "one\ntwo\nthree"),
    ],
)
def test_inline_markdown(text: str, shown: str) -> None:
    assert styled_text(text).plain == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (r"a \(a*b*c\), $a*b*c$ and $x_1 * y_1$", "a a * b * c, a * b * c and x₁ * y₁"),
        (r"设$x$为$\frac{1}{2}$", "设x为1/2"),
        (r"It costs \$18, $\$18$ or $\boxed{\$18}$", "It costs $18, $18 or ▐$18▌"),
        (r"**\boxed{85}** or \boxed{\frac{\sqrt{x_{n+1}}}{2}}", "▐85▌ or ▐√xₙ₊₁/2▌"),
        (r"so \[x = 2\]. Then", "so\n  x = 2.\nThen"),
        ("so\n$$\nx = 2\n$$\nThen", "so\n  x = 2\nThen"),
        (r"**\[ \boxed{4} \]**", "  ┌───┐\n  │ 4 │\n  └───┘"),
        (r"\begin{align} a &= *b* \\ &= d \end{align}", "  a = * b *\n    = d"),
        (r"\[ a + b = \boxed{c + d + e + f} \]", "  a + b = ▐c +\n  d + e + f▌"),
    ],
)
def test_formulas(text: str, shown: str) -> None:
    assert "\n".join(row.plain for row in wrap(styled_text(text, 14), 80)) == shown


def test_a_box_stands_out_without_colours_too() -> None:
    text = styled_text(r"**so \(\boxed{4}\)**")
    (box,) = (span for span in text.spans if "reverse" in str(span.style))
    assert (text.plain[box.start : box.end], text.plain) == ("4", "so ▐4▌")


@pytest.mark.parametrize(
    "piece", ["[", "*", "`", "![", "<", r"\(", "$a", r"\boxed{", "**a ", r"\["]
)
def test_hostile_text_is_drawn_in_bounded_time(piece: str) -> None:
    began = time.process_time()
    styled_text((piece * MAX_CHARACTERS)[:MAX_CHARACTERS])
    assert time.process_time() - began < 5
