"""What is declared of an option: what it is called, its values, and where it is set."""

from typing import Any, Literal, NamedTuple, TypeAlias

from r1local.config.kinds import File, Kind, Pattern, Plain, Text, as_text
from r1local.errors import InvalidSetting

#: What an option is about, in the order in which docs/config.md has them.
Group: TypeAlias = Literal["program", "reply", "loading", "vote"]


class Option(NamedTuple):
    """Something a user can choose.

    Args:
        name: as on the command line, without `--`.
        kind: what values there are.
        help: what it does, for the command line's help.
        default: its value where it is set nowhere; None where the program decides then.
        otherwise: what the program decides, in words, where that says more than the default.
        group: what it is about. Those of `reply` can be set in the chat.
        commands: the commands whose line has it.
        short: another name on the command line, such as `-m`.
        preference: it can be set by a variable and in `config.toml`, too.
        per_model: and there for one model alone.
        in_catalog: a model's entry in `models.toml` can have it.
        field: where its value goes: for `reply` a field of `ReplySettings`, such as
            `sampler.top_p`; for `loading` one of `LoadOptions` that isn't called as its key.
        twin: the option that says the same in other words: the one set last counts.
    """

    name: str
    kind: Kind
    help: str
    default: Any = None
    otherwise: str = ""
    group: Group = "program"
    commands: tuple[str, ...] = ()
    short: str | None = None
    preference: bool = True
    per_model: bool = False
    in_catalog: bool = False
    field: str = ""
    twin: str = ""

    @property
    def key(self) -> str:
        """Its key in TOML, and its parameter's name."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"R1LOCAL_{self.key.upper()}"

    @property
    def default_words(self) -> str:
        """What holds where it is set nowhere; empty where that is nothing to speak of."""
        return self.otherwise or self.show(self.default)

    @property
    def described(self) -> str:
        """What it does, and what a value must be."""
        return f"{self.help.rstrip('.')}: {self.kind.range}"

    def parse(self, text: str) -> Any:
        """The value that a user wrote.

        Raises:
            InvalidSetting: the text means nothing, or is out of range.
        """
        return self.kind.parse(self.name, text)

    def read(self, raw: object) -> Any:
        """The value that a TOML file has.

        Raises:
            InvalidSetting: it means nothing, or is out of range.
        """
        if isinstance(self.kind, Text | Pattern | File) and not isinstance(raw, str):
            raise InvalidSetting(f"{self.name} must be a text, not {raw!r}", "write it in quotes")
        return self.parse(as_text(raw))

    def plain(self, value: Any) -> Plain:
        """A value as TOML and JSON have it."""
        return self.kind.plain(value)

    def show(self, value: Any) -> str:
        """A value as `parse` reads it."""
        return as_text(self.plain(value))
