"""`r1local rm`: take a model off this machine."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

from r1local.config.paths import user_models
from r1local.errors import EXIT_ERROR, EXIT_OK, ModelNotInstalled, UsageError
from r1local.models.catalog import load_catalog
from r1local.models.references import CatalogReference, HubReference, Reference, parse_reference
from r1local.models.store.installed import Installed
from r1local.models.store.search import copies, remove_files
from r1local.ui.console import console_for, print_notice
from r1local.ui.questions import agreed, can_ask
from r1local.units import disk_size

#: Homes that r1local may take models out of.
_REMOVABLE = ("Hugging Face", "imported")


@dataclass(frozen=True, slots=True)
class RemoveOptions:
    """What `rm` was asked for; `yes` if it need not ask."""

    reference: str
    yes: bool


def remove_model(options: RemoveOptions) -> int:
    """Remove the model a reference means; return the exit code: 1 if the user says no.

    Raises:
        UnknownModel: the reference means nothing.
        ModelNotInstalled: its model is not on this machine.
        UsageError: it means several, or there is nobody to ask.
        StoreError: the model is not r1local's to remove, or can't be removed.
    """
    models = load_catalog(user_models())
    reference = parse_reference(options.reference, models)
    entry = _meant(options.reference, reference, copies(reference, models))
    if entry.home in _REMOVABLE and not _confirmed(entry, options):
        return EXIT_ERROR
    freed = remove_files(entry)
    print_notice(console_for(sys.stderr), _outcome(entry, freed))
    return EXIT_OK


def _meant(text: str, reference: Reference, entries: Sequence[Installed]) -> Installed:
    """The one model meant: of copies in several homes the one that can be removed."""
    if not entries:
        raise ModelNotInstalled(f"{text} is not on this machine", "see what is with: r1local list")
    ours = [entry for entry in entries if entry.home in _REMOVABLE]
    # A download that was cut off goes with the whole model of the same quantization.
    whole = {(entry.repo_id, entry.quantization) for entry in ours if entry.whole}
    choices = [e for e in ours if e.whole or (e.repo_id, e.quantization) not in whole]
    if len(choices) > 1 and not _is_exact(reference):
        names = " or ".join(f"r1local rm {entry.reference}" for entry in choices)
        raise UsageError(f"{text} is here {len(choices)} times", f"name one: {names}")
    return (choices or list(entries))[0]


def _is_exact(reference: Reference) -> bool:
    """Whether a reference names a quantization or a file, and so one model."""
    match reference:
        case CatalogReference(quantization=None):
            return False
        case HubReference(quantization=None, filename=None):
            return False
        case _:
            return True


def _confirmed(entry: Installed, options: RemoveOptions) -> bool:
    """Whether the user wants it, who is asked unless they have said so."""
    if options.yes:
        return True
    if not can_ask():
        raise UsageError(
            f"rm asks before it removes {entry.name}, and there is nobody to ask",
            f"say so at once: r1local rm --yes {options.reference}",
        )
    what = f"{entry.name} {entry.quantization or ''}".strip()
    if entry.home == "imported":
        kept = ", and leave its file where it is" if entry.path.exists() else ""
        question = f"forget {what}{kept}?"
    else:
        whose = f"{disk_size(entry.size)} of {entry.repo_id}"
        question = f"remove {what}, {whose}, from the Hugging Face cache?"
    return agreed(question)


def _outcome(entry: Installed, freed: int) -> str:
    if entry.home == "imported":
        fate = "stays" if entry.path.exists() else "had gone already"
        return f"forgot {entry.name}; its file {fate}: {entry.path}"
    what = f"removed {entry.name} {entry.quantization or ''}".strip()
    if freed == 0 and entry.whole:
        return f"{what} of revision {entry.revision}; nothing is freed: another one has the file"
    return f"{what}; {disk_size(freed)} freed"
