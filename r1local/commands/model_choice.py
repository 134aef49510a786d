"""The choice of the model that replies; a missing one can be downloaded first."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

from r1local.config.paths import user_models
from r1local.errors import EXIT_OK, ModelNotInstalled
from r1local.language import _
from r1local.models.catalog import Catalog, load_catalog
from r1local.models.selection import Chosen, Selected, choose, select
from r1local.ui.questions import agreed, can_ask

ChosenT = TypeVar("ChosenT")


def choose_model(reference: str | None, given: Mapping[str, Any] | None = None) -> Chosen:
    """Return the model that is to reply; offer to download a missing one, if the user can be asked.

    Args:
        given: the values on the command line, of which a preset may name the model.

    Raises:
        UnknownModel, ModelNotInstalled, InvalidSetting: as `choose`.
        KeyboardInterrupt: the download was interrupted.
    """
    return _choose(reference, partial(choose, given=given))


def choose_file(reference: str | None) -> Selected:
    """Return the model to run, as `choose_model`; it is one on this machine."""
    return _choose(reference, select)


def _choose(reference: str | None, chosen: Callable[[str | None, Catalog], ChosenT]) -> ChosenT:
    models = load_catalog(user_models())
    try:
        return chosen(reference, models)
    except ModelNotInstalled as error:
        if (
            reference is None
            or not can_ask()
            or not agreed(_("{reason}; download it now?", reason=error.message))
        ):
            raise
    from r1local.commands.pull import PullOptions, pull  # imports much that a reply doesn't need

    if pull(PullOptions((reference,), False, None, "text")) == EXIT_OK:
        return chosen(reference, models)
    raise KeyboardInterrupt
