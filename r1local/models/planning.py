"""Planning where models would run before they are loaded, whether they are installed or not."""

from dataclasses import replace

from r1local.errors import ModelFileError
from r1local.gguf.file import GGUFFile, read_gguf, read_summary
from r1local.machine.memory import Machine, MemoryFacts, facts_of
from r1local.machine.planner import NO_REQUEST, Plan, PlanRequest, plan
from r1local.models.catalog import facts_of_known
from r1local.models.preferred import of_model, preferred_request
from r1local.models.store.installed import Installed

#: Entries of a larger vocabulary than any, since a header's summary doesn't say how many it has.
_LARGEST_VOCABULARY = 2**20


def preferred_plan(entry: Installed, machine: Machine) -> Plan | None:
    """Plan a model on this machine by its settings; None if its file is not valid.

    Raises:
        InvalidSetting: a place has a value that isn't allowed.
    """
    names = of_model([entry.name], entry.known, entry.quantization, entry.path)
    request = preferred_request(names)
    return plan_of(entry, machine, request)


def plan_of(entry: Installed, machine: Machine, request: PlanRequest = NO_REQUEST) -> Plan | None:
    """Plan a model on this machine like loading would; None if its file is not valid.

    An incomplete download is planned by the catalog's facts.
    """
    if not entry.whole:
        if entry.known is None or entry.quantization is None:
            return None
        facts = facts_of_known(entry.known, entry.quantization)
        return plan(facts, machine, request) if facts else None
    summary = read_summary(entry.path)
    facts = _facts_of_summary(replace(summary, model_size=entry.size)) if summary else None
    if facts is None:
        return None
    made = plan(facts, machine, request)
    return made if _is_certain(made, facts, machine, request) else _exact(entry, machine, request)


def _is_certain(made: Plan, facts: MemoryFacts, machine: Machine, request: PlanRequest) -> bool:
    """Return whether what a summary lacks (vocabulary, layers, experts) makes no difference."""
    offloaded = machine.gpus and made.devices != ()
    if offloaded and (not made.all_on_gpu or len(machine.gpus) > 1 or request.cpu_experts):
        return False
    return plan(replace(facts, vocabulary_size=_LARGEST_VOCABULARY), machine, request) == made


def _exact(entry: Installed, machine: Machine, request: PlanRequest) -> Plan | None:
    """Return the plan by the whole header, which may have many MB."""
    try:
        return plan(facts_of(read_gguf(entry.path)), machine, request)
    except ModelFileError:
        return None


def _facts_of_summary(header: GGUFFile) -> MemoryFacts | None:
    """Return the facts in a header's summary, assuming equal layers; None if impossible."""
    facts = facts_of(header)
    numbers = (*facts.keys, facts.embedding_length, *(each + 1 for each in facts.values))
    if not facts.keys or min(numbers) <= 0 or facts.feed_forward_length < 0:
        return None
    count = len(facts.keys)
    return replace(facts, layers=(facts.weights // (count + 1),) * count)
