"""Many replies from elsewhere at the same time."""

import threading
from contextlib import closing

import pytest

from r1local.engine.sampler import SamplerSettings
from r1local.errors import EndpointRefused, StreamCut
from r1local.events.reply import Finished, Notice
from r1local.events.vote import VoteResult
from r1local.replies.control import Control
from r1local.replies.settings import ReplySettings
from r1local.voting.election import hold_vote
from r1local.voting.settings import VoteSettings
from testing.endpoints import QUESTION, remote
from testing.loopback_endpoint import (
    LINGERING,
    Answer,
    answered,
    end,
    event,
    loopback_endpoint,
    sse,
    streamed,
)


def told(count: int, *texts: str) -> list[bytes]:
    """Messages with the texts of several replies in turn."""
    return [
        sse({"choices": [{"index": index, "delta": {"content": text}}]})
        for index in range(count)
        for text in texts
    ]


def choices(count: int, *texts: str) -> Answer:
    """A stream with several replies in turn."""
    ends = [
        sse({"choices": [{"index": index, "delta": {}, "finish_reason": "stop"}]})
        for index in range(count)
    ]
    usage = sse({"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 8 * count}})
    return streamed(*told(count, *texts), *ends, usage, b"data: [DONE]\n\n")


@pytest.mark.parametrize("made", [1, 4])
def test_several_replies_come_by_one_request(made: int) -> None:
    with loopback_endpoint(owned_by="vllm") as server:
        server.chats(choices(made, "So four.", "So far."), choices(1, "So."))
        with remote(server.url, parallel=4) as engine, closing(engine.together()) as replies:
            prompt = engine.prepare(QUESTION, ReplySettings())
            seeded = [ReplySettings(SamplerSettings(seed=seed)) for seed in range(5, 11)]
            numbers = [replies.add(prompt, settings, Control()) for settings in seeded]
            ended = list[int]()
            while len(ended) < len(numbers):
                for number, happening in replies.step():
                    ended += [number] if isinstance(happening, Finished) else []
    assert sorted(ended) == numbers
    asked = [body.get("n", 1) for body in server.bodies()]
    assert asked[0] == 4 and len(asked) == (3 if made == 4 else 6)
    assert server.bodies()[0]["seed"] == 5


def test_others_are_asked_in_parallel_up_to_a_limit() -> None:
    with loopback_endpoint() as server:
        server.chats(streamed(event(content=r"So \boxed{4}."), 0.05, *end()))
        with remote(server.url, parallel=2) as engine:
            *_events, result = hold_vote(engine, QUESTION, VoteSettings(7), Control(), "m")
    assert isinstance(result, VoteResult) and result.answer == "4"
    assert 4 <= len(server.bodies()) <= 5 and not any("n" in body for body in server.bodies())


def test_a_vote_is_cancelled_with_those_that_wait() -> None:
    control = Control()
    with loopback_endpoint() as server:
        server.chats(streamed(event(content="So"), *LINGERING, *end()))
        threading.Timer(0.3, control.cancel).start()
        with remote(server.url, parallel=2) as engine, closing(engine.together()) as replies:
            prompt = engine.prepare(QUESTION, ReplySettings())
            numbers = [replies.add(prompt, ReplySettings(), control) for _ in range(3)]
            ended = dict[int, Finished]()
            while len(ended) < 3:
                for number, happening in replies.step():
                    if isinstance(happening, Finished):
                        ended[number] = happening
    assert [ended[number].reason for number in numbers] == ["cancelled"] * 3
    assert ended[3].usage.answer_tokens == 0


def box(answer: int) -> Answer:
    return streamed(event(reasoning="Hm."), event(content=rf"\boxed{{{answer}}}"), *end())


CUT = streamed(event(reasoning="Hm."), cut=True)


def elected(
    *answers: Answer, votes: int, parallel: int = 1, owned_by: str = "someone"
) -> tuple[VoteResult, list[str], int]:
    """The result of a vote, its notices, and how often the server was asked."""
    with loopback_endpoint(owned_by=owned_by) as server:
        server.chats(*answers)
        with remote(server.url, parallel=parallel) as engine:
            *events, last = hold_vote(engine, QUESTION, VoteSettings(votes), Control())
        assert isinstance(last, VoteResult)
        notices = [each.message for each in events if isinstance(each, Notice)]
        return last, notices, len(server.bodies())


def test_a_voter_whose_stream_is_cut_has_no_vote_and_the_others_have() -> None:
    result, notices, _ = elected(box(5), CUT, box(6), box(6), votes=4)
    assert (result.answer, result.ended, result.finished) == ("6", "complete", 3)
    assert [one.reply.reason for one in result.ballots] == ["stop", "cancelled", "stop", "stop"]
    assert result.ballots[1].final_answer is None
    assert (result.ballots[1].reply.thinking, result.ballots[1].tokens) == ("Hm.", 1)
    assert notices == ["voter 2 is left out: lab broke off in the middle of the reply"]


def test_what_is_finished_counts_when_the_server_is_gone() -> None:
    refused = answered({"error": {"message": "no more"}}, 403)
    result, notices, asked = elected(box(5), refused, votes=50)
    assert (result.answer, result.finished) == ("5", 1)
    assert len(notices) == 3 and asked == 4


def test_voters_that_share_a_stream_fail_once() -> None:
    cut = streamed(*told(4, "So"), cut=True)
    boxes = choices(4, r"\boxed{6}")
    result, notices, asked = elected(cut, boxes, votes=8, parallel=4, owned_by="vllm")
    assert (result.answer, result.finished, asked) == ("6", 4, 2)
    assert len(notices) >= 4


def test_a_vote_without_any_reply_is_the_servers_fault() -> None:
    with pytest.raises(StreamCut):
        elected(CUT, votes=5)
    with pytest.raises(EndpointRefused):
        elected(answered({}, 401), votes=5)
