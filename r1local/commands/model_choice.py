"""The choice of the model that replies; a missing one can be downloaded first."""

from r1local.config.paths import user_models
from r1local.errors import EXIT_OK, ModelNotInstalled
from r1local.models.catalog import load_catalog
from r1local.models.selection import Chosen, choose
from r1local.ui.questions import agreed, can_ask


def choose_model(reference: str | None) -> Chosen:
    """Return the model to run; offer to download a missing one, if the user can be asked.

    Raises:
        UnknownModel, ModelNotInstalled, InvalidSetting: as `choose`.
        KeyboardInterrupt: the download was interrupted.
    """
    models = load_catalog(user_models())
    try:
        return choose(reference, models)
    except ModelNotInstalled as error:
        if reference is None or not can_ask() or not agreed(f"{error.message}; download it now?"):
            raise
    from r1local.commands.pull import PullOptions, pull  # imports much that a reply doesn't need

    if pull(PullOptions((reference,), False, None, "text")) == EXIT_OK:
        return choose(reference, models)
    raise KeyboardInterrupt
