"""Everything that works on a server elsewhere, on a real one: llama.cpp's, with nano."""

import json
import subprocess
import threading
from collections.abc import Iterator

import pytest

from r1local.config.paths import config_file
from r1local.conversation import Message
from r1local.engine.sampler import SamplerSettings
from r1local.errors import PromptTooLong
from r1local.events.reply import ThinkingDelta
from r1local.events.reply_builder import ReplyBuilder
from r1local.events.vote import VoteResult
from r1local.models.catalog import load_catalog
from r1local.replies.control import Control
from r1local.replies.engine import Begun, generate
from r1local.replies.settings import ReplySettings, ThinkingSettings
from r1local.replies.structured_output import structure_by
from r1local.sessions.folder import read_session
from r1local.thinking.limits import CLOSING
from r1local.voting.election import hold_vote
from r1local.voting.settings import VoteSettings
from testing.command import COMMAND
from testing.endpoints import hear, remote
from testing.llama_server import LLAMA_SERVER, llama_server
from testing.models import smollm2
from testing.waiting import PATIENCE_S

pytestmark = [
    pytest.mark.skipif(LLAMA_SERVER is None, reason="there is no llama-server"),
    pytest.mark.slow,
]
SUM = (Message("user", "What is 17+25?"),)
SCHEMA = '{"type": "object", "properties": {"x": {"type": "integer"}}, "required": ["x"]}'


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    nano = load_catalog().models["nano"].path
    assert nano
    with llama_server(nano, "-np", "4", "-c", "8192", "-t", "2") as url:
        yield url


def test_a_reply_has_its_thought_and_its_count(server: str) -> None:
    with remote(server) as engine:
        heard = hear(engine, ReplySettings(SamplerSettings(0, seed=3)), conversation=SUM)
        assert (engine.context_window, engine.at_once) == (2048, 4)
        position = engine.position
    assert heard.reply.thinking.startswith("Add: 17+25.")
    assert "42" in heard.reply.answer and not heard.notices
    usage = heard.finished.usage
    total = usage.prompt_tokens + usage.thinking_tokens + usage.answer_tokens
    assert (heard.finished.reason, heard.finished.seed, position) == ("stop", 3, total)
    assert usage.prompt_tokens > 10


def test_the_same_seed_gives_the_same_reply(server: str) -> None:
    settings = ReplySettings(SamplerSettings(1.5, seed=5))
    with remote(server) as engine:
        first, second = (hear(engine, settings, conversation=SUM).reply for _ in range(2))
    assert (first.thinking, first.answer) == (second.thinking, second.answer)


def test_a_budget_and_no_thinking(server: str) -> None:
    with remote(server) as engine:
        short = hear(engine, ReplySettings(thinking=ThinkingSettings(budget=5)), conversation=SUM)
        greedy, off = SamplerSettings(temperature=0), ThinkingSettings(off=True)
        none = hear(engine, ReplySettings(greedy, thinking=off), conversation=SUM)
    assert CLOSING.strip() in short.reply.thinking and short.reply.answer
    assert len(short.reply.thinking) < len(CLOSING) + 40
    assert not none.reply.thinking and "=" in none.reply.answer


def test_answer_now_goes_on_with_the_thought_closed(server: str) -> None:
    control, events = Control(), []
    with remote(server) as engine:
        for event in generate(engine, SUM, ReplySettings(SamplerSettings(0)), control):
            events.append(event)
            if isinstance(event, ThinkingDelta) and event.tokens == 4:
                control.answer_now()
        assert "as you asked" in " ".join(str(each) for each in events)
    assert type(events[-2]).__name__ == "AnswerDelta"


