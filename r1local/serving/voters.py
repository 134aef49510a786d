"""Votes on an engine that others use at the same time."""

from collections.abc import Callable, Sequence
from queue import SimpleQueue

from r1local.conversation import Conversation
from r1local.events.reply import Finished, Notice
from r1local.replies.abilities import Abilities
from r1local.replies.control import Control, SteeringCommand
from r1local.replies.engine import Begun, Happening, ManyReplies, PreparedPrompt, never
from r1local.replies.runner import Runner
from r1local.replies.settings import ReplySettings


class SharedReplier:
    """A `Replier` whose replies a runner makes, together with those of others.

    Args:
        runner: asks the engine.
        at_once: the number of replies that are asked for at the same time.
    """

    def __init__(self, runner: Runner, at_once: int) -> None:
        self._runner = runner
        self.at_once = at_once

    @property
    def name(self) -> str:
        """What notices and errors call it."""
        return self._runner.engine.name

    @property
    def abilities(self) -> Abilities:
        """What it can do."""
        return self._runner.engine.abilities

    @property
    def load_s(self) -> float:
        """Seconds of opening it, which nobody waits for now."""
        return 0.0

    def prepare(
        self,
        conversation: Conversation,
        settings: ReplySettings,
        begun: Begun | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> PreparedPrompt:
        """Make the prompt of a reply."""
        return self._runner.call(
            lambda e: e.prepare(conversation, settings, begun, cancelled)
        ).result()

    def together(self) -> ManyReplies:
        """Begin to make many replies."""
        return _Share(self._runner)

    def new_notices(self, notices: Sequence[Notice]) -> Sequence[Notice]:
        """Return the notices: whoever asks over HTTP has not seen those of others."""
        return notices


class _Share:
    """Those replies of a runner that belong to one asker."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner
        self._happenings: SimpleQueue[tuple[int, Happening]] = SimpleQueue()
        self._withdrawn: dict[int, _Withdrawable] = {}
        self._added = 0

    def add(self, prompt: PreparedPrompt, settings: ReplySettings, control: Control) -> int:
        """Ask for another reply."""
        self._added = number = self._added + 1
        withdrawable = self._withdrawn[number] = _Withdrawable(control)
        listener = self._listener(number)
        self._runner.reply(lambda _: prompt, settings, withdrawable, listener).result()
        return number

    def step(self) -> list[tuple[int, Happening]]:
        """Wait until something happens, and return it."""
        if not self._withdrawn:
            return []
        happened = [self._happenings.get()]
        while not self._happenings.empty():
            happened.append(self._happenings.get())
        for number, happening in happened:
            if isinstance(happening, Finished | Exception):
                self._withdrawn.pop(number, None)
        return happened

    def cancel(self, number: int) -> None:
        """End a reply before its next token."""
        if control := self._withdrawn.get(number):
            control.withdrawn = True

    def close(self, keep: PreparedPrompt | None = None) -> None:  # noqa: ARG002  (the runner keeps)
        """End all replies of this asker."""
        for number in self._withdrawn:
            self.cancel(number)

    def _listener(self, number: int) -> Callable[[Happening], None]:
        return lambda happening: self._happenings.put((number, happening))


class _Withdrawable(Control):
    """A reply's control, and a switch of its own."""

    def __init__(self, control: Control) -> None:
        super().__init__()
        self._control = control
        self.withdrawn = False

    def cancelled(self) -> bool:
        """Return whether the reply should end."""
        return self.withdrawn or self._control.cancelled()

    def next_command(self) -> SteeringCommand | None:
        """Return the oldest command that has not been returned yet, or None."""
        return self._control.next_command()
