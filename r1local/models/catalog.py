"""The models that r1local knows by name: the facts in `models.toml` and in the user's own file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType, UnionType
from typing import Any, TypeVar, cast, get_args, get_origin, get_type_hints

from r1local.config.options import in_catalog
from r1local.config.paths import from_home, is_missing
from r1local.config.user_files import read_toml
from r1local.errors import CatalogError, InvalidSetting, nearest
from r1local.language import _
from r1local.machine.memory import PACKED_TYPES, MemoryFacts

#: The model that comes with r1local, so it needs no download.
EMBEDDED_MODEL = "nano"

#: How the quantizations begin of which most is in types that CPUs multiply faster.
_PACKED = tuple(PACKED_TYPES)
_PACKAGE = Path(__file__).parents[1]
_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True)
class Architecture:
    """What a model's memory depends on besides its file's size; lengths in numbers, not bytes.

    `latent_length` is set for DeepSeek's compressed attention (MLA): what a layer caches for a
    token, whatever the number of heads. `experts` is the number of experts in a layer of a
    mixture, of which a token uses `experts_used`.
    """

    layers: int
    embedding_length: int
    feed_forward_length: int
    key_value_heads: int
    head_length: int
    vocabulary_size: int
    latent_length: int | None = None
    experts: int = 0
    experts_used: int = 0


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """A model of the catalog; facts that aren't known are None or empty.

    Sizes are [bytes of the file, bytes read for one token] by quantization; the second may be
    missing. Scores are percentages (for Codeforces, ratings) and their `source`. Settings are
    what its publisher recommends for options, by their names and in TOML's types. Drafts are
    references of smaller models of the same vocabulary that can draft for it, the best one first.
    """

    name: str
    display_name: str
    summary: str = ""
    aliases: list[str] = field(default_factory=list)
    base_model: str | None = None
    license: str | None = None
    base_license: str | None = None
    parameters: int | None = None
    active_parameters: int | None = None
    context_length: int | None = None
    repo_id: str | None = None
    alternatives: list[str] = field(default_factory=list)
    file: str | None = None
    default_quantization: str = "Q4_K_M"
    system_prompt: bool | None = None
    hidden: bool = False
    architecture: Architecture | None = None
    scores: dict[str, float | str] = field(default_factory=dict)
    sizes: dict[str, list[int]] = field(default_factory=dict)
    drafts: list[str] = field(default_factory=list)
    settings: Mapping[str, object] = field(default_factory=dict)

    @property
    def path(self) -> Path | None:
        """The model's file if it lies outside every cache: in the package, or imported."""
        return _PACKAGE / self.file if self.file else None

    @property
    def repositories(self) -> tuple[str, ...]:
        """The repositories that publish its files, the preferred one first."""
        return (self.repo_id, *self.alternatives) if self.repo_id else ()

    @property
    def distilled(self) -> bool:
        """Whether it is another model that R1 taught, not R1 itself."""
        return self.base_model is not None and not self.base_model.startswith("DeepSeek")


@dataclass(frozen=True, slots=True)
class Catalog:
    """All known models by name, which of them only the user's file has, and its problems."""

    models: Mapping[str, CatalogModel]
    compared: Mapping[str, Mapping[str, float | str]]
    prices: Mapping[str, Mapping[str, float]]
    own: frozenset[str] = frozenset()
    problems: tuple[CatalogError, ...] = ()

    def find(self, name: str) -> CatalogModel | None:
        """Return the model with a name or alias, in any case."""
        wanted = name.lower()
        return self._by_name().get(wanted)

    def shown(self) -> Iterator[CatalogModel]:
        """Return the models that are listed: all except hidden ones."""
        return (model for model in self.models.values() if not model.hidden)

    def near(self, name: str) -> list[str]:
        """Return similar names and aliases, the most similar first."""
        from difflib import get_close_matches  # only errors need it

        return get_close_matches(name.lower(), self._by_name(), n=3, cutoff=0.55)

    def of_repository(self, repo_id: str) -> CatalogModel | None:
        """Return the model that a repository publishes."""
        for model in self.models.values():
            if repo_id.lower() in (known.lower() for known in model.repositories):
                return model
        return None

    def _by_name(self) -> dict[str, CatalogModel]:
        found = {a.lower(): model for model in self.models.values() for a in model.aliases}
        return found | {name.lower(): model for name, model in self.models.items()}