@pytest.mark.parametrize("deltas", [1, 9, 30, 60])
def test_a_cut_reply_goes_on_as_if_it_had_not_been(server: str, deltas: int) -> None:
    settings = ReplySettings(SamplerSettings(0))
    cut = ReplyBuilder("m")
    with remote(server) as engine:
        whole = hear(engine, settings, conversation=SUM)
        for event in whole.events[:deltas]:
            cut.handle(event)
        kept = cut.reply()
        begun = Begun(kept.thinking, kept.answer, kept.thinking_open)
        rest = hear(engine, settings, conversation=SUM, begun=begun).reply
    assert (kept.thinking + rest.thinking).split() == whole.reply.thinking.split()
    assert (kept.answer + rest.answer).split() == whole.reply.answer.split()


@pytest.mark.parametrize("budget", [None, 5])
def test_a_schema_holds_the_answer(server: str, budget: int | None) -> None:
    made = structure_by(SCHEMA)
    thinking = ThinkingSettings(budget=budget)
    settings = ReplySettings(thinking=thinking, grammar=made.grammar, schema=made.schema)
    with remote(server) as engine:
        heard = hear(engine, settings, conversation=SUM)
    assert heard.reply.thinking
    assert isinstance(json.loads(heard.reply.answer)["x"], int)


def test_votes_come_by_one_request(server: str) -> None:
    settings = VoteSettings(5, ReplySettings(SamplerSettings(0.6, seed=1)))
    with remote(server) as engine:
        *_events, result = hold_vote(engine, SUM, settings, Control(), "m")
        again = hear(engine, conversation=SUM)
    assert isinstance(result, VoteResult)
    assert result.answer == "42" and again.reply.answer
    assert len({ballot.reply.seed for ballot in result.ballots}) == len(result.ballots)


def test_a_vote_and_a_reply_can_be_cancelled(server: str) -> None:
    control = Control()
    with remote(server) as engine:
        for event in generate(engine, SUM, ReplySettings(), control):
            control.cancel()
            last = event
        assert getattr(last, "reason", None) == "cancelled"
        control = Control()
        threading.Timer(0.01, control.cancel).start()
        *_events, result = hold_vote(engine, SUM, VoteSettings(40), control, "m")
    assert isinstance(result, VoteResult) and result.ended in ("cancelled", "decided")


def test_a_prompt_that_is_too_long_is_said(server: str) -> None:
    with remote(server) as engine, pytest.raises(PromptTooLong, match="exceeds the available"):
        hear(engine, conversation=(Message("user", "x " * 6000),))


def test_a_chat_goes_from_here_to_there_and_back(server: str) -> None:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_text(f'[endpoints.lab]\nurl = "{server}/v1"\ntemperature = 0.0\n')
    typed = (
        "What is 1+2?\n/model lab:\nWhat is 17+25?\n/stats\n/vote 3 What is 5+6?\n/model nano\n"
        "What is 2+2?\n/model lab:\n/set max-tokens 30\nWhat is 91+16?\n/set max-tokens 900\n"
        "/continue\n/retry\n/export there.md\n"
    )
    done = subprocess.run(
        [*COMMAND, "chat", "--inline", "--session", "talk"],
        input=typed,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        cwd=config_file().parent,
    )
    assert done.returncode == 0, done.stderr
    assert "42" in done.stdout and "107" in done.stdout
    assert "lab: replies from here on" in done.stderr and "deepseek-r1's API: $" in done.stderr
    turns = read_session("talk").turns
    models = [turn.reply and turn.reply.model for turn in turns]
    assert turns[2].voted == 3 and turns[2].voters
    assert models == ["nano", "lab:", "lab:", "nano", "lab:"]
    assert "107" in (config_file().parent / "there.md").read_text(encoding="utf-8")


def test_a_model_that_does_not_think_replies_too() -> None:
    arguments = "-np", "2", "-c", "1024", "-t", "2"
    with llama_server(smollm2(), *arguments) as url, remote(url) as engine:
        heard = hear(engine, ReplySettings(SamplerSettings(0), max_tokens=16))
    assert heard.reply.answer and not heard.reply.thinking
    assert heard.finished.reason == "length"
