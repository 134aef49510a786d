"""What is to be decided in a chat: options, of which the user types the number."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from r1local.chat.surface import Surface
from r1local.errors import UsageError
from r1local.language import _

#: A choice as people type it: 2, 2. or 2)
_NUMBER = re.compile(r"\s*([0-9]{1,9})[.)]?\s*")


@dataclass(frozen=True, slots=True)
class Option:
    """One of several things to do: what it is, and how to do it."""

    told: str
    action: Callable[[], None]


class Choices:
    """The options offered last, while one is still to be chosen.

    `unasked` is a question that waits for the choice.

    Args:
        surface: where they are shown.
    """

    def __init__(self, surface: Surface) -> None:
        self.unasked = ""
        self._surface = surface
        self._options: Sequence[Option] = ()

    def number_in(self, text: str) -> str | None:
        """Return the number that a text chooses; None if there is no choice, or it's no number."""
        number = _NUMBER.fullmatch(text) if self._options else None
        return number[1] if number else None

    def offer(self, told: str, *options: Option) -> None:
        """Say what is to be decided, in place of any earlier choice; the next number decides it."""
        self.pass_over()
        self._options = options
        listed = "\n".join(f"{n}  {option.told}" for n, option in enumerate(options, 1))
        self._surface.say(_("{told}. Type a number:\n{listed}", told=told, listed=listed))
        self._surface.need_choice(told)

    def choose(self, number: int) -> None:
        """Carry out one of the options offered.

        Raises:
            UsageError: there is none with that number.
        """
        if not 0 < number <= len(self._options):
            raise UsageError(
                _("there is no choice {number}", number=number),
                _("type 1 to {count}", count=len(self._options)),
            )
        option, self._options = self._options[number - 1], ()
        self.unasked = ""
        option.action()

    def pass_over(self) -> None:
        """Choose none of the options offered; a question that waits for the choice comes back."""
        unasked, self.unasked, self._options = self.unasked, "", ()
        if unasked:
            self._surface.type(unasked)
