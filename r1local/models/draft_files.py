"""The files of draft models, by what they are called."""

from pathlib import Path

from r1local.models.catalog import Catalog
from r1local.models.references import PathReference, parse_reference


def path_of(draft: str, catalog: Catalog) -> Path | None:
    """Return the file that a reference means, if it is on this machine.

    Raises:
        UnknownModel: the reference matches no model.
    """
    from r1local.models.store.search import find_installed  # most models have no draft

    meant = parse_reference(draft, catalog)
    if isinstance(meant, PathReference):
        return meant.path
    found = find_installed(meant, catalog)
    return found.path if found else None
