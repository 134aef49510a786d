"""The first words of a chat: with nothing but the model in the package, where to get a real one."""

from typing import TYPE_CHECKING

from r1local.config.preferences import read_config
from r1local.language import N_, _
from r1local.models.catalog import EMBEDDED_MODEL, Catalog, facts_of_known
from r1local.units import disk_size

if TYPE_CHECKING:
    from r1local.chat.chat import Chat

#: The model that the README and the hints suggest first.
FIRST_MODEL = "7b"
_NANO = N_(
    "This is nano, a tiny demonstration model that comes with r1local. It does small arithmetic and"
    " nothing else; try: What is 37 * 48?"
)


def welcome(chat: "Chat", keys: str) -> None:
    """Invite the user to ask, or say what nano is and how to get a real model.

    Args:
        keys: how the rest is found, in the words of the surface.
    """
    known = chat.dialogue.selected.known
    if known and known.name == EMBEDDED_MODEL:
        chat.surface.tell_later(lambda: f"{_(_NANO)}\n{_another(chat.models)}\n{keys}")
    else:
        chat.surface.say(_("Ask anything. {keys}", keys=keys))


def _another(models: Catalog) -> str:
    """Say which models there are besides nano; if there are none, how to get one."""
    from r1local.models.store.search import installed_models

    here = [each.reference for each in installed_models(models) if each.whole]
    others = [name for name in here if name != EMBEDDED_MODEL]
    others += [f"{name}:" for name in read_config().endpoints]
    if others:
        return _("/model NAME lets a real one reply; there are: {others}", others=", ".join(others))
    return _(
        "/pull {first_model} gets a real model: {models}",
        first_model=FIRST_MODEL,
        models=_prospect(models),
    )


def _prospect(models: Catalog) -> str:
    """Say how large the first model is, and how it should run here."""
    # Only a chat with nano alone needs these.
    from r1local.machine.planner import plan
    from r1local.machine.this_machine import survey_machine
    from r1local.measuring.estimates import Speeds
    from r1local.models.preferred import of_model, preferred_request

    model = models.find(FIRST_MODEL)
    assert model is not None
    quantization = model.default_quantization
    facts = facts_of_known(model, quantization)
    assert facts is not None
    machine = survey_machine(measure_bandwidth=True)
    request = preferred_request(of_model([model.name], model, quantization))
    made = plan(facts, machine, request)
    if made.kind == "no":
        return _(
            "{weights}, but it does not fit this machine: {reason}",
            weights=disk_size(facts.weights),
            reason=made.reason,
        )
    speed = Speeds(machine).of(facts, made).words
    return _(", ").join(
        filter(None, (disk_size(facts.weights), _("here {speed}", speed=speed) if speed else ""))
    )
