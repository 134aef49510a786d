"""What the chat's two panes hold: the conversation, and one thought at a time."""

from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Literal, assert_never

from r1local.conversation import Reply, Turn
from r1local.events.reply import (
    AnswerDelta,
    Event,
    Finished,
    Notice,
    Reading,
    Rewound,
    ThinkingDelta,
)
from r1local.events.vote import VoteEvent, VoteResult
from r1local.language import _
from r1local.ui.chat.items import Fold, Item, JsonText, MarkdownText, Passage, PlainText
from r1local.ui.chat.pane import Pane
from r1local.ui.chat.turn_items import (
    Mark,
    VotesInProgress,
    answer_item,
    answer_of,
    ending_of,
    note_item,
    question_item,
    thought_item,
    thought_line,
    thought_of,
    turn_items,
)
from r1local.ui.meter import Meter
from r1local.ui.reading import ReadingMeter
from r1local.ui.votes.text import VoteTable, tally_lines
from r1local.ui.wording import duration, effort, thought_for
from r1local.units import token_count

ReplyState = Literal["idle", "reading", "thinking", "answering", "voting"]


class ChatView:
    """Takes the events of replies, and keeps both panes up to date.

    `raw` says whether answers are shown as the model wrote them, `state` what it is doing.

    Args:
        clock: gives seconds.
        others: the keys that show alternatives.
        numbered: whether questions have their numbers, which are also those of their replies.
    """

    def __init__(
        self,
        clock: Callable[[], float] = monotonic,
        *,
        others: str = "",
        numbered: bool = False,
    ) -> None:
        self.conversation = Pane()
        self.thinking = Pane()
        self.raw = False
        self.state: ReplyState = "idle"
        self._clock = clock
        self._others = others
        self._numbered = numbered
        self._meter = Meter(clock)
        self.reading = ReadingMeter(clock)
        self._thought = thought_item("")
        self._answer: MarkdownText | PlainText | None = None
        self._votes: VotesInProgress | None = None
        self._json = False
        self._begun: Reply | None = None
        self._budget: int | None = None
        self._fold: Passage | None = None
        self._title = ""
        #: What the conversation shows of each turn; notices belong to no turn.
        self._turns: list[list[Item]] = []

    @property
    def tokens_per_s(self) -> float:
        """Tokens per second of the current reply, or of the last one; 0 if not known yet."""
        return self._meter.tokens_per_s

    @property
    def finding(self) -> bool:
        """Whether words that were looked for are highlighted."""
        return bool(self.conversation.words or self.thinking.words)

    @property
    def title(self) -> tuple[str, ...]:
        """What the thinking pane shows, in parts; the last ones can be left out."""
        meter = self._meter
        match self.state:
            case "reading":
                return (self.reading.words.capitalize(), duration(meter.elapsed))
            case "thinking":
                count = token_count(meter.tokens)
                if self._budget:
                    count = _(
                        "{tokens:,} of {budget:,} tokens", tokens=meter.tokens, budget=self._budget
                    )
                pace = (f"{meter.tokens_per_s:.0f}/s",) if meter.tokens_per_s else ()
                return ("Thinking", duration(meter.elapsed), count, *pace)
            case "voting":
                reading = (self.reading.words,) if self.reading.share is not None else ()
                return ("Voting", duration(meter.elapsed), *reading)
            case _:
                return (self._title,) if self._title else ()

    def begin(
        self,
        question: str,
        reply: Reply | None = None,
        budget: int | None = None,
        *,
        json: bool = False,
    ) -> None:
        """Start a reply to a question, or the rest of one.

        `budget` is the thought's, in tokens; `json` says whether the answer will be JSON.
        """
        self._begin_turn(question)
        self.state = "reading"
        self._meter = Meter(self._clock)
        self.reading.begin()
        self._begun, self._budget, self._fold = reply, budget, None
        self._thought = thought_of(reply)
        self._answer, self._json = None, json
        if reply and reply.answer:
            if reply.thinking:
                self._show_of_turn(Fold(thought_line(reply)))
            self._begin_answer(reply.answer)
        self._show_thought(self._thought, "")

    def handle(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case Reading():
                self.reading.handle(event)
            case ThinkingDelta(text, count):
                self.state = "thinking"
                self._meter.count(count)
                self._thought.feed(text)
            case AnswerDelta(text, count):
                if self.state != "answering":
                    self._end_thought(unfinished=False)
                self.state = "answering"
                self._meter.count(self._meter.thinking_tokens + count)
                if self._answer is None:
                    self._begin_answer("")
                if self._answer:
                    self._answer.feed(text)
            case Rewound(part, characters):
                self._withdraw(part == "thinking", characters)
            case Notice("schema", message):
                self._answer = None  # it is complete, and this goes below it
                self._note_of_turn(_("{message}; /retry tries another way", message=message))
            case Notice(_, message):
                self._note_of_turn(message)
            case Finished():
                self._finish(event)
            case _:
                assert_never(event)

    def begin_vote(self, question: str, votes: int) -> None:
        """Start a vote on a question."""
        self._begin_turn(question)
        self._votes = VotesInProgress(VoteTable(votes))
        self.conversation.items.append(self._votes)
        self.state = "voting"
        self._meter = Meter(self._clock)
        self.reading.begin()
        self._show_thought(thought_item(""), "")

    def handle_vote(self, event: VoteEvent) -> None:
        """Take the next event of a vote."""
        if isinstance(event, Notice):
            self._note_of_turn(event.message)
        elif isinstance(event, VoteResult):
            self._end_votes()
            self._show_elected(event)
        elif isinstance(event, Reading):
            self.reading.handle(event)
        elif self._votes:
            self.reading.begin()
            self._votes.handle(event)

    def _show_elected(self, elected: VoteResult) -> None:
        tally = "\n".join(tally_lines(elected))
        self._show_of_turn(Fold(tally))
        if elected.winner:
            self._show_of_turn(answer_of(elected.winner.reply, raw=self.raw))
            self._show_last_thought(elected.winner.reply)
        else:
            self._note_of_turn(_("no reply came to an answer"))

    def _end_votes(self) -> None:
        """Remove the table."""
        if self._votes in self.conversation.items:
            self.conversation.items.remove(self._votes)
            self.conversation.reset()
        self._votes = None

    def note(self, text: str) -> None:
        """Show a message of r1local's own, above an answer that is being written."""
        self.show(note_item(text))

    def _note_of_turn(self, text: str) -> None:
        self._show_of_turn(note_item(text))

    def _show_of_turn(self, item: Item) -> None:
        """Show something that goes with the last turn."""
        self.show(item)
        self._turns[-1].append(item)

    def show(self, item: Item) -> None:
        """Put something into the conversation, above what is being written."""
        items = self.conversation.items
        growing = self._answer or self._votes
        if growing is not None and items and items[-1] is growing:
            items.insert(-1, item)
            self.conversation.reset()
        else:
            items.append(item)

    def break_off(self) -> None:
        """End a reply that an error ended."""
        if self.state == "thinking":
            self._end_thought(unfinished=True)
        self.state = "idle"
        self._answer = None
        self._end_votes()

    def show_turns(
        self, turns: Sequence[Turn], dropped: int, places: Sequence[tuple[int, int]] = ()
    ) -> None:
        """Show a conversation from its start, in place of what was shown.

        `places` says which alternative each turn is, and of how many.
        """
        marks = [[Mark(place, self._others)] * (place[1] > 1) for place in places] or [[]] * len(
            turns
        )
        self._turns = [
            turn_items(number, turn, mark, numbered=self._numbered, raw=self.raw)
            for number, (turn, mark) in enumerate(zip(turns, marks, strict=True), 1)
        ]
        items: list[Item] = [item for turn in self._turns[:dropped] for item in turn]
        if 0 < dropped < len(turns):
            items.append(Passage(_("the model is no longer given what is above"), "class:note"))
        items += [item for turn in self._turns[dropped:] for item in turn]
        self._answer = None
        self.conversation.replace(items)
        self.conversation.scroll_to_end()
        self._show_last_thought(turns[-1].reply if turns else None)

    def take_back(self, before: Reply | None = None) -> None:
        """Remove the last turn; all else stays. `before` is the reply that is then the last."""
        gone = {id(item) for item in self._turns.pop()} if self._turns else set()
        left = [item for item in self.conversation.items if id(item) not in gone]
        self.conversation.replace(left)
        self.conversation.scroll_to_end()
        self._show_last_thought(before)

    def mark(self, place: tuple[int, int]) -> None:
        """Say which of several alternatives the last turn is, unless that is said already."""
        *_, turn = self._turns or [[]]
        items = self.conversation.items
        if place[1] < 2 or any(isinstance(item, Mark) for item in turn):
            return
        if turn and turn[0] in items:
            mark = Mark(place, self._others)
            turn.insert(1, mark)
            items.insert(items.index(turn[0]) + 1, mark)
            self.conversation.reset()

    def keep_turns(self, count: int) -> None:
        """Treat what is shown after `count` turns as notices: an error came before the question."""
        del self._turns[count:]

    def clear(self) -> None:
        """Empty the conversation, except for an answer or a vote in progress."""
        growing = self._answer or self._votes
        self.conversation.replace([growing] if growing else [])
        self.conversation.scroll_to_end()

    def open_thought(self, name: str, reply: Reply, words: str = "", nth: int = 0) -> None:
        """Show the thought of the reply with that name, from the words' nth occurrence on."""
        told = effort(reply.thinking_s, reply.thinking_tokens)
        self._open(
            thought_of(reply), _("Thought {name} · {told}", name=name, told=told), words, nth
        )

    def open_answer(self, name: str, reply: Reply, words: str, nth: int) -> None:
        """Show an answer that isn't in the conversation, since it lost a vote, like a thought."""
        self._open(thought_item(reply.answer), _("Answer {name}", name=name), words, nth)

    def _open(self, thought: PlainText, title: str, words: str, nth: int) -> None:
        self._show_thought(thought, title)
        self.thinking.scroll_to_start()
        self.thinking.find(words, None, nth)

    def find(self, turn: int, part: Literal["question", "answer"], words: str, nth: int) -> bool:
        """Go to the words' nth occurrence in a turn's question or answer; False if it isn't there.

        Turns are counted from 1.
        """
        items = self._turns[turn - 1] if turn <= len(self._turns) else []
        texts = items[:1] if part == "question" else items[1:]
        wanted = Passage if part == "question" else MarkdownText | PlainText
        for item in reversed(texts):
            if isinstance(item, wanted) and any(item is each for each in self.conversation.items):
                self.conversation.find(words, item, nth)
                return True
        return False

    def turn_of(self, item: Item) -> int | None:
        """Return the turn, counted from 1, whose thought an item stands for; None if for none."""
        turns = (n for n, turn in enumerate(self._turns, 1) if any(item is each for each in turn))
        return next(turns, None) if isinstance(item, Fold) else None

    def _show_last_thought(self, reply: Reply | None) -> None:
        """Put the thought of a complete reply into its pane, where the key opens it."""
        line = thought_line(reply).capitalize() if reply and reply.thinking else ""
        self._show_thought(thought_of(reply), line)

    def _show_thought(self, thought: PlainText, title: str) -> None:
        self._title = title
        self.thinking.find("")
        self.thinking.replace([thought])
        self.thinking.scroll_to_end()

    def show_raw(self, raw: bool) -> None:
        """Show answers as the model wrote them, or as Markdown."""
        self.raw = raw
        answers = {
            id(item): answer_item(item.text, raw=raw, json=isinstance(item, JsonText))
            for item in self.conversation.items
            if isinstance(item, MarkdownText | PlainText)
        }
        self._answer = answers.get(id(self._answer), self._answer)
        self._replace(answers)

    def _begin_answer(self, text: str) -> None:
        answer = answer_item(text, raw=self.raw, json=self._json)
        self._show_of_turn(answer)
        self._answer = answer

    def _begin_turn(self, question: str) -> None:
        self.conversation.find("")
        self._turns.append([])
        self._show_of_turn(question_item(len(self._turns), question, numbered=self._numbered))
        self.conversation.scroll_to_end()

    def _replace(self, others: Mapping[int, Item]) -> None:
        """Show other things in place of some, which are identified by their `id`."""
        for items in (self.conversation.items, *self._turns):
            items[:] = [others.get(id(item), item) for item in items]
        self.conversation.reset()

    def _withdraw(self, from_thought: bool, characters: int) -> None:
        if from_thought:
            self._thought.withdraw(characters)
            self.thinking.reset()
        elif self._answer:
            self._answer.withdraw(characters)
            self.conversation.reset()

    def _end_thought(self, *, unfinished: bool) -> None:
        if not self._meter.tokens:
            return
        self._meter.end_thought()
        fold = self._fold_line(self._meter.elapsed, self._meter.tokens, unfinished=unfinished)
        self._fold = fold
        self._show_of_turn(fold)

    def _fold_line(self, seconds: float, count: int, *, unfinished: bool) -> Passage:
        if before := self._begun:
            seconds, count = seconds + before.thinking_s, count + before.thinking_tokens
        edited = bool(before and before.edited)
        line = thought_for(seconds, count, unfinished=unfinished, edited=edited)
        self._title = line.capitalize()
        return Fold(line)

    def _finish(self, event: Finished) -> None:
        if self.state == "thinking":
            self._end_thought(unfinished=event.thinking_open)
        usage = event.usage
        if self._fold:  # the engine's own figures count the tags too
            seconds, count = usage.thinking_s, usage.thinking_tokens
            whole = self._fold_line(seconds, count, unfinished=event.thinking_open)
            self._replace({id(self._fold): whole})
        self._meter.measured = event.usage.tokens_per_s
        self.state = "idle"
        self._answer = None
        if ending := ending_of(event.reason):
            self._note_of_turn(ending)
