"""Drafts of a smaller model: what it finds likeliest to come next.

It reads what the model reads and writes, and its own KV cache follows: what was rewound or drafted
in vain is forgotten there too, and what two prompts begin with is read once.
"""

import time
from collections.abc import Callable, Iterable, Sequence

from r1local.engine.batch import shared_prefix
from r1local.engine.drafts import Drafts, Source
from r1local.engine.model import Model
from r1local.engine.pace import Pace
from r1local.engine.sampler import Sampler, SamplerSettings
from r1local.errors import InferenceError

#: How likely a drafted token is right, until experience says otherwise.
_PRIOR = 0.7
#: What a drafted token counts for in that experience, and how fast experience fades while nothing
#: is drafted, so that it is tried again.
_SHARE, _FADING = 1 / 8, 1 / 256
#: Tokens that it may be behind for a draft to begin with them.
_NEAR = 16
#: The share of a reply's time in which it may read on where it is far behind, besides the time
#: that its drafts have saved, and the tokens that it then reads at once, at first to learn how
#: long that takes.
_READING_SHARE, _SLICE, _FIRST_SLICE = 0.01, 32, 4


class DraftModel:
    """A smaller model of the same vocabulary, and what its drafts have been worth.

    Args:
        model: the smaller model, which this closes.
        eager: have it read the first prompt at once, as somebody asked for it.

    Attributes:
        pace: what its drafts are worth; the seconds of drafting count.
        accuracy: how likely a drafted token is right.
        drafts: how many drafts it has made.
        seconds_a_token: what it takes to read; 0 until that has been measured.
    """

    def __init__(self, model: Model, *, eager: bool) -> None:
        self.model = model
        self.pace = Pace()
        self.accuracy = _PRIOR
        self.drafts = 0
        self.seconds_a_token = 0.0
        self.likeliest = Sampler(SamplerSettings(temperature=0.0))
        self._eager = eager

    @property
    def trusted(self) -> bool:
        """Whether it may take its time: somebody asked for it, and its drafts are still unknown."""
        return self._eager and not self.drafts

    def learn(self, *, right: bool) -> None:
        """Learn whether a drafted token was right."""
        self.accuracy += (right - self.accuracy) * _SHARE

    def fade(self) -> None:
        """Forget a little of what was learnt."""
        self.accuracy += (_PRIOR - self.accuracy) * _FADING

    def close(self) -> None:
        """Free the model."""
        self.likeliest.close()
        self.model.close()


