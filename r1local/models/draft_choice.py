"""The smaller model that drafts for a model: the one named, or one that the catalog names."""

from dataclasses import replace
from pathlib import Path

from r1local.config.options import DRAFT_WORDS
from r1local.config.paths import user_models
from r1local.config.preferences import Settings
from r1local.errors import ModelNotInstalled, UnknownModel
from r1local.models.catalog import Catalog, load_catalog
from r1local.models.load_options import LoadOptions, load_options
from r1local.models.references import parse_reference
from r1local.models.selection import Selected, select


def loading_of(selected: Selected, settings: Settings) -> LoadOptions:
    """Return the options of loading a model from the settings in force, and its draft model.

    Raises:
        UnknownModel, ModelNotInstalled: the draft model that is named isn't here.
    """
    options = load_options(settings)
    if options.draft in DRAFT_WORDS and (options.draft != "auto" or not selected.known):
        return options
    return replace(options, draft_model=_file(selected, options.draft))


def _file(selected: Selected, draft: str) -> Path | None:
    catalog = load_catalog(user_models())
    if draft == "auto":
        return _at_hand(selected, catalog)
    try:
        return select(draft, catalog).path
    except (UnknownModel, ModelNotInstalled) as error:
        raise type(error)(f"the draft model: {error.message}", error.hint) from error


def _at_hand(selected: Selected, catalog: Catalog) -> Path | None:
    """Return the file of the first draft model in the catalog's entry that is on this machine."""
    for reference in selected.known.drafts if selected.known else ():
        from r1local.models.store.search import find_installed  # most models have none

        if found := find_installed(parse_reference(reference, catalog), catalog):
            return found.path
    return None
