"""The models r1local knows by name, from `models.toml`."""

import os
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from r1local.errors import UnknownModel

#: The model that needs no download.
EMBEDDED_MODEL = "nano"

_PACKAGE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class CatalogModel:
    """A model of the catalog: the name it is called by, and where its file is."""

    name: str
    path: Path


@cache
def catalog() -> dict[str, CatalogModel]:
    """All known models by name."""
    entries = tomllib.loads(models_toml().read_text(encoding="utf-8"))
    return {name: CatalogModel(name, _PACKAGE / entry["file"]) for name, entry in entries.items()}


def models_toml() -> Path:
    """`models.toml`: inside an installed package, above it in a checkout."""
    installed = _PACKAGE / "models.toml"
    return installed if installed.exists() else _PACKAGE.parent / "models.toml"


def find_model(reference: str) -> CatalogModel:
    """The model a reference names: one of the catalog, or a path to a GGUF file.

    Raises:
        UnknownModel: it is no known name, and doesn't look like a path.
    """
    known = catalog().get(reference)
    if known:
        return known
    path = Path(os.path.expanduser(reference))  # noqa: PTH111  (raises for unknown users)
    if not (os.path.exists(path) or path.suffix == ".gguf" or len(path.parts) > 1):  # noqa: PTH110
        raise UnknownModel(
            f"no model is called {reference!r}",
            f"give a path to a GGUF file, or one of: {', '.join(catalog())}",
        )
    return CatalogModel(path.stem, path)
