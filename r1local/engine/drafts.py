"""Drafts: guesses of the next tokens, which the model then checks several at a time.

Text that people and models write repeats itself: an answer its thought, a thought its question, a
changed file the old one. So the longest end of a text that occurred before, and what followed it
then, make good drafts without another model, as in SuffixDecoding (Oliaro et al. 2024, arXiv
2411.04975). Its suffix tree is a suffix automaton here (Blumer et al. 1985), which takes a token
in constant time on average: docs/benchmarks.md has how long.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol

from r1local.engine.pace import Pace
from r1local.engine.shared_pace import SharedPace

_ROOT, _NONE = 0, -1
#: Ends of a text that are counted at each token, from the longest that occurred before.
_COUNTED = 8
#: States from which on new replies begin without earlier ones, and from which on nothing is added,
#: as in a vote of long replies: about 40 MB and 80 MB.
_MOST_STATES, _FULL = 2**17, 2**18
#: Where a text has gone on in more ways than this, there is no draft.
_MOST_WAYS = 4
#: Lengths of matches are told apart by their number of bits, up to this one.
_MOST_BITS = 6
#: How likely a draft's first token is right, by those bits, until experience says otherwise.
_ALONE = (0.0, 0.25, 0.4, 0.55, 0.7, 0.8, 0.9)
_AMONG_OTHERS = (0.0, 0.15, 0.25, 0.35, 0.45, 0.5, 0.6)
#: What one token counts for in that experience.
_SHARE = 1 / 16


class Drafter(Protocol):
    """A source of drafts for one text, the tokens of a prompt and its reply so far."""

    @property
    def confidence(self) -> float:
        """How likely the first token of a draft would be right; 0 if there is none."""

    def feed(self, tokens: Iterable[int]) -> None:
        """Take the next tokens of the text."""

    def rewind(self, position: int) -> None:
        """Forget all but the first `position` tokens of the text."""

    def propose(self, most: int) -> Sequence[int]:
        """Return at most so many tokens that may come next."""


class Source(NamedTuple):
    """A source of drafts for one text, and what they are worth."""

    drafter: Drafter
    pace: Pace


class SuffixAutomaton:
    """Everything that occurs in some texts, which can grow in turns.

    A state stands for the strings that end at the same places. A transition leads from a string
    to those one token longer, a link to the longest of its ends that also occurs elsewhere.

    Attributes:
        following: of each state, the next states by token.
        links: of each state, its link.
        lengths: of each state, the tokens of its longest string.
        counts: of each state, about how many times its strings occurred.
    """

    def __init__(self) -> None:
        self.following: list[dict[int, int]] = [{}]
        self.links = [_NONE]
        self.lengths = [0]
        self.counts = [0]

    def extend(self, state: int, token: int) -> int:
        """Append a token to a text.

        Args:
            state: the state of the text so far; `_ROOT` for a new one.
            token: what comes next.

        Returns:
            The state of the longer text.
        """
        following, links, lengths = self.following, self.links, self.lengths
        length = lengths[state] + 1
        if token in following[state]:
            state = self._of_length(state, token, length)
        else:
            new, before = len(following), state
            following.append({})
            lengths.append(length)
            self.counts.append(0)
            links.append(_ROOT)
            while before >= 0 and token not in following[before]:
                following[before][token] = new
                before = links[before]
            if before >= 0:
                links[new] = self._of_length(before, token, lengths[before] + 1)
            state = new
        self._count(state)
        return state

    @property
    def full(self) -> bool:
        """Whether it takes as much memory as it may."""
        return len(self.links) >= _FULL

    def likeliest(self, state: int) -> int:
        """Return the token that came most often after a state that has transitions."""
        following, counts = self.following[state], self.counts
        likeliest, most = _NONE, -1
        for token, after in following.items():
            if counts[after] >= most:  # of equals, the one that came as something new last
                likeliest, most = token, counts[after]
        return likeliest

    def matched(self, state: int) -> int:
        """Return the state of a text's longest end after which something came before."""
        while not self.following[state] and state:
            state = self.links[state]
        return state

    def _of_length(self, before: int, token: int, length: int) -> int:
        """Return the state after a transition, divided if it also stands for longer strings."""
        following, links, lengths = self.following, self.links, self.lengths
        whole = following[before][token]
        if lengths[whole] == length:
            return whole
        part = len(following)
        following.append(following[whole].copy())
        lengths.append(length)
        self.counts.append(self.counts[whole])
        links.append(links[whole])
        links[whole] = part
        while before >= 0 and following[before].get(token) == whole:
            following[before][token] = part
            before = links[before]
        return part

    def _count(self, state: int) -> None:
        counts, links = self.counts, self.links
        for _ in range(_COUNTED):
            counts[state] += 1
            state = links[state]
            if state <= 0:
                return


