"""A dialogue in this process, on scripted models: what is said, kept, and given to the model."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from r1local.conversation import Conversation, Turn
from r1local.engine.sampler import SamplerSettings
from r1local.errors import LoadingCancelled, ModelLoadError, SessionNotSaved
from r1local.events.reply import Finished, Notice, ThinkingDelta
from r1local.events.vote import VoteResult
from r1local.models.loading import LoadOptions
from r1local.models.selection import Chosen, Selected
from r1local.prompts.chat_template import ChatTemplate, Prompt
from r1local.replies.control import Control
from r1local.replies.local import LocalEngine
from r1local.replies.settings import ReplySettings, changed
from r1local.sessions.folder import read_session
from r1local.sessions.recorder import NoSession
from r1local.sessions.records import Ended, Question, Record
from r1local.sessions.session import Session
from testing.command import Scripted
from testing.dialogues import ask, model_of, talking, tokens_of, used
from testing.models import R1_TEMPLATE, THINK
from testing.replies import never

THOUGHT, ANSWER = "It is even.", r"So \boxed{4}."
REPLY = f"{THOUGHT}\n</think>\n\n{ANSWER}"


class FullDisk(NoSession):
    """A recorder that keeps everything but tells that it can't, when a reply ends."""

    def append(self, record: Record) -> None:
        super().append(record)
        if isinstance(record, Ended):
            raise SessionNotSaved("no room", "make some")


def test_what_is_said_is_what_the_file_says(scripted: Scripted) -> None:
    session = Session.create("talk")
    with talking(scripted(REPLY), session) as dialogue:
        dialogue.use_system("Be brief.")
        dialogue.change("top-p", "0.9", ReplySettings(SamplerSettings(top_p=0.9)))
        ask(dialogue)
        events = list(dialogue.ask(dialogue.prepare(Question("text: why?", "why?")), Control()))
        dialogue.drop_oldest(1)
        turns = dialogue.turns
    finished = events[-1]
    assert isinstance(finished, Finished)
    last = turns[-1].reply
    assert last and (last.thinking, last.answer) == (THOUGHT, ANSWER)
    assert (last.model, last.seed, last.reason) == ("scripted", finished.seed, "stop")
    assert last.thinking_tokens == finished.usage.thinking_tokens
    assert (turns[-1].question, turns[-1].typed) == ("text: why?", "why?")
    again = read_session("talk")
    assert (again.turns, again.system, again.dropped) == (turns, "Be brief.", 1)
    assert again.settings == {"top-p": "0.9"}


