import time

import pytest

from r1local.answers.boxed import final_answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        pytest.param(r"so \(\boxed{85}\).", "85", id="plain"),
        pytest.param(r"\boxed{\frac{1}{2}}", r"\frac{1}{2}", id="nested braces"),
        pytest.param(r"\boxed{1} or \boxed{2}", "2", id="the last of two"),
        pytest.param(r"\boxed {x}", "x", id="space before the brace"),
        pytest.param("\\boxed{\n  x + 1\n}", "x + 1", id="over several lines"),
        pytest.param(r"\fbox{y}", "y", id="fbox"),
        pytest.param(r"\boxed{\text{yes}}", r"\text{yes}", id="text is left as it is"),
        pytest.param(r"\boxed{\{1, 2\}}", r"\{1, 2\}", id="escaped braces"),
        pytest.param(r"\boxed{\{}", r"\{", id="one escaped brace"),
        pytest.param(r"\boxed{a \\}", r"a \\", id="a line break before the brace"),
        pytest.param(r"\boxed{1} and \boxed{2", "1", id="the last is cut off"),
        pytest.param(r"\boxed{1} and \boxed{\frac{1}{2}", "1", id="cut off after a group"),
        pytest.param(r"\boxed{2 and then \boxed{3}", "3", id="an earlier one never closes"),
        pytest.param(r"\boxed{7} for {x} } done", "7", id="a stray brace after"),
        pytest.param(r"} \boxed{7}", "7", id="a stray brace before"),
        pytest.param(r"\boxed{7}. Put it into \boxed{}.", "7", id="an empty box is no answer"),
        pytest.param(r"\boxed{7} \boxed{ }", "7", id="nor is a blank one"),
        pytest.param(r"\boxed{a \boxed{b}}", "b", id="the innermost"),
        pytest.param(r"x\\boxed{5}", "5", id="doubled backslash"),
        pytest.param(r"\\\boxed{5}", "5", id="after a line break"),
        pytest.param(r"\boxed{答え}", "答え", id="Japanese"),
        pytest.param("no box", None, id="none"),
        pytest.param("", None, id="empty text"),
        pytest.param(r"\boxed{5", None, id="only an unfinished one"),
        pytest.param(r"\boxed 5", None, id="no braces"),
        pytest.param(r"\boxedx{5}", None, id="another command"),
    ],
)
def test_final_answer(text: str, answer: str | None) -> None:
    assert final_answer(text) == answer


@pytest.mark.parametrize(
    "piece", [r"\boxed{", "\\", "{", "}", r"\boxed{}", r"\boxed ", r"\boxed{{}"]
)
def test_hostile_text_costs_linear_time(piece: str) -> None:
    began = time.process_time()
    final_answer(piece * (100_000 // len(piece)))
    assert time.process_time() - began < 5
