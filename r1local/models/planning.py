"""Where models that are not loaded would run: on this machine, in the catalog, or on the hub."""

from dataclasses import replace

from r1local.errors import ModelFileError
from r1local.gguf.file import GGUFFile, read_gguf, read_summary
from r1local.machine.memory import Machine, MemoryFacts, facts_of
from r1local.machine.planner import NO_REQUEST, Plan, PlanRequest, plan
from r1local.models.catalog import facts_of_known
from r1local.models.preferred import of_model, preferred_request
from r1local.models.store.installed import Installed

#: Entries of a vocabulary, more than any has: what a header's summary doesn't tell.
_LARGEST_VOCABULARY = 2**20


def preferred_plan(entry: Installed, machine: Machine) -> Plan | None:
    """Where a model on this machine would run by what is set for it; None if its file is odd.

    Raises:
        InvalidSetting: a place has a value that can't be.
    """
    names = of_model([entry.name], entry.known, entry.quantization, entry.path)
    request = preferred_request(names)
    return plan_of(entry, machine, request)


def plan_of(entry: Installed, machine: Machine, request: PlanRequest = NO_REQUEST) -> Plan | None:
    """Where a model on this machine would run, as loading decides it; None if its file is odd.

    A download that is not whole is planned by what the catalog knows.
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
    """Whether what a summary lacks, the vocabulary and the layers' sizes, changes nothing."""
    if machine.gpus and not made.all_on_gpu:
        return False
    return plan(replace(facts, vocabulary_size=_LARGEST_VOCABULARY), machine, request) == made


def _exact(entry: Installed, machine: Machine, request: PlanRequest) -> Plan | None:
    """The plan by the whole header, which may be many MB."""
    try:
        return plan(facts_of(read_gguf(entry.path)), machine, request)
    except ModelFileError:
        return None


def _facts_of_summary(header: GGUFFile) -> MemoryFacts | None:
    """The facts in a header's summary, with layers of equal size; None if they can't be true."""
    facts = facts_of(header)
    numbers = (*facts.keys, facts.embedding_length, *(each + 1 for each in facts.values))
    if not facts.keys or min(numbers) <= 0 or facts.feed_forward_length < 0:
        return None
    count = len(facts.keys)
    return replace(facts, layers=(facts.weights // (count + 1),) * count)
