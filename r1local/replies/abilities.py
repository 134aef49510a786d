"""What an engine can do, and what is said where it can't do what is asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from r1local.events.reply import Notice
from r1local.language import N_, _
from r1local.replies.control import Control, SteeringCommand
from r1local.replies.settings import ReplySettings, by_default, is_by_default

#: The options of `SamplerSettings` that say which tokens may be drawn.
SAMPLER_OPTIONS = frozenset({"temperature", "top-p", "top-k", "min-p"})
_LOOP_OPTIONS = ("loop-repeats", "loop-tokens", "loop-period", "loop-patience")
_STEERING: dict[SteeringCommand, str] = {
    "answer now": N_("end a thought early"),
    "think more": N_("put off the end of a thought"),
}


#: What an engine may be able to do, in the words of `show`, by the fields of `Abilities`.
_WORDS = {
    "budgets": N_("end a thought at a budget"),
    "answer_now": N_("answer now"),
    "min_think": N_("make a thought go on"),
    "no_think": N_("answer without thinking"),
    "continues": N_("go on with a reply that was cut"),
    "continues_thoughts": N_("go on inside a thought"),
    "seeds": N_("repeat a reply by its seed"),
    "schema": N_("hold an answer to a JSON schema"),
    "grammar": N_("hold an answer to a grammar"),
    "loops": N_("lead a reply out of a loop"),
}


@dataclass(frozen=True, slots=True)
class Abilities:
    """What an engine can do; by default everything, as llama.cpp in this process can.

    Args:
        budgets: ends a thought after a number of tokens, and keeps room for the answer.
        efforts: thinks less or more by a word, where it knows no number of tokens.
        min_think: lets a thought that ends early go on.
        no_think: answers without thinking.
        answer_now, think_more: follows these commands while a thought is written.
        seeds: draws the same tokens again for the same seed.
        sampler: the names of the options of drawing that it knows, of `SAMPLER_OPTIONS`.
        grammar: holds an answer to a GBNF grammar while it is written.
        schema: holds an answer to a JSON schema while it is written.
        loops: leads a reply out of a loop.
        continues: lets a reply that was cut go on where it was cut.
        continues_thoughts: also where that is inside its thought, which may have been edited.
        counts: knows how many tokens a prompt has before it is sent.
        resizes: can be opened again with a context of another size.
        keeps_state: has a KV cache that can be kept and put back (`Engine.kv_state`).
    """

    budgets: bool = True
    efforts: bool = True
    min_think: bool = True
    no_think: bool = True
    answer_now: bool = True
    think_more: bool = True
    seeds: bool = True
    sampler: frozenset[str] = SAMPLER_OPTIONS
    grammar: bool = True
    schema: bool = True
    loops: bool = True
    continues: bool = True
    continues_thoughts: bool = True
    counts: bool = True
    resizes: bool = True
    keeps_state: bool = True

    def goes_on(self, *, inside: bool) -> bool:
        """Return whether the engine lets a reply go on, `inside` its thought or behind it."""
        return self.continues and (self.continues_thoughts or not inside)

    def follows(self, command: SteeringCommand) -> bool:
        """Return whether the engine follows a command while a thought is written."""
        return self.answer_now if command == "answer now" else self.think_more

    @property
    def steered(self) -> bool:
        """Whether the engine follows every command."""
        return self.answer_now and self.think_more

    @property
    def options_lacking(self) -> Iterator[str]:
        """The names of the options of replies that have no effect on the engine."""
        groups = {
            ("think-budget",): self.budgets or self.efforts,
            ("answer-reserve",): self.budgets,
            ("min-think", "max-waits"): self.min_think,
            ("no-think",): self.no_think,
            ("seed",): self.seeds,
            _LOOP_OPTIONS: self.loops,
        }
        for names, able in groups.items():
            yield from () if able else names
        yield from sorted(SAMPLER_OPTIONS - self.sampler)


def within(
    settings: ReplySettings, abilities: Abilities, engine: str
) -> tuple[ReplySettings, tuple[Notice, ...]]:
    """Return the settings as far as an engine can follow them, and what it can't.

    An option that the engine doesn't have gets its default, and is only mentioned if it was set.

    Args:
        settings: how the user wants the reply.
        abilities: what the engine can do.
        engine: its name.
    """
    told = []
    for name in abilities.options_lacking:
        if not is_by_default(settings, name):
            settings = by_default(settings, name)
            told.append(
                _notice(
                    _(
                        "{name} has no effect: {engine} has nothing like it",
                        name=name,
                        engine=engine,
                    )
                )
            )
    settings, of_form = _form_within(settings, abilities, engine)
    return settings, (*told, *of_form)


def _form_within(
    settings: ReplySettings, abilities: Abilities, engine: str
) -> tuple[ReplySettings, tuple[Notice, ...]]:
    """Return `within` for the form of the answer; a schema comes with a grammar of it."""
    if settings.grammar is None or abilities.grammar:
        return settings, ()
    if settings.schema is not None and abilities.schema:
        return replace(settings, grammar=None), ()
    if settings.schema is None:
        told = _("the answer's form is free: {engine} can't hold it to a grammar", engine=engine)
    else:
        told = _(
            "{engine} can't hold the answer to the schema; it is checked at its end", engine=engine
        )
    return replace(settings, grammar=None, schema=None), (_notice(told),)


def able_words(abilities: Abilities, *, able: bool) -> Iterator[str]:
    """Yield what an engine can do, or what it can't, in words."""
    for field, words in _WORDS.items():
        if getattr(abilities, field) == able:
            yield _(words)


def refusal(command: SteeringCommand, engine: str) -> Notice:
    """Return what to say when an engine is given a command that it can't follow."""
    return _notice(_("{engine} can't {steering}", engine=engine, steering=_(_STEERING[command])))


class AbleControl(Control):
    """A reply's control that keeps from an engine the commands that it can't follow.

    Args:
        control: what the user commands.
        abilities: what the engine can do.
        engine: its name.
    """

    def __init__(self, control: Control, abilities: Abilities, engine: str) -> None:
        super().__init__()
        self._control = control
        self._abilities = abilities
        self._engine = engine
        self._refused: list[Notice] = []

    def cancel(self) -> None:
        """End the reply."""
        self._control.cancel()

    def cancelled(self) -> bool:
        """Return whether the reply should end."""
        return self._control.cancelled()

    def next_command(self) -> SteeringCommand | None:
        """Return the oldest command that the engine can follow, or None."""
        self._sort()
        return super().next_command()

    def refused(self) -> tuple[Notice, ...]:
        """Return what is to be said of the commands that came since, and can't be followed."""
        self._sort()
        refused, self._refused = tuple(self._refused), []
        return refused

    def _sort(self) -> None:
        while command := self._control.next_command():
            if self._abilities.follows(command):
                self._commands.put(command)
            else:
                self._refused.append(refusal(command, self._engine))


def _notice(message: str) -> Notice:
    return Notice("engine", message)
