"""`r1local rm`: remove a model from this machine."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from r1local.config.paths import is_missing, user_models
from r1local.errors import EXIT_ERROR, EXIT_OK, ModelNotInstalled, UsageError
from r1local.language import _
from r1local.models.catalog import load_catalog
from r1local.models.references import CatalogReference, HubReference, Reference, parse_reference
from r1local.models.store.installed import Installed
from r1local.models.store.search import copies, remove_files
from r1local.ui.console import console_for, print_notice
from r1local.ui.questions import agreed, can_ask
from r1local.units import disk_size

#: Homes that r1local may remove models from.
_REMOVABLE = ("Hugging Face", "imported")


@dataclass(frozen=True, slots=True)
class RemoveOptions:
    """The arguments of `rm`; with `yes` it doesn't ask for confirmation."""

    reference: str
    yes: bool


def remove_model(options: RemoveOptions) -> int:
    """Remove the model a reference means; return the exit code: 1 if the user says no.

    Raises:
        UnknownModel: the reference matches no model.
        ModelNotInstalled: the model is not on this machine.
        UsageError: the reference means several models, or nobody can be asked to confirm.
        StoreError: the model belongs to another program, or can't be removed.
    """
    models = load_catalog(user_models())
    reference = parse_reference(options.reference, models)
    entry = _entry_to_remove(options.reference, reference, copies(reference, models))
    if entry.home in _REMOVABLE and not _confirmed(entry, options):
        return EXIT_ERROR
    freed = remove_files(entry)
    print_notice(console_for(sys.stderr), _outcome(entry, freed))
    return EXIT_OK


def _entry_to_remove(text: str, reference: Reference, entries: Sequence[Installed]) -> Installed:
    """Return the one model to remove, preferring homes that r1local may remove it from."""
    if not entries:
        raise ModelNotInstalled(
            _("{name} is not on this machine", name=text), _("see what is: r1local list")
        )
    ours = [entry for entry in entries if entry.home in _REMOVABLE]
    # An unfinished download is removed with the whole model of the same quantization.
    whole = {(entry.repo_id, entry.quantization) for entry in ours if entry.whole}
    choices = [e for e in ours if e.whole or (e.repo_id, e.quantization) not in whole]
    if len(choices) > 1 and not _is_exact(reference):
        names = _(" or ").join(f"r1local rm {entry.reference}" for entry in choices)
        raise UsageError(
            _("{name} means {count} models here", name=text, count=len(choices)),
            _("choose one: {commands}", commands=names),
        )
    return (choices or list(entries))[0]


def _is_exact(reference: Reference) -> bool:
    """Tell whether a reference names a quantization or a file, and so a single model."""
    match reference:
        case CatalogReference(quantization=None):
            return False
        case HubReference(quantization=None, filename=None):
            return False
        case _:
            return True


def _confirmed(entry: Installed, options: RemoveOptions) -> bool:
    """Tell whether the user has confirmed the removal, asking if necessary."""
    if options.yes:
        return True
    if not can_ask():
        raise UsageError(
            _("rm asks before it removes {name}, but nobody can answer here", name=entry.name),
            _(
                "confirm it on the command line: r1local rm --yes {reference}",
                reference=options.reference,
            ),
        )
    what = f"{entry.name} {entry.quantization or ''}".strip()
    if entry.home == "imported":
        kept = _(", and leave its file where it is") if not is_missing(entry.path) else ""
        question = _("forget {what}{kept}?", what=what, kept=kept)
    else:
        whose = _("{size} of {repo_id}", size=disk_size(entry.size), repo_id=entry.repo_id)
        question = _("remove {what}, {whose}, from the Hugging Face cache?", what=what, whose=whose)
    return agreed(question)


def _outcome(entry: Installed, freed: int) -> str:
    if entry.home == "imported":
        if not is_missing(entry.path):
            return _("forgot {name}; its file is still at {path}", name=entry.name, path=entry.path)
        return _("forgot {name}; its file is no longer at {path}", name=entry.name, path=entry.path)
    what = _(
        "removed {name} {quantization}", name=entry.name, quantization=entry.quantization or ""
    ).strip()
    if freed == 0 and entry.whole:
        return _(
            "{what} of revision {revision}; another revision still uses the file",
            what=what,
            revision=entry.revision,
        )
    return _("{what}; {freed} freed", what=what, freed=disk_size(freed))
