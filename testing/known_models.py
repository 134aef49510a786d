"""The catalog's facts about models that aren't here."""

from r1local.machine.memory import MemoryFacts
from r1local.models.catalog import facts_of_known, load_catalog


def known(name: str, quantization: str = "Q4_K_M") -> MemoryFacts:
    """The catalog's facts of a model."""
    model = load_catalog().find(name)
    assert model
    facts = facts_of_known(model, quantization)
    assert facts
    return facts