class ModelDrafter:
    """A smaller model's drafts for one text.

    Args:
        drafting: the smaller model.
        prompt: the beginning of the text.
        vocabulary_size: the tokens of the model that is drafted for; the smaller one can have more.
        cancelled: called while the prompt is read; True ends that.
    """

    def __init__(
        self,
        drafting: DraftModel,
        prompt: Iterable[int],
        vocabulary_size: int,
        cancelled: Callable[[], bool],
    ) -> None:
        self._drafting = drafting
        self._model = drafting.model
        self._size = vocabulary_size
        self._cancelled = cancelled
        self._tokens = [*prompt]
        self._drafted: list[int] = []  # what is left of the last draft
        self._failed = False
        #: Tokens of the text that the smaller model has evaluated.
        self._read = shared_prefix(self._model.evaluated, self._tokens)
        self._began, self._spent = time.perf_counter(), 0.0
        self._catch_up()

    @property
    def confidence(self) -> float:
        """How likely the first token of a draft would be right; 0 if it is far behind."""
        near = len(self._tokens) - self._read <= _NEAR
        return self._drafting.accuracy if near and self._room > 0 else 0.0

    @property
    def _room(self) -> int:
        return 0 if self._failed else self._model.context_window - len(self._tokens)

    def feed(self, tokens: Iterable[int]) -> None:
        """Take the next tokens of the text, and learn whether they were drafted."""
        evaluated = self._model.evaluated
        for token in tokens:
            place = len(self._tokens)
            if self._read == place < len(evaluated) and evaluated[place] == token:
                self._read += 1
            self._compare(token)
            self._tokens.append(token)
        self._catch_up()

    def rewind(self, position: int) -> None:
        """Forget all but the first `position` tokens of the text."""
        del self._tokens[position:]
        self._read = min(self._read, position)
        self._drafted = []

    def propose(self, most: int) -> Sequence[int]:
        """Return at most so many tokens that may come next, the likeliest each time."""
        self._drafting.drafts += 1
        try:
            draft = self._likeliest(most)
        except InferenceError:  # such as no memory: the reply goes on without it
            self._failed, draft = True, []
        self._drafted = draft.copy()
        return draft

    def _likeliest(self, most: int) -> list[int]:
        """Have the smaller model go on with the text."""
        model, draft = self._model, list[int]()
        read = min(self._read, len(self._tokens) - 1)
        model.rewind(read)
        model.advance(*self._tokens[read:])
        self._read = len(self._tokens)
        while len(draft) < min(most, self._room):
            if draft:
                model.advance(draft[-1])
            token = model.sample(self._drafting.likeliest)
            if token >= self._size:
                break
            draft.append(token)
            if model.vocabulary.ends_reply(token):
                break
        return draft

    def _compare(self, token: int) -> None:
        """Learn from a token whether the draft was right, as far as it has been."""
        if not self._drafted:
            self._drafting.fade()
            return
        right = token == self._drafted[0]
        self._drafting.learn(right=right)
        self._drafted = self._drafted[1:] if right else []

    def _catch_up(self) -> None:
        """Have the smaller model read on where it is behind, as far as it may take the time.

        The text's last token is left for the draft, which begins with its logits.
        """
        last = len(self._tokens) - 1
        while last - self._read >= (1 if self._drafting.trusted else _NEAR) and self._room > 0:
            count = _SLICE if self._drafting.seconds_a_token else _FIRST_SLICE
            end = last if self._drafting.trusted else min(last, self._read + count)
            if not (self._may_read(end - self._read) and self._evaluate(end)):
                return

    def _may_read(self, count: int) -> bool:
        """Whether there is time to read so many tokens."""
        seconds = count * self._drafting.seconds_a_token
        allowed = _READING_SHARE * (time.perf_counter() - self._began)
        if self._drafting.trusted or self._spent + seconds <= allowed:
            return True
        return self._drafting.pace.spend(seconds)

    def _evaluate(self, end: int) -> bool:
        """Evaluate the text up to a place; return whether that has succeeded."""
        started, count = time.perf_counter(), end - self._read
        try:
            self._model.rewind(self._read)
            whole = self._model.evaluate(self._tokens[:end], self._cancelled) is not None
        except InferenceError:
            self._failed, whole = True, False
        if whole:
            self._read = end
            seconds = time.perf_counter() - started
            self._spent += seconds
            self._drafting.seconds_a_token = seconds / count
        return whole


class DraftsOfModel(Drafts):
    """Drafts of a smaller model, besides those from what was written before.

    Args:
        smaller: the smaller model, which this closes.
        vocabulary_size: the tokens of the model that is drafted for.
        asked_for, alike: see `Drafts`.

    Attributes:
        drafting: the smaller model, and what its drafts have been worth.
    """

    def __init__(
        self, smaller: Model, vocabulary_size: int, *, asked_for: bool = True, alike: bool = False
    ) -> None:
        super().__init__(asked_for=asked_for, alike=alike)
        self.drafting = DraftModel(smaller, eager=asked_for)
        self._size = vocabulary_size

    def sources(self, prompt: Sequence[int], cancelled: Callable[[], bool]) -> tuple[Source, ...]:
        """Return the sources of drafts for a prompt and its reply."""
        smaller = ModelDrafter(self.drafting, prompt, self._size, cancelled)
        return *super().sources(prompt, cancelled), Source(smaller, self.drafting.pace)

    def renewed(self) -> "DraftsOfModel":
        """Return drafts of the same model that know nothing yet."""
        model = self.drafting.model
        model.rewind(0)
        return DraftsOfModel(model, self._size, asked_for=self.asked_for, alike=self.alike)

    def close(self) -> None:
        """Free the smaller model."""
        self.drafting.close()
