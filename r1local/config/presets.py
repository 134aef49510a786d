"""Presets and aliases: the tables `[presets.NAME]` and `[aliases]` of `config.toml`.

A preset is a system prompt, a model, settings and the text of a question, under one name; what it
sets is read in `config.preferences`. An alias is another name for a model. (Named tuples, for the
reason that `config.kinds` gives.)
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import chain
from typing import NamedTuple

from r1local.errors import InvalidSetting, UsageError, nearest
from r1local.language import _

#: The table of `config.toml` that contains a table for each preset, and the one of aliases.
PRESETS, ALIASES = "presets", "aliases"
#: The key of a preset's table that is no setting: the text of the question.
PROMPT = "prompt"
#: The field that stands for what the user asks.
INPUT = "input"
#: The word that chooses no preset.
NO_PRESET = "none"
#: Signs that a name may have besides letters and digits: none that a shell, a reference to a model
#: (`lab:`, `hf:`) or a path would read otherwise.
_SIGNS = "_.-"
#: Compiled when it is needed: most commands have no preset.
_PIECE = r"\{\{|\}\}|\{(?P<field>[^\W\d]\w*)\}|[{}]|[^{}]+"


class PromptTemplate(NamedTuple):
    """The text of a question with fields in it.

    Args:
        text: as it was written.
        pieces: texts, each with the field behind it; None behind the last.
    """

    text: str
    pieces: tuple[tuple[str, str | None], ...]

    @classmethod
    def read(cls, text: str, place: str) -> "PromptTemplate":
        """Read a text in which `{name}` is a field, and `{{` and `}}` are braces.

        Args:
            place: where it stands, for errors.

        Raises:
            InvalidSetting: a brace is neither.
        """
        pieces, literal = list[tuple[str, str | None]](), ""
        for found in re.finditer(_PIECE, text):
            if field := found["field"]:
                pieces.append((literal, field))
                literal = ""
            elif found[0] in ("{", "}"):
                raise InvalidSetting(
                    _(
                        "{place}: the brace at character {start:,} is part of no field",
                        place=place,
                        start=found.start() + 1,
                    ),
                    _("a field is {name}; write {{ and }} for braces"),
                )
            else:
                literal += found[0][0] if found[0] in ("{{", "}}") else found[0]
        return cls(text, (*pieces, (literal, None)))

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of its fields, each once, `input` among them."""
        return tuple(dict.fromkeys(field for _text, field in self.pieces if field))

    def filled(self, values: Mapping[str, str]) -> str:
        """Return the text with each field's value, in which braces mean nothing."""
        parts = ((text, values[field] if field else "") for text, field in self.pieces)
        return "".join(chain.from_iterable(parts))


class PresetQuestion(NamedTuple):
    """A preset's prompt, and the values given for its fields.

    Args:
        preset: the preset's name.
        template: its prompt; None if it has none.
        values: the values by the names of fields.
    """

    preset: str
    template: PromptTemplate | None
    values: Mapping[str, str]

    def check(self, flag: str = "-F ") -> None:
        """Refuse values that are missing, or that no field takes.

        Args:
            flag: what stands before a value where the user gives it, for the hint.

        Raises:
            UsageError: as said.
        """
        fields = [each for each in self.template.fields if each != INPUT] if self.template else []
        for name in self.values:
            if name not in fields:
                hint = nearest(name, fields) if fields else _("leave it out: there are no fields")
                raise UsageError(
                    _("preset {preset} has no field {name}", preset=self.preset, name=name), hint
                )
        if missing := [name for name in fields if name not in self.values]:
            flags = " ".join(f"{flag}{name}=…" for name in missing)
            names = _(" and ").join(missing)
            raise UsageError(
                _("preset {preset} needs a value for {names}", preset=self.preset, names=names),
                _("give it: {options}", options=flags),
            )

    @property
    def takes_input(self) -> bool:
        """Whether the prompt says where the user's question goes."""
        return self.template is not None and INPUT in self.template.fields

    @property
    def begins(self) -> bool:
        """Whether the prompt is a question by itself."""
        return self.template is not None and not self.takes_input

    def ask(self, question: str | None) -> str | None:
        """Return the question to ask: the prompt with what the user asks in it, or behind it.

        Args:
            question: what the user asks; None if there is nothing.

        Raises:
            UsageError: the prompt needs it.
        """
        if self.template is None:
            return question
        if self.takes_input and not (question or "").strip():
            raise UsageError(
                _("preset {preset} needs a text for {{{input}}}", preset=self.preset, input=INPUT),
                _('give it: r1local run -p {preset} "…", or pipe it in', preset=self.preset),
            )
        text = self.template.filled({**self.values, INPUT: question or ""})
        return text if self.takes_input or not question else f"{text}\n\n{question}"


def can_be_name(text: str) -> bool:
    """Return whether a text may be the name of a preset or an alias."""
    usable = all(each.isalnum() or each in _SIGNS for each in text) and text[:1] not in (*".-", "")
    return usable and text.lower() != NO_PRESET and not text.lower().endswith(".gguf")


def checked_names(names: Iterable[str], table: str, place: str) -> None:
    """Refuse names of presets or aliases that can't be typed, or that mean the same.

    Raises:
        InvalidSetting: as said.
    """
    given = list(names)
    for name in given:
        if not can_be_name(name):
            hint = _("write one like review: letters, digits, hyphens")
            raise InvalidSetting(
                _(
                    "{place}: {name!r} can't be a name in [{table}]",
                    place=place,
                    name=name,
                    table=table,
                ),
                hint,
            )
    twice = [name for name, count in Counter(map(str.lower, given)).items() if count > 1]
    if twice:
        written = _(" and ").join(name for name in given if name.lower() in twice)
        raise InvalidSetting(
            _(
                "{place}: {written} are the same in [{table}]",
                place=place,
                written=written,
                table=table,
            ),
            _("keep one of them"),
        )


def read_aliases(entries: object, place: str) -> Mapping[str, str]:
    """Return the references to models that the table `[aliases]` has, by names in lower case.

    Args:
        place: the file.

    Raises:
        InvalidSetting: something in it isn't allowed.
    """
    if not isinstance(entries, dict):
        raise InvalidSetting(
            _("{place}: {name} must be a table", place=place, name=ALIASES),
            _("write [{aliases}]", aliases=ALIASES),
        )
    checked_names(entries, ALIASES, place)
    lower = {name.lower() for name in entries}
    for name, target in entries.items():
        if not isinstance(target, str) or not target.strip():
            told = _(
                "{place} [{aliases}]: {name} must be a model's name",
                place=place,
                aliases=ALIASES,
                name=name,
            )
            raise InvalidSetting(told, _('write it in quotes: {name} = "7b:q5_k_m"', name=name))
        if target.strip().lower() in lower:
            told = _(
                "{place} [{aliases}]: {name} stands for another alias, {other}",
                place=place,
                aliases=ALIASES,
                name=name,
                other=target.strip(),
            )
            raise InvalidSetting(told, _("let it stand for the model itself"))
    return {name.lower(): target.strip() for name, target in entries.items()}
