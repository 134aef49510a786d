"""The declaration of an option: its name, its values, and where it can be set."""

from typing import Any, Literal, NamedTuple, TypeAlias

from r1local.config.kinds import File, Kind, Pattern, Plain, Several, Text, as_text
from r1local.errors import InvalidSetting
from r1local.language import _

#: What an option is about, in the order of docs/config.md.
Group: TypeAlias = Literal["program", "reply", "loading", "vote", "endpoint"]


class Option(NamedTuple):
    """Something a user can choose.

    Args:
        name: its name on the command line, without `--`.
        kind: the kind of its values.
        help: what it does, for the command line's help.
        default: its value if it isn't set; None if the program then decides.
        otherwise: what the program decides, in words, where the default doesn't say it.
        group: what it is about. Options of `reply` can be set in the chat.
        commands: the commands that have it on their command line.
        short: another name on the command line, such as `-m`.
        preference: whether a variable and `config.toml` can set it too.
        per_model: whether they can set it for a single model.
        in_catalog: whether a model's entry in `models.toml` can set it.
        field: where its value goes: for `reply` a field of `ReplySettings`, such as
            `sampler.top_p`; for `loading` a field of `LoadOptions` that isn't named like its key.
        twin: an option that sets the same thing in another way; the one set last counts.
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
        """Its key in TOML, and the name of its parameter."""
        return self.name.replace("-", "_")

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"R1LOCAL_{self.key.upper()}"

    @property
    def default_words(self) -> str:
        """What applies if it isn't set; empty if that isn't worth mentioning."""
        return self.otherwise or self.show(self.default)

    @property
    def described(self) -> str:
        """What it does, and what a value must be."""
        return f"{_(self.help).rstrip('.。')}: {_(self.kind.range)}"

    def parse(self, text: str) -> Any:
        """Return the value that a user wrote.

        Raises:
            InvalidSetting: the text is meaningless, or out of range.
        """
        return self.kind.parse(self.name, text)

    def read(self, raw: object) -> Any:
        """Return the value for a raw value from a TOML file.

        Raises:
            InvalidSetting: it is meaningless, or out of range.
        """
        if isinstance(self.kind, Text | Pattern | File) and not isinstance(raw, str):
            raise InvalidSetting(
                _("{name} must be text, not {value!r}", name=self.name, value=raw),
                _("write it in quotes"),
            )
        if isinstance(self.kind, Several) and isinstance(raw, list):
            return self.parse(",".join(map(as_text, raw)))
        return self.parse(as_text(raw))

    def plain(self, value: Any) -> Plain:
        """Return a value for TOML and JSON."""
        return self.kind.plain(value)

    def show(self, value: Any) -> str:
        """Return a value as text that `parse` reads."""
        return as_text(self.plain(value))
