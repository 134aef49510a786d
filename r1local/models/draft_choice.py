"""The smaller model that drafts for a model: the one named, or one that the catalog names."""

from dataclasses import replace
from pathlib import Path

from r1local.config.loading_options import DRAFT_WORDS
from r1local.config.paths import user_models
from r1local.config.preferences import Settings
from r1local.errors import ModelNotInstalled, UnknownModel
from r1local.language import _
from r1local.models.catalog import load_catalog
from r1local.models.draft_files import path_of
from r1local.models.load_options import LoadOptions, load_options
from r1local.models.selection import Selected, select


def loading_of(selected: Selected, settings: Settings, at_once: int = 1) -> LoadOptions:
    """Return the options of loading a model from the settings in force, and its draft model.

    Where several replies at once are wanted, one that nobody named is left out, as it drafts only
    for a reply that is alone.

    Raises:
        UnknownModel, ModelNotInstalled: the draft model that is named isn't here.
    """
    options = replace(load_options(settings), sequences=at_once)
    unnamed = selected.known and at_once == 1 and options.draft == "auto"
    if options.draft in DRAFT_WORDS and not unnamed:
        return options
    return replace(options, draft_model=_file(selected, options.draft))


def _file(selected: Selected, draft: str) -> Path | None:
    catalog = load_catalog(user_models())
    if draft == "auto":
        known = selected.known.drafts if selected.known else ()
        return next(filter(None, (path_of(each, catalog) for each in known)), None)
    try:
        return select(draft, catalog).path
    except (UnknownModel, ModelNotInstalled) as error:
        raise type(error)(
            _("the draft model: {reason}", reason=error.message), error.hint
        ) from error
