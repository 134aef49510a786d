"""Which model replies: the one named, here or elsewhere, or else the best one on this machine."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from r1local.config.endpoints import Endpoint
from r1local.config.paths import is_missing, real_path
from r1local.config.preferences import OfModel, settings_in_force
from r1local.errors import ModelNotInstalled, UnknownModel
from r1local.gguf.file import read_summary
from r1local.gguf.quantization import quality_rank
from r1local.language import _
from r1local.models.catalog import EMBEDDED_MODEL, Catalog, CatalogModel
from r1local.models.preferred import of_model
from r1local.models.references import (
    CatalogReference,
    HubReference,
    PathReference,
    endpoint_reference,
    parse_reference,
    unaliased,
)

#: Metadata that names a file's model, or the model it was made from.
_NAMES = ("general.basename", "general.name", "general.base_model.0.name")

if TYPE_CHECKING:
    from r1local.models.store.installed import Installed


@dataclass(frozen=True, slots=True)
class Selected:
    """A model file to run.

    `known` is its catalog entry, if it has one; `note` is a message to show first; `typed` is
    what the user called it.
    """

    name: str
    path: Path
    known: CatalogModel | None = None
    note: str | None = None
    typed: str | None = None
    quantization: str | None = None

    @property
    def preferred(self) -> OfModel:
        """Settings that the user and the catalog may have for this model alone."""
        return of_model((self.typed, self.name), self.known, self.quantization, self.path)

    @property
    def preference_name(self) -> str:
        """The table of `config.toml` that is for this model in this quantization."""
        if self.known is None:
            return str(real_path(self.path))
        several = self.quantization and self.known.path is None
        return f"{self.known.name}:{self.quantization}" if several else self.known.name

    @property
    def label(self) -> str:
        """What is opened, for people: the file's name."""
        return self.path.name

    @property
    def reference(self) -> str:
        """Reference that selects it again: its catalog name, or its file's path."""
        return self.known.name if self.known else str(real_path(self.path))


@dataclass(frozen=True, slots=True)
class RemoteModel:
    """A model of a server elsewhere; `model` is None where the server has only one.

    The rest is as for `Selected`.
    """

    endpoint: Endpoint
    model: str | None = None
    known: CatalogModel | None = None
    note: str | None = None

    @property
    def name(self) -> str:
        """What people call it."""
        return self.reference

    @property
    def preferred(self) -> OfModel:
        """Settings that the user and the catalog may have for this model, or for its endpoint."""
        chosen = of_model((self.reference,), self.known)
        names = (self.reference, f"{self.endpoint.name}:", *chosen.names)
        return OfModel(tuple(dict.fromkeys(names)), chosen.entry, chosen.place)

    @property
    def label(self) -> str:
        """What is opened, for people."""
        return self.reference

    @property
    def reference(self) -> str:
        """Reference that selects it again."""
        return self.endpoint.reference(self.model or "")


#: A model that can reply, wherever it is.
Chosen: TypeAlias = Selected | RemoteModel


def choose(
    reference: str | None, catalog: Catalog, given: Mapping[str, Any] | None = None
) -> Chosen:
    """Return the model that is to reply, as `select`; it may be one of a server elsewhere.

    Args:
        given: the values on the command line, of which a preset may name the model.

    Raises:
        UnknownModel, ModelNotInstalled, InvalidSetting: as for `select`.
    """
    named = reference
    if named is None and (set_ := settings_in_force(given).get("model")):
        named = set_.value
    if named and (meant := endpoint_reference(named, catalog)):
        return RemoteModel(meant.endpoint, meant.model, _taught(meant.model or "", catalog))
    return select(reference, catalog, given)


def _taught(model: str, catalog: Catalog) -> CatalogModel | None:
    """Return what the catalog knows of a model, by the name that a server has for it."""
    name = model.rpartition("/")[2].lower()
    titles = {each.display_name.lower(): each for each in catalog.models.values()}
    return catalog.find(model) or catalog.find(name) or titles.get(name)