class SuffixDrafter:
    """Drafts from what followed the longest end of a text when it occurred before, in any text.

    Args:
        automaton: the texts; this one is added to them.
        experience: how often drafts were right, of all that share it.
        begun: the states of the text's beginning.
    """

    def __init__(
        self, automaton: SuffixAutomaton, experience: list[list[float]], begun: Iterable[int]
    ) -> None:
        self._automaton = automaton
        self._experience = experience
        self._states = [*begun]
        self._look()

    @property
    def confidence(self) -> float:
        """How likely the first token of a draft would be right; 0 if there is none."""
        return 0.0 if self._automaton.full else self._kind[self._bits]

    def feed(self, tokens: Iterable[int]) -> None:
        """Take the next tokens of the text, and learn whether the draft would have been right."""
        automaton, states = self._automaton, self._states
        for token in () if automaton.full else tokens:
            if bits := self._bits:
                right = token == automaton.likeliest(self._matched)
                self._kind[bits] += (right - self._kind[bits]) * _SHARE
            states.append(automaton.extend(states[-1], token))
            self._look()

    def rewind(self, position: int) -> None:
        """Forget all but the first `position` tokens of the text; for other texts they remain."""
        del self._states[position + 1 :]
        self._look()

    def propose(self, most: int) -> Sequence[int]:
        """Return at most so many tokens that may come next, and twice the match's at most."""
        automaton, state = self._automaton, self._matched
        draft: list[int] = []
        for _ in range(min(most, 2 * automaton.lengths[state])):
            state = automaton.matched(state)
            if not state:
                break
            token = automaton.likeliest(state)
            draft.append(token)
            state = automaton.following[state][token]
        return draft

    def _look(self) -> None:
        """Find the longest end of the text that occurred before."""
        automaton = self._automaton
        self._matched = state = automaton.matched(self._states[-1])
        ways = len(automaton.following[state])
        self._kind = self._experience[ways == 1]
        bits = automaton.lengths[state].bit_length()
        self._bits = 0 if ways > _MOST_WAYS else min(bits, _MOST_BITS)


class Drafts:
    """What drafts are made from while a model is loaded: its texts, and how often they were right.

    Earlier texts remain, such as thoughts that are no longer in the prompt, or a reply that is
    asked for again.

    Args:
        asked_for: see below.
        alike: see below.

    Attributes:
        pace: what drafts are worth with this model on this machine.
        shared_pace: the same where several replies share each step.
        asked_for: whether every reply may have drafts, also those that are expected to be the same
            each time: which steps have one depends on the time that they take.
        alike: whether steps of several tokens round as those of one do, with flash attention.
    """

    def __init__(self, *, asked_for: bool = True, alike: bool = False) -> None:
        self.asked_for = asked_for
        self.alike = alike
        self.pace = Pace()
        self.shared_pace = SharedPace()
        self._automaton = SuffixAutomaton()
        self._prompt: tuple[Sequence[int], list[int]] = (), [_ROOT]
        self._experience = [list(_AMONG_OTHERS), list(_ALONE)]

    def drafter(self, prompt: Sequence[int]) -> Drafter:
        """Return a source of drafts for a prompt and its reply.

        Replies to the very same prompt, as in a vote, are sources for each other.
        """
        if len(self._automaton.links) > _MOST_STATES and prompt is not self._prompt[0]:
            self._automaton = SuffixAutomaton()
        elif prompt is self._prompt[0]:
            return SuffixDrafter(self._automaton, self._experience, self._prompt[1])
        states = [_ROOT]
        for token in prompt:
            states.append(self._automaton.extend(states[-1], token))
        self._prompt = prompt, states
        return SuffixDrafter(self._automaton, self._experience, states)

    def sources(
        self,
        prompt: Sequence[int],
        cancelled: Callable[[], bool],  # noqa: ARG002  (others read the prompt, which takes time)
    ) -> tuple[Source, ...]:
        """Return the sources of drafts for a prompt and its reply."""
        return (Source(self.drafter(prompt), self.pace),)

    def close(self) -> None:
        """Free what drafts are made with."""
