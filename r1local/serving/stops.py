"""The end of an answer at a text that its reader has no use for."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from r1local.events.reply import AnswerDelta, Event, Finished, Rewound


class Stops:
    """Looks for stop texts in the answer of one reply, wherever the model's tokens cut them.

    What may be the beginning of one is held back until more is known. Whoever reads the events
    cancels the reply once one is `found`.

    Args:
        texts: the stop texts, none of them empty.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._held = ""
        self._tokens = 0
        self.found = False

    def handle(self, event: Event) -> Iterator[Event]:
        """Yield the events to pass on for the next one."""
        match event:
            case AnswerDelta(text, tokens) if self._texts:
                yield from () if self.found else self._look(text, tokens)
            case Rewound("answer", characters) if self._texts:
                yield from () if self.found else self._withdraw(characters)
            case Finished():
                if self._held:
                    yield AnswerDelta(self._held, self._tokens)
                yield replace(event, reason="stop") if self.found else event
            case _:
                yield event

    def _look(self, text: str, tokens: int) -> Iterator[Event]:
        text, self._held, self._tokens = self._held + text, "", tokens
        # The one that is complete first: so it doesn't matter how the text was cut.
        found = [(at + len(s), at) for s in self._texts if (at := text.find(s)) >= 0]
        if found:
            self.found = True
            text = text[: min(found)[1]]
        else:
            cut = len(text) - self._beginning(text)
            text, self._held = text[:cut], text[cut:]
        if text:
            yield AnswerDelta(text, tokens)

    def _beginning(self, text: str) -> int:
        """Return how many characters at the end of a text may begin a stop text."""
        longest = min(len(text), max(map(len, self._texts)) - 1)
        lengths = range(longest, 0, -1)
        return next((n for n in lengths if any(s.startswith(text[-n:]) for s in self._texts)), 0)

    def _withdraw(self, characters: int) -> Iterator[Event]:
        kept = max(0, len(self._held) - characters)
        characters -= len(self._held) - kept
        self._held = self._held[:kept]
        if characters:
            yield Rewound("answer", characters)
