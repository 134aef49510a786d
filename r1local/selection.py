"""Which model a command runs: the one named, or the best there is without a name."""

from dataclasses import dataclass
from pathlib import Path

from r1local.catalog import EMBEDDED_MODEL, Catalog, CatalogModel
from r1local.errors import ModelNotInstalled
from r1local.references import CatalogReference, HubReference, PathReference, parse


@dataclass(frozen=True, slots=True)
class Selected:
    """A model file to run, the catalog's facts of it if there are any, and what to tell first."""

    name: str
    path: Path
    known: CatalogModel | None = None
    note: str | None = None


def select(reference: str | None, catalog: Catalog) -> Selected:
    """The model to run; without a reference the embedded one.

    Raises:
        UnknownModel: the reference means nothing.
        ModelNotInstalled: its model is not on this machine; the hint has the command to pull it.
    """
    if reference is None:
        announcement = (
            f"using the embedded demo model, {EMBEDDED_MODEL}; -m FILE.gguf runs your own"
        )
        embedded = catalog.models[EMBEDDED_MODEL]
        return Selected(embedded.name, embedded.path or Path(), embedded, announcement)
    match parse(reference, catalog):
        case PathReference(path):
            return Selected(path.stem, path)
        case CatalogReference(model, _, note) if model.path:
            return Selected(model.name, model.path, model, note)
        case CatalogReference(model):
            raise _not_installed(model.name, reference)
        case HubReference(repo_id):
            raise _not_installed(repo_id, reference)


def _not_installed(name: str, reference: str) -> ModelNotInstalled:
    return ModelNotInstalled(
        f"{name} is not on this machine", f"get it with: r1local pull {reference}"
    )
