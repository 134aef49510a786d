"""What is set for one model, by any of its names, and what of it concerns a plan."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from r1local.config.loading_options import DRAFT_WORDS
from r1local.config.paths import real_path, user_models
from r1local.config.preferences import OfModel, settings_in_force
from r1local.errors import ModelFileError, UnknownModel
from r1local.gguf.file import read_gguf
from r1local.gguf.quantization import quantization_named
from r1local.language import _
from r1local.machine.memory import MemoryFacts, facts_of
from r1local.machine.request import PlanRequest
from r1local.models.catalog import CatalogModel, load_catalog
from r1local.models.load_options import load_options


def of_model(
    names: Iterable[str | None],
    known: CatalogModel | None,
    quantization: str | None = None,
    path: Path | None = None,
) -> OfModel:
    """Say what may be set for a model: by its file's path, then by its names.

    A name with the quantization (`7b:q5_k_m`) is more exact than one without, whichever of them
    the user typed; otherwise the names given come before those that the catalog has. A name with
    another quantization is not this model's.
    """
    bare = [name for name in names if name and not _names_another(name, quantization)]
    bare += (known.name, *known.aliases) if known else ()
    exact = [f"{name}:{quantization}" for name in bare] if quantization else []
    file = [str(real_path(path))] if path else []
    all_names = tuple(dict.fromkeys((*file, *exact, *bare)))
    if known is None:
        return OfModel(all_names)
    return OfModel(all_names, known.settings, _("models.toml, {name}", name=known.name))


def _names_another(name: str, quantization: str | None) -> bool:
    """Tell whether a name such as `7b:q4_k_m` is of another quantization."""
    _model, colon, tag = name.rpartition(":")
    named = quantization_named(tag) if colon else None
    return None not in (named, quantization) and named != quantization_named(quantization or "")


def preferred_request(model: OfModel) -> PlanRequest:
    """Return the settings for loading a model that concern memory.

    Raises:
        InvalidSetting: a place has a value that can't be.
    """
    options = load_options(settings_in_force(model=model))
    if options.draft in DRAFT_WORDS:  # one that nobody named is only loaded if it changes no plan
        return options.request
    return replace(options.request, draft=_facts_of_draft(options.draft))


def _facts_of_draft(name: str) -> MemoryFacts | None:
    """Return the facts of a draft model that is set; None if loading would refuse it."""
    from r1local.models.draft_files import path_of  # hardly anybody sets one

    try:
        path = path_of(name, load_catalog(user_models()))
        return facts_of(read_gguf(path)) if path else None
    except (UnknownModel, ModelFileError):
        return None
