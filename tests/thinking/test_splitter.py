"""The splitter's rules, each by its name."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.thinking.dialects import Dialect
from r1local.thinking.splitter import Start, ThinkSplitter, start_of_reply

RULES: dict[str, tuple[Start, str, str, str]] = {
    # name: where the prompt leaves the reply, the reply, its thinking, its answer
    "prompt_opens_the_thought": ("open", "hm</think>yes", "hm", "yes"),
    "reply_opens_the_thought": ("none", "<think>hm</think>yes", "hm", "yes"),
    "white_space_before_the_opening_tag": ("none", " \n\t<think>hm</think>yes", "hm", "yes"),
    "no_thought_at_all": ("none", "yes", "", "yes"),
    "text_before_a_tag_makes_all_of_it_answer": (
        "none",
        "yes <think>hm</think>",
        "",
        "yes <think>hm</think>",
    ),
    "white_space_before_an_answer_stays": ("none", "\n  yes", "", "\n  yes"),
    "nothing_but_white_space": ("none", " \n", "", " \n"),
    "closing_tag_first_is_answer": ("none", "</think>yes", "", "</think>yes"),
    "immediate_second_opening_tag_is_dropped": ("open", "<think>hm</think>yes", "hm", "yes"),
    "immediate_tag_behind_white_space": ("open", "\n<think>\nhm</think>yes", "hm", "yes"),
    "immediate_second_tag_after_the_replys_own": (
        "none",
        "<think>\n<think>hm</think>yes",
        "hm",
        "yes",
    ),
    "third_opening_tag_is_thought": ("open", "<think><think>hm</think>", "<think>hm", ""),
    "later_opening_tag_is_thought": ("open", "a<think>b</think>c", "a<think>b", "c"),
    "first_closing_tag_closes": ("open", "a</think>b</think>c", "a", "b</think>c"),
    "every_later_tag_is_answer": ("open", "a</think><think>b</think>", "a", "<think>b</think>"),
    "white_space_behind_the_opening_tag": ("none", "<think> \n\thm</think>", "hm", ""),
    "white_space_before_the_closing_tag": ("open", "hm \n\t</think>", "hm", ""),
    "white_space_inside_stays": ("open", "a  \n\n b</think>c", "a  \n\n b", "c"),
    "line_breaks_behind_the_closing_tag": ("open", "hm</think>\r\n\n\nyes", "hm", "yes"),
    "indent_of_the_first_line_stays": ("open", "hm</think>\n\n    code", "hm", "    code"),
    "spaces_behind_the_closing_tag_stay": ("open", "hm</think>  yes", "hm", "  yes"),
    "white_space_inside_the_answer_stays": ("open", "</think>a \n\n b\n", "", "a \n\n b\n"),
    "empty_block": ("none", "<think>\n\n</think>\n\nyes", "", "yes"),
    "empty_thought_of_a_prefilled_tag": ("open", "\n</think>\n\nyes", "", "yes"),
    "half_an_opening_tag_at_the_end": ("none", "<thi", "", "<thi"),
    "half_a_closing_tag_at_the_end": ("open", "hm \n</thi", "hm \n</thi", ""),
    "white_space_at_the_end_of_an_open_thought": ("open", "hm \n", "hm \n", ""),
    "almost_a_tag": ("open", "a </thinks> b</think>", "a </thinks> b", ""),
    "tag_behind_a_bracket": ("open", "a <</think>b", "a <", "b"),
    "no_closing_tag_is_all_thinking": ("open", "hm hm", "hm hm", ""),
    "closed_thought_starts_outside": ("closed", "yes", "", "yes"),
    "closed_thought_and_a_stray_closing_tag": ("closed", "\n</think>\n\nyes", "", "yes"),
    "only_one_stray_closing_tag": ("closed", "</think></think>yes", "", "</think>yes"),
    "closed_thought_and_a_thought_of_its_own": ("closed", "<think>hm</think>yes", "hm", "yes"),
    "stray_closing_tag_behind_text_is_answer": ("closed", "a</think>", "", "a</think>"),
    "half_a_stray_tag_at_the_end": ("closed", "\n</th", "", "\n</th"),
    "nothing": ("open", "", "", ""),
}


def split(start: Start, pieces: list[str]) -> tuple[str, str]:
    splitter = ThinkSplitter(start)
    deltas = [delta for piece in pieces for delta in splitter.feed(piece)] + splitter.flush()
    assert all(text for _part, text in deltas)
    parts = [part for part, _text in deltas]
    assert parts == sorted(parts, reverse=True), "thinking never follows answer"
    thinking = "".join(text for part, text in deltas if part == "thinking")
    answer = "".join(text for part, text in deltas if part == "answer")
    return thinking, answer


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule: str) -> None:
    start, reply, thinking, answer = RULES[rule]
    assert split(start, [reply]) == (thinking, answer)


@pytest.mark.parametrize("rule", RULES)
def test_rule_holds_character_by_character(rule: str) -> None:
    start, reply, thinking, answer = RULES[rule]
    assert split(start, list(reply)) == (thinking, answer)


FRAGMENTS = st.sampled_from(
    ["<think>", "</think>", "<thi", "nk>", "</", "<", ">", " ", "\n", "\r\n", "a", "思", "😀", "/"]
)


@given(
    start=st.sampled_from(["open", "closed", "none"]),
    fragments=st.lists(FRAGMENTS, max_size=12),
    cuts=st.lists(st.integers(0, 80), max_size=8),
)
def test_any_cutting_gives_the_same_texts(
    start: Start, fragments: list[str], cuts: list[int]
) -> None:
    reply = "".join(fragments)
    places = sorted({0, len(reply), *(cut for cut in cuts if cut < len(reply))})
    pieces = [reply[a:b] for a, b in pairwise(places)]
    whole = split(start, [reply])
    assert split(start, pieces) == whole
    assert split(start, list(reply)) == whole


@given(
    start=st.sampled_from(["open", "closed", "none"]), fragments=st.lists(FRAGMENTS, max_size=12)
)
def test_nothing_is_lost_but_tags_and_white_space(start: Start, fragments: list[str]) -> None:
    reply = "".join(fragments)
    kept = "".join(split(start, [reply]))

    def bare(text: str) -> str:
        return re.sub(r"\s", "", text)

    lost = len(bare(reply)) - len(bare(kept))
    most = len("<think>") * 2 + len("</think>")
    assert 0 <= lost <= most
    assert start != "none" or "<think>" in reply or kept == reply


@pytest.mark.parametrize(
    ("start", "reply", "answer"),
    [
        ("open", "hm>>yes", "yes"),
        ("open", "hm>\n\n>\n\nyes", "yes"),
        ("open", "hm>>>yes", ">yes"),
        ("open", "hm>yes>no", "yes>no"),
        ("closed", ">>yes", ">yes"),
    ],
)
def test_a_second_closing_token_is_dropped(start: Start, reply: str, answer: str) -> None:
    tokens = Dialect(("\udc00",), "\udc01")
    splitter = ThinkSplitter(start, tokens)
    deltas = [each for one in reply for each in splitter.feed(one.replace(">", tokens.closing))]
    said = "".join(text for part, text in [*deltas, *splitter.flush()] if part == "answer")
    assert said.replace(tokens.closing, ">") == answer


def test_text_that_cannot_become_a_tag_is_not_held_back() -> None:
    splitter = ThinkSplitter("open")
    assert splitter.feed("a <b") == [("thinking", "a <b")]
    assert splitter.feed(" </") == []
    assert splitter.feed("b>") == [("thinking", " </b>")]


def test_answer_is_passed_on_as_it_comes() -> None:
    splitter = ThinkSplitter("open")
    splitter.feed("</think>")
    assert splitter.feed("a <") == [("answer", "a <")]
    assert splitter.feed("think") == [("answer", "think")]


def test_knows_that_the_thought_was_not_closed() -> None:
    splitter = ThinkSplitter("none")
    assert not splitter.thinking_open
    splitter.feed("<think>hm")
    assert splitter.thinking_open
    splitter.feed("</think>")
    assert not splitter.thinking_open


@pytest.mark.parametrize(
    ("prompt", "start"),
    [
        ("…<｜Assistant｜>", "none"),
        ("…<｜Assistant｜><think>\n", "open"),
        ("…<｜Assistant｜><think>", "open"),
        ("…<｜Assistant｜><think>\n\n</think>\n\n", "closed"),
        ("<think> …<｜Assistant｜>", "none"),
    ],
)
def test_start_is_read_off_the_prompts_tail(prompt: str, start: Start) -> None:
    assert start_of_reply(prompt) == start