def select(
    reference: str | None, catalog: Catalog, given: Mapping[str, Any] | None = None
) -> Selected:
    """Return the model on this machine to run.

    Without a reference, that is the model named by R1LOCAL_MODEL, the preset in `given` or
    `config.toml`, else the largest model of R1's family on this machine that fits in memory, else
    the embedded one. A model of another family must be named.

    Raises:
        UnknownModel: the reference matches no model.
        ModelNotInstalled: the model is not on this machine; the hint has the command to pull it.
        InvalidSetting: `config.toml` can't be read.
    """
    if reference is None and (set_ := settings_in_force(given).get("model")) and set_.value:
        try:
            return _select(set_.value, catalog)
        except (UnknownModel, ModelNotInstalled) as error:
            told = _("{place} sets model: {reason}", place=set_.place, reason=error.message)
            raise type(error)(told, error.hint) from error
    return _best_here(catalog) if reference is None else _select(reference, catalog)


def _select(named: str, catalog: Catalog) -> Selected:
    """Return the model that a name stands for."""
    named = unaliased(named, catalog)
    meant = parse_reference(named, catalog)
    if isinstance(meant, PathReference):
        return Selected(meant.path.stem, meant.path, typed=named)
    note = meant.note if isinstance(meant, CatalogReference) else None
    from r1local.models.store.search import find_installed  # paths, handled above, don't need it

    entry = find_installed(meant, catalog)
    if entry is None:
        raise _not_installed(meant, named)
    if entry.home == "imported" and is_missing(entry.path):
        raise ModelNotInstalled(
            _("the file of {name} has gone: {path}", name=entry.name, path=entry.path),
            _("bring it back, or forget the model with: r1local rm {name}", name=entry.name),
        )
    return Selected(entry.name, entry.path, entry.known, note, named, entry.quantization)


def _best_here(catalog: Catalog) -> Selected:
    if fitting := _fitting(catalog):
        best = min(fitting, key=_rank)
        note = _("using {name}; choose another model with -m", name=best.name)
        return Selected(best.name, best.path, best.known, note, None, best.quantization)
    embedded = catalog.models[EMBEDDED_MODEL]
    note = _(
        "using the embedded demo model, {embedded_model}; get a real one with: r1local pull 7b",
        embedded_model=EMBEDDED_MODEL,
    )
    return Selected(embedded.name, embedded.path or Path(), embedded, note)


def _fitting(catalog: Catalog) -> "list[Installed]":
    """Return the installed models of R1's family that fit in memory with a useful context."""
    from r1local.machine.this_machine import survey_machine
    from r1local.models.planning import preferred_plan
    from r1local.models.store.search import installed_models

    whole = [e for e in installed_models(catalog) if e.whole and e.home != "embedded"]
    machine = survey_machine()
    plans = [(e, preferred_plan(e, machine)) for e in whole if _is_of_r1(e, catalog)]
    return [entry for entry, made in plans if made and made.useful]


def _is_of_r1(entry: "Installed", catalog: Catalog) -> bool:
    """Tell whether a model is of R1's family, by the shipped catalog or by its file's metadata.

    The user's own models file may have models of any family.
    """
    if entry.known is None:
        return False
    if entry.known.name not in catalog.own:
        return True
    header = read_summary(entry.path)
    names = [header.text(key) or "" for key in _NAMES] if header else []
    return any("deepseek-r1" in re.sub(r"[^a-z0-9]+", "-", name.lower()) for name in names)


def _rank(entry: "Installed") -> tuple[int, int]:
    """Return a sorting key: models with more parameters first, then those of better quality."""
    parameters = entry.known.parameters if entry.known else None
    return -(parameters or 0), quality_rank(entry.quantization or "")


def _not_installed(reference: object, named: str) -> ModelNotInstalled:
    match reference:
        case CatalogReference(model):
            name = model.name
        case HubReference(repo_id):
            name = repo_id
        case _:
            return ModelNotInstalled(
                _("{name} is not on this machine", name=named), _("see: r1local list")
            )
    return ModelNotInstalled(
        _("{name} is not on this machine", name=name),
        _("get it with: r1local pull {name}", name=named),
    )