def models_toml() -> Path:
    """Return the path of `models.toml`: inside an installed package, above it in a checkout."""
    installed = _PACKAGE / "models.toml"
    return installed if installed.exists() else _PACKAGE.parent / "models.toml"


@cache
def load_catalog(user_file: Path | None = None) -> Catalog:
    """Return the catalog as `read_catalog` first read it in this process."""
    return read_catalog(user_file)


def read_catalog(user_file: Path | None = None) -> Catalog:
    """Read the shipped catalog, overlaid with the user's file of the same form.

    Wrong entries in the user's file are ignored and reported in `Catalog.problems`.
    """
    shipped = read_toml(models_toml(), CatalogError).entries
    if user_file is None or is_missing(user_file):
        return _catalog(shipped, shipped["models"])
    problems: list[CatalogError] = []
    try:
        own = read_toml(user_file, CatalogError).entries
    except CatalogError as error:
        return _catalog(shipped, shipped["models"], [error])
    if not isinstance(own.get("models", {}), dict):
        told = _("{place}: {name} must be tables", place=user_file, name="models")
        problems.append(CatalogError(told, _("mend it, or remove it")))
    merged = dict(shipped["models"])
    for name, entry in _table(own, "models").items():
        changed = {**merged.get(name, {}), **_placed(entry, user_file.parent)}
        try:
            _expect_files(name, _model(name, changed if isinstance(entry, dict) else entry))
        except _WrongField as error:
            problems.append(_problem(user_file, name, error))
        else:
            merged[name] = changed
    return _catalog(shipped, merged, problems)


def _catalog(
    shipped: Mapping[str, Any], models: dict[str, Any], problems: Sequence[CatalogError] = ()
) -> Catalog:
    return Catalog(
        models=MappingProxyType({name: _model(name, entry) for name, entry in models.items()}),
        compared=MappingProxyType(shipped["compared"]),
        prices=MappingProxyType(shipped["prices"]),
        own=frozenset(models.keys() - shipped["models"].keys()),
        problems=tuple(problems),
    )


def _placed(entry: object, folder: Path) -> dict[str, Any]:
    """Return a user's entry; like every path in the user's files, its file's is in their folder."""
    made = dict(entry) if isinstance(entry, dict) else {}
    file = made.get("file")
    return (
        made | {"file": str(folder / from_home(file))} if file and isinstance(file, str) else made
    )


def _expect_files(name: str, model: CatalogModel) -> None:
    if not model.file and not model.repositories:
        raise _WrongField(name, _("must have file or repo_id"))