def test_a_prompt_is_rendered_and_tokenised_once(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[object] = []
    tokenised: list[object] = []
    with talking(scripted(REPLY)) as dialogue:
        render, vocabulary = ChatTemplate.render, model_of(dialogue).model.vocabulary
        tokenise = vocabulary.tokenise

        def counted_render(
            template: ChatTemplate, messages: Conversation, *, think: bool = True
        ) -> Prompt:
            rendered.append(messages)
            return render(template, messages, think=think)

        def counted_tokenise(parts: Sequence[str]) -> list[int]:
            tokenised.append(parts)
            return tokenise(parts)

        monkeypatch.setattr(ChatTemplate, "render", counted_render)
        monkeypatch.setattr(vocabulary, "tokenise", counted_tokenise)
        prepared = dialogue.prepare(Question("How many?"))
        assert dialogue.shortage(prepared) is None
        list(dialogue.ask(prepared, Control()))
    assert (len(rendered), len(tokenised)) == (1, 1)


def test_a_prompt_is_counted_as_it_is_sent(scripted: Scripted) -> None:
    with talking(scripted(REPLY)) as dialogue:
        thinking = tokens_of(dialogue.prepare(Question("?")))
        dialogue.settings = replace(
            dialogue.settings, thinking=replace(dialogue.settings.thinking, off=True)
        )
        assert tokens_of(dialogue.prepare(Question("?"))) > thinking


def test_a_retry_replaces_the_reply_and_draws_another_seed(scripted: Scripted) -> None:
    settings = ReplySettings(SamplerSettings(seed=7))
    with talking(scripted(REPLY), settings=settings) as dialogue:
        ask(dialogue)
        (before,) = dialogue.turns
        list(dialogue.retry(Control()))
        (after,) = dialogue.turns
    assert before.reply and after.reply
    assert (before.reply.seed, after.reply.answer) == (7, before.reply.answer)
    assert after.reply.seed != 7


@pytest.mark.parametrize("tokens", [7, len(THOUGHT) + 8])
def test_a_reply_that_was_cut_goes_on(scripted: Scripted, tokens: int) -> None:
    with talking(scripted(REPLY)) as dialogue:
        control = Control()
        for count, _event in enumerate(dialogue.ask(dialogue.prepare(Question("?")), control), 1):
            if count == tokens:
                control.cancel()
        cut = dialogue.turns[0].reply
        list(dialogue.go_on(Control()))
        whole = dialogue.turns[0].reply
    assert cut and whole
    assert (cut.reason, whole.reason) == ("cancelled", "stop")
    assert bool(cut.answer) == (tokens > len(THOUGHT))
    assert len(cut.thinking + cut.answer) < len(THOUGHT + ANSWER)
    assert (whole.thinking, whole.answer) == (THOUGHT, ANSWER)
    assert whole.prompt_tokens > cut.prompt_tokens


def test_going_on_says_nothing_of_a_thought_and_no_think_in_vain_does(scripted: Scripted) -> None:
    template = R1_TEMPLATE.replace(f"{THINK}\n", "").replace(".split('</think>')[-1]", "")
    model = scripted(ANSWER * 9, prompt=12, chat_template=template, context_length=2048, tags={})

    def told(events: Iterable[object]) -> list[str]:
        return [each.message for each in events if isinstance(each, Notice)]

    short = ReplySettings(max_tokens=9)
    with talking(model, settings=short) as dialogue:
        assert not told(ask(dialogue))
        assert not told(list(dialogue.go_on(Control())))
        dialogue.change("no-think", "true", changed(dialogue.settings, "no-think", "true"))
        assert ["no-think has no effect" in each for each in told(ask(dialogue))] == [True]


def test_what_was_streamed_is_kept_whatever_ends_it(scripted: Scripted) -> None:
    with talking(scripted(REPLY)) as dialogue:
        with closing(dialogue.ask(dialogue.prepare(Question("?")), Control())) as events:
            first = next(events)
            assert isinstance(first, ThinkingDelta)
        (turn,) = dialogue.turns
        assert turn.reply and (turn.reply.thinking, turn.reply.reason) == (first.text, "lost")
        assert turn.reply.thinking_open
        assert dialogue.undo() == turn
        assert dialogue.turns == ()


def test_a_turn_without_an_answer_is_not_given_to_the_model(scripted: Scripted) -> None:
    model = scripted("", chat_template=R1_TEMPLATE, context_length=512)  # an empty thought alone
    with talking(model) as dialogue:
        alone = tokens_of(dialogue.prepare(Question("two")))
        ask(dialogue, "one")
        assert tokens_of(dialogue.prepare(Question("two"))) == alone


def test_all_voters_are_kept_and_the_winner_is_the_reply(scripted: Scripted) -> None:
    session = Session.create("talk")
    with talking(scripted(REPLY), session, sequences=2) as dialogue:
        *_events, result = dialogue.vote(Question("Vote!", votes=3), Control())
        (turn,) = dialogue.turns
    assert isinstance(result, VoteResult) and result.winner
    assert turn.voters == {ballot.voter: ballot.reply for ballot in result.ballots}
    assert turn.reply == result.winner.reply
    assert read_session("talk").turns == (turn,)


def test_a_full_disk_hides_no_end(scripted: Scripted) -> None:
    """The last event is shown before the disk's refusal is told."""
    seen: list[object] = []
    with talking(scripted(REPLY), FullDisk()) as dialogue:
        replies: list[Callable[[], Iterator[object]]] = [
            lambda: dialogue.ask(dialogue.prepare(Question("?")), Control()),
            lambda: dialogue.vote(Question("?", votes=1), Control()),
        ]
        for reply in replies:
            with pytest.raises(SessionNotSaved):
                seen.extend(reply())
        assert [turn.reply and turn.reply.answer for turn in dialogue.turns] == [ANSWER, ANSWER]
    assert sum(isinstance(each, Finished | VoteResult) for each in seen) == 2


def test_the_meter_has_what_the_conversation_takes_by_now(scripted: Scripted) -> None:
    """Not what the model evaluated last: that changes with the next prompt only."""
    old = NoSession()
    for question in ("How many?", "And now?"):
        old.append(Question(question))
        old.append(Ended("stop", False, "m", thinking="", answer=ANSWER))
    with talking(scripted("", chat_template=R1_TEMPLATE, context_length=1024), old) as dialogue:
        both = used(dialogue)
        assert both > model_of(dialogue).model.position == 0, "as it is resumed, before a question"
        dialogue.drop_oldest(1)
        one = used(dialogue)
        assert 0 < one < both
        dialogue.use_system("Be brief.")
        assert used(dialogue) > one
        dialogue.move_to(NoSession())
        assert used(dialogue) == 0
        dialogue.move_to(old)
        assert used(dialogue) > one
        dialogue.undo()
        dialogue.undo()
        assert used(dialogue) == 0
        ask(dialogue)
        assert used(dialogue) == model_of(dialogue).model.position > 0


def test_what_was_changed_of_loading_stays_when_more_is(scripted: Scripted) -> None:
    with talking(scripted(REPLY, context_length=2048), context=768) as dialogue:
        dialogue.reload(never, context=1024)
        dialogue.reload(never, at_once=2)
        model = model_of(dialogue).model
        assert (model.context_window, model.sequences) == (1024, 2)
        with pytest.raises(LoadingCancelled):
            dialogue.reload(lambda: True, context=2048)
        model = model_of(dialogue).model
        assert (model.context_window, model.sequences) == (1024, 2)
        ask(dialogue)


def test_a_context_is_held_as_far_as_the_model_was_trained(scripted: Scripted) -> None:
    model = scripted(REPLY, chat_template=R1_TEMPLATE, context_length=2048)
    with talking(model, context=768) as dialogue:
        holds = model_of(dialogue).holds
        assert holds(2048) and not holds(2049)
        fits = dialogue.prepare(Question("y" * 1400))
        shortage = dialogue.shortage(fits)
        assert shortage and shortage.larger and 768 < shortage.larger <= 2048
        never_fits = dialogue.shortage(dialogue.prepare(Question("y" * 3000)))
        assert never_fits and never_fits.larger is None


def test_a_new_session_keeps_the_system_prompt_and_no_turn(scripted: Scripted) -> None:
    old, new = NoSession(), NoSession()
    with talking(scripted(REPLY), old) as dialogue:
        dialogue.use_system("Be brief.")
        ask(dialogue)
        dialogue.move_to(new)
        assert (dialogue.turns, dialogue.system) == ((), "Be brief.")
        dialogue.move_to(old)
        assert [turn.question for turn in dialogue.turns] == ["How many?"]


def test_a_model_that_cant_be_loaded_leaves_the_one_before(scripted: Scripted) -> None:
    with talking(scripted(REPLY)) as dialogue:
        before = dialogue.selected

        def load_other(selected: Chosen) -> LocalEngine:
            if selected != before or not isinstance(selected, Selected):
                raise ModelLoadError("broken", "give another")
            return LocalEngine.open(selected.path, LoadOptions(), never)

        with pytest.raises(ModelLoadError):
            dialogue.switch(Selected("other", Path("other.gguf")), load_other)
        assert dialogue.selected == before
        ask(dialogue)
        assert dialogue.switch(before, load_other) == tokens_of(dialogue.prepare(Question("?")))


def test_without_any_model_a_question_ends_in_a_sentence(scripted: Scripted) -> None:
    def broken(_selected: Chosen) -> LocalEngine:
        raise ModelLoadError("broken", "give another")

    path = scripted(REPLY)
    with talking(path, Session.create("talk")) as dialogue:
        ask(dialogue)
        hidden = path.rename(path.with_suffix(".hidden"))
        with pytest.raises(ModelLoadError, match="broken"):
            dialogue.switch(Selected("other", Path("other.gguf")), broken)
        asked: list[Callable[[], object]] = [
            lambda: ask(dialogue),
            lambda: list(dialogue.retry(Control())),
            lambda: list(dialogue.vote_again(2, Control())),
        ]
        for each in asked:
            with pytest.raises(ModelLoadError, match="no model is in memory"):
                each()
        dialogue.move_to(Session.create("next"))
        dialogue.move_to(Session.open("talk"))
        hidden.rename(path)
        dialogue.reload(never)
        assert ask(dialogue) and dialogue.undo()


def test_a_session_that_is_not_moved_to_is_closed(scripted: Scripted) -> None:
    class Stuck(NoSession):
        def save(self) -> None:
            raise SessionNotSaved("no room", "make some")

    with closing(Session.create("other")) as session:
        session.append(Question("?"))
    with talking(scripted(REPLY), Stuck()) as dialogue:
        with pytest.raises(SessionNotSaved):
            dialogue.move_to(Session.open("other"))
        Session.open("other").close()


def test_a_question_that_does_not_fit_says_which_turns_would_make_room(
    scripted: Scripted,
) -> None:
    model = scripted(REPLY, prompt=275, chat_template=R1_TEMPLATE, context_length=1024)
    with talking(model, context=1024) as dialogue:
        long = "x" * 270
        ask(dialogue, long)
        assert dialogue.turns[0].reply and dialogue.turns[0].reply.answer
        room = 1024 - dialogue.settings.thinking.reserve(1024)
        fits = dialogue.prepare(Question("y" * (room - 330)))
        assert dialogue.shortage(fits) is None
        prepared = dialogue.prepare(Question("y" * (room - 100)))
        shortage = dialogue.shortage(prepared)
        assert shortage and shortage.oldest == dialogue.turns
        assert shortage.needed == tokens_of(prepared) + 1024 - room
        dialogue.drop_oldest(1)
        assert dialogue.shortage(dialogue.prepare(Question("y" * (room - 100)))) is None
        too_long = dialogue.shortage(dialogue.prepare(Question("y" * 1024)))
        assert too_long and too_long.oldest == ()
        assert len(dialogue.turns) == 1, "what is left out stays"
        assert isinstance(dialogue.turns[0], Turn)
