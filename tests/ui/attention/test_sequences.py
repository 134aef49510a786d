"""What terminals are told: whatever a model wrote, it stays text within one sequence."""

import base64
import re
from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from r1local.ui.attention.sequences import (
    BELL,
    NO_PROGRESS,
    RESTORE_TITLE,
    notification,
    one_line,
    progress,
    restoring,
    title,
)
from r1local.ui.attention.terminal import PROTOCOLS, Abilities, Protocol
from r1local.ui.cells import cell_len

HOSTILE = "\x07\x1b]0;evil\x07\x1b\\\x9c\x9d0;evil\x9c\u202e\n4;1;100"
TEXTS = st.text() | st.text(alphabet="\x07\x1b\\]\x9c\x9d;\n ab4\U000e0041\ud800")
#: What ends a string or begins another sequence (ECMA-48).
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")

_OSC_99 = r"\x1b\]99;i=r1local:o=unfocused:e=1:d=0;[A-Za-z0-9+/=]*\x1b\\" + (
    r"\x1b\]99;i=r1local:e=1:p=body;([A-Za-z0-9+/=]*)\x1b\\"
)
FORMS = {
    "bell": r"\x07",
    "osc9": r"\x1b\]9;r1local: ([^\x00-\x1f\x7f-\x9f]*)\x07",
    "osc777": r"\x1b\]777;notify;r1local;([^\x00-\x1f\x7f-\x9f;]*)\x07",
    "osc99": _OSC_99,
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(text=TEXTS)
@example(text=HOSTILE)
def test_a_text_stays_within_its_sequence(protocol: Protocol, text: str) -> None:
    assert re.fullmatch(FORMS[protocol], notification(text, Abilities(protocol)))


@pytest.mark.parametrize("protocol", PROTOCOLS)
@given(text=TEXTS)
@example(text=HOSTILE)
def test_tmux_passes_the_same_on_and_has_the_bell(protocol: Protocol, text: str) -> None:
    inside = Abilities(protocol, rings=True, in_tmux=True)
    told = notification(text, inside)
    plain = notification(text, replace(inside, in_tmux=False, rings=False))
    if protocol == "bell":
        assert told == BELL
    else:
        wrapped = re.fullmatch(r"\x1bPtmux;(.*)\x1b\\\x07", told)
        assert wrapped and wrapped[1].replace("\x1b\x1b", "\x1b") == plain
        assert not re.search(r"(?<!\x1b)\x1b(\x1b\x1b)*(?!\x1b)", wrapped[1])


def test_kitty_gets_the_text_encoded() -> None:
    told = notification("四つ; 4", Abilities("osc99"))
    found = re.fullmatch(_OSC_99, told)
    assert found and base64.b64decode(found[1]).decode() == "四つ; 4"


@given(TEXTS)
@example(HOSTILE)
def test_a_title_is_one_line(text: str) -> None:
    shown = title(text)
    assert shown.startswith("\x1b]2;") and shown.endswith(BELL)
    assert not _CONTROLS.search(shown[4:-1])


@given(TEXTS | st.text(min_size=200))
def test_a_line_is_short_and_has_text(text: str) -> None:
    line = one_line(text)
    assert cell_len(line) <= 160
    assert not _CONTROLS.search(line)
    assert bool(line) == bool(text.split())


def test_progress_is_in_percent() -> None:
    assert progress(0.426) == "\x1b]9;4;1;43\x07"
    assert progress(None) == "\x1b]9;4;3;0\x07"


def test_what_was_told_is_taken_back_where_it_was_told() -> None:
    assert restoring(Abilities()) == RESTORE_TITLE
    assert restoring(Abilities(progress=True)) == RESTORE_TITLE + NO_PROGRESS
    assert restoring(Abilities(titled=False)) == ""