def _table(entries: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = entries.get(name, {})
    return found if isinstance(found, dict) else {}


class _WrongField(Exception):
    """A field that is unknown, or whose value has the wrong type."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason


def _problem(path: Path, model: str, error: _WrongField) -> CatalogError:
    line = _line_of(read_toml(path, CatalogError).text, model, error.name)
    where = _("{path}, line {line}", path=path, line=line) if line else str(path)
    return CatalogError(
        f"{where}: {model}{f'.{error.name}' * (error.name != model)} {error.reason}",
        _("fix it; the entry is ignored until then"),
    )


def _line_of(text: str, model: str, name: str) -> int | None:
    """Return the line of a model's field, counted from 1, or of the model's table."""
    inside, found = False, None
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip()
        if bare.startswith("["):
            inside = bare.replace('"', "").strip("[] ").startswith(f"models.{model}")
            found = number if inside and found is None else found
            if inside and bare.replace('"', "").strip("[] ") == f"models.{model}.{name}":
                return number
        elif inside and bare.partition("=")[0].strip().strip('"') == name:
            return number
    return found


def _model(name: str, entry: object) -> CatalogModel:
    if not isinstance(entry, dict):
        raise _WrongField(name, _("must be a table"))
    recommended = {option.key: option for option in in_catalog()}
    made = {"display_name": name, **entry, "name": name}
    settings = {key: made.pop(key) for key in recommended if key in made}
    for key, value in settings.items():
        try:
            recommended[key].read(value)
        except InvalidSetting as error:
            raise _WrongField(
                key, _("is wrong: {reason}; {hint}", reason=error.message, hint=error.hint)
            ) from error
    architecture = made.get("architecture")
    if architecture is not None:
        try:
            made["architecture"] = _checked(Architecture, architecture, "architecture")
        except _WrongField as error:
            raise _WrongField(
                "architecture", _("is wrong: {name} {reason}", name=error.name, reason=error.reason)
            ) from error
    model = _checked(CatalogModel, made, name, also=recommended)
    return replace(model, settings={recommended[key].name: settings[key] for key in settings})


def _checked(kind: type[_Entry], entry: object, name: str, *, also: Iterable[str] = ()) -> _Entry:
    """Make a dataclass from a table after checking names and types; `also` are other keys."""
    if not isinstance(entry, dict):
        raise _WrongField(name, _("must be a table"))
    hints = _hints(cast(Any, kind))
    for key, value in entry.items():
        if key not in hints:
            raise _WrongField(key, _("is not known; {key}", key=nearest(key, [*hints, *also])))
        if not _is(value, hints[key]):
            raise _WrongField(
                key,
                _(
                    "must be {described}, not {value!r}",
                    described=_described(hints[key]),
                    value=value,
                ),
            )
    missing = [f.name for f in fields(cast(Any, kind)) if _required(f) and f.name not in entry]
    if missing:
        raise _WrongField(missing[0], _("is missing"))
    return kind(**entry)


@cache
def _hints(kind: type) -> Mapping[str, Any]:
    """Return the types of what a table may have: all fields but settings, which have own keys."""
    return {name: hint for name, hint in get_type_hints(kind).items() if name != "settings"}


def _required(spec: Field[Any]) -> bool:
    return spec.default is MISSING and spec.default_factory is MISSING


def _is(value: object, hint: Any) -> bool:
    """Return whether a TOML value has an annotated type; a whole number is also a float."""
    if isinstance(hint, UnionType):
        return any(_is(value, option) for option in get_args(hint))
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is list:
        return isinstance(value, list) and all(_is(item, arguments[0]) for item in value)
    if origin is dict:
        return isinstance(value, dict) and all(_is(item, arguments[1]) for item in value.values())
    if hint in (int, float) and isinstance(value, bool):
        return False
    return isinstance(value, (int, float) if hint is float else hint)


def _described(hint: Any) -> str:
    names = {str: "text", int: _("a whole number"), float: _("a number"), bool: _("true or false")}
    if isinstance(hint, UnionType):
        hint = get_args(hint)[0]
    if get_origin(hint) is list:
        return _("a list")
    return names.get(hint, "a table")


def facts_of_known(model: CatalogModel, quantization: str) -> MemoryFacts | None:
    """Return the catalog's facts about a model that isn't on this machine, or None."""
    shape, size = model.architecture, model.sizes.get(quantization)
    if shape is None or size is None:
        return None
    weights, read = size[0], size[-1]
    number = shape.latent_length or shape.key_value_heads * shape.head_length
    # Without a tensor table: everything except the vocabulary's two matrices is in equal layers.
    outside = 2 * shape.vocabulary_size * shape.embedding_length / (model.parameters or weights)
    multiplied = model.active_parameters or model.parameters or 0
    packed = quantization.startswith(_PACKED)
    return MemoryFacts(
        weights=weights,
        layers=(int(weights * max(0.0, 1 - outside) / shape.layers),) * shape.layers,
        keys=(number,) * shape.layers,
        values=(0 if shape.latent_length else number,) * shape.layers,
        embedding_length=shape.embedding_length,
        feed_forward_length=shape.feed_forward_length,
        vocabulary_size=shape.vocabulary_size,
        context_length=model.context_length or 0,
        read_per_token=read,
        head_lengths=(shape.latent_length or shape.head_length,),
        latent_attention=bool(shape.latent_length),
        packed_weights=multiplied if packed else 0,
        plain_weights=0 if packed else multiplied,
        experts=_experts(model, shape, weights),
        experts_used=shape.experts_used / shape.experts if shape.experts else 1.0,
    )


def _experts(model: CatalogModel, shape: Architecture, weights: int) -> tuple[int, ...]:
    """Return the bytes of each layer's experts: what is not read for a token tells how many."""
    if not (shape.experts and model.parameters and model.active_parameters):
        return ()
    unread = (model.parameters - model.active_parameters) / model.parameters
    share = min(1.0, unread / (1 - shape.experts_used / shape.experts))
    return (int(weights * share / shape.layers),) * shape.layers
