"""Votes on an engine that isn't llama.cpp."""

from r1local.conversation import Message
from r1local.engine.sampler import SamplerSettings
from r1local.events.reply import Notice
from r1local.events.vote import VoteResult, VoterEvent
from r1local.replies.abilities import Abilities
from r1local.replies.control import Control
from r1local.replies.settings import ReplySettings
from r1local.voting.election import hold_vote
from r1local.voting.settings import VoteSettings
from testing.recorded_engine import RecordedEngine, recording

QUESTION = (Message("user", "How many?"),)
FOUR, FIVE = recording("Hm.", r"So \boxed{4}."), recording("Well, hm.", r"It is \boxed{5}.")


def held(
    engine: RecordedEngine, settings: VoteSettings, control: Control | None = None
) -> tuple[list[object], VoteResult]:
    *events, last = hold_vote(engine, QUESTION, settings, control or Control(), "m")
    assert isinstance(last, VoteResult)
    return [*events], last


def test_the_majority_wins_wherever_the_replies_come_from() -> None:
    engine = RecordedEngine(FOUR, FIVE, FIVE)
    _events, result = held(engine, VoteSettings(3))
    assert (result.answer, result.ended, len(result.ballots)) == ("5", "complete", 3)
    assert (result.prompt_tokens, result.cached_tokens) == (9, 0)
    assert [conversation for conversation, _ in engine.asked] == [QUESTION] * 3


def test_a_vote_that_is_decided_asks_for_no_more_replies() -> None:
    engine = RecordedEngine(FOUR)
    _events, result = held(engine, VoteSettings(9))
    assert (result.ended, len(engine.asked)) == ("decided", len(result.ballots))
    assert len(result.ballots) < 9 and result.finished == 5 + len(engine.asked) % 5


def test_voters_have_seeds_only_where_seeds_count() -> None:
    settings = VoteSettings(3, ReplySettings(SamplerSettings(seed=7)))
    able, unable = RecordedEngine(FOUR, abilities=Abilities()), RecordedEngine(FOUR)
    assert not [each for each in held(able, settings)[0] if isinstance(each, Notice)]
    assert [settings.sampler.seed for _, settings in able.asked][:2] == [7, 8]
    told = [each.message for each in held(unable, settings)[0] if isinstance(each, Notice)]
    assert told == ["seed has no effect: the recording has nothing like it"]
    assert {settings.sampler.seed for _, settings in unable.asked} == {None}


def test_a_command_in_vain_is_said_once_for_all_voters() -> None:
    control, told = Control(), list[str]()
    for event in hold_vote(RecordedEngine(FOUR), QUESTION, VoteSettings(3), control):
        if isinstance(event, VoterEvent):
            control.think_more()
        elif isinstance(event, Notice):
            told.append(event.message)
    assert told == ["the recording can't put off the end of a thought"]


def test_a_cancelled_vote_has_the_voters_that_had_begun() -> None:
    control, result = Control(), None
    for event in hold_vote(RecordedEngine(FOUR), QUESTION, VoteSettings(8), control):
        control.cancel()
        result = event
    assert isinstance(result, VoteResult)
    assert (result.ended, result.winner) == ("cancelled", None)
    assert [each.reply.reason for each in result.ballots] == ["cancelled"] * 2
