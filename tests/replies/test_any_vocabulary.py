"""Whatever a vocabulary can spell, a reply comes to its end."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.engine.vocabulary import Vocabulary
from r1local.events.reply import Event, Finished, Notice
from r1local.replies.control import Control, SteeringCommand
from r1local.replies.settings import ReplySettings, ThinkingSettings
from r1local.thinking.loops import LoopSettings
from r1local.thinking.splitter import Start
from testing.gguf_writer import MetadataValue
from testing.models import CONTROL, END_THINK, EOS, NORMAL, THINK, small_metadata, write_small_model
from testing.replies import fed, finished, stream_of, vocabulary_of

GRAMMAR = 'root ::= "a"*'
#: Bytes of the tags, of what r1local writes, and others.
BYTES = b"</think>\n Wait,Ilonge.\xe6\x80\x9d"


@contextmanager
def words(spelled: bytes, specials: Sequence[str]) -> Iterator[Vocabulary]:
    """A vocabulary of some bytes and special tokens, and of the end of a reply."""
    texts = small_metadata()["tokenizer.ggml.tokens"]
    assert isinstance(texts, list)
    tokens = [*(texts[byte] for byte in sorted({*spelled})), *specials, EOS]
    ends = len(tokens) - 1
    changes: dict[str, MetadataValue] = {
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [NORMAL] * len({*spelled}) + [CONTROL] * (len(specials) + 1),
        "tokenizer.ggml.bos_token_id": ends,
        "tokenizer.ggml.eos_token_id": ends,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = write_small_model(Path(folder, "words.gguf"), changes)
        with vocabulary_of(path) as vocabulary:
            yield vocabulary


class Commands(Control):
    """Gives commands by the number of the token before which they come."""

    def __init__(self, commands: dict[int, SteeringCommand]) -> None:
        super().__init__()
        self._at, self._tokens = commands, 0

    def next_command(self) -> SteeringCommand | None:
        self._tokens += 1
        return self._at.pop(self._tokens, None)


@given(
    spelled=st.sets(st.sampled_from(BYTES), min_size=1).map(bytes),
    specials=st.sets(st.sampled_from([THINK, END_THINK])).map(sorted),
    start=st.sampled_from(["open", "closed", "none", "thinking", "answer"]),
    drawn=st.lists(st.integers(0, 30), min_size=1, max_size=40),
    budget=st.none() | st.integers(1, 100),
    least=st.integers(0, 100),
    max_tokens=st.integers(1, 300),
    only_thinking=st.booleans(),
    # What is drawn here follows no grammar, which may not be read again behind a loop.
    loops_or_grammar=st.sampled_from(
        [(LoopSettings(3, 16, 64), None), (LoopSettings(0), None), (LoopSettings(0), GRAMMAR)]
    ),
    commands=st.dictionaries(st.integers(1, 300), st.sampled_from(["answer now", "think more"])),
)
def test_every_reply_ends(
    spelled: bytes,
    specials: list[str],
    start: Start,
    drawn: list[int],
    budget: int | None,
    least: int,
    max_tokens: int,
    only_thinking: bool,
    loops_or_grammar: tuple[LoopSettings, str | None],
    commands: dict[int, SteeringCommand],
) -> None:
    settings = ReplySettings(
        max_tokens=max_tokens,
        only_thinking=only_thinking,
        thinking=ThinkingSettings(budget=budget, least=least),
        loops=loops_or_grammar[0],
        grammar=loops_or_grammar[1],
    )
    steps, events = 0, list[Event]()
    control = Commands(commands)
    with (
        words(spelled, specials) as vocabulary,
        stream_of(vocabulary, settings, start=start, control=control) as stream,
    ):
        while not stream.finished:
            events += stream.feed(drawn[steps % len(drawn)] % vocabulary.size)
            steps += 1
            assert stream.finished or stream.next_tokens, "there is nothing to evaluate"
            assert steps <= 10 * max_tokens, "it goes on for ever"
        events += stream.finish(cached_tokens=0, load_s=0.0, prompt_s=0.0)
    assert steps <= max_tokens + finished(events).usage.discarded_tokens
    assert sum(isinstance(event, Finished) for event in events) == 1


@pytest.mark.parametrize("spelled", [b"x", b"x</tink>", b"x \nIhaveto"])
@pytest.mark.parametrize("budget", [1, 20, None])
def test_a_thought_whose_end_cannot_be_spelled_ends_the_reply(
    spelled: bytes, budget: int | None
) -> None:
    settings = ReplySettings(max_tokens=200, thinking=ThinkingSettings(budget=budget))
    with words(spelled, []) as vocabulary, stream_of(vocabulary, settings) as stream:
        events = fed(stream, [*range(len({*spelled}))] * 200)
    assert (finished(events).reason, finished(events).thinking_open) == ("length", True)
    (notice,) = (
        event for event in events if isinstance(event, Notice) and "spell" in event.message
    )
    assert "</think>" in notice.message


def test_a_looping_thought_whose_end_cannot_be_spelled_ends_the_reply() -> None:
    with words(b"x", []) as vocabulary, stream_of(vocabulary) as stream:
        events = fed(stream, [0] * 5_000)
    assert finished(events).reason == "loop"


def test_an_end_is_not_put_off_by_what_cannot_be_spelled() -> None:
    settings = ReplySettings(thinking=ThinkingSettings(least=50))
    with words(b"x", [END_THINK]) as vocabulary, stream_of(vocabulary, settings) as stream:
        events = fed(stream, [0, 1, 0, 2])
    assert (finished(events).reason, finished(events).usage.answer_tokens) == ("stop", 1)
