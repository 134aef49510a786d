"""`r1local show`: facts about a model, and how it would run here."""

import json
import sys
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from r1local.config.options import ModelFormat
from r1local.config.paths import user_models
from r1local.config.preferences import settings_in_force
from r1local.conversation import Message, headline_of
from r1local.engine.special_tokens import SpecialTokens
from r1local.errors import EXIT_OK, ChatTemplateError, HubError, ModelNotInstalled
from r1local.gguf.file import GGUFFile, read_gguf
from r1local.gguf.quantization import quality_loss, quality_rank, quantization_of
from r1local.language import N_, _
from r1local.machine.memory import (
    Machine,
    MemoryFacts,
    facts_of,
    kv_cache_bytes,
    memory_bytes,
)
from r1local.machine.planner import plan
from r1local.machine.this_machine import survey_machine
from r1local.measuring.estimates import Speeds
from r1local.measuring.records import Record, find
from r1local.models.catalog import Catalog, CatalogModel, facts_of_known, load_catalog
from r1local.models.draft_files import path_of
from r1local.models.preferred import of_model, preferred_request
from r1local.models.references import (
    CatalogReference,
    EndpointReference,
    Reference,
    endpoint_reference,
    parse_reference,
)
from r1local.models.remote_files import on_hub, read_remote_header
from r1local.models.selection import choose, select
from r1local.opening import open_engine
from r1local.prompts.chat_template import ChatTemplate
from r1local.prompts.template_process import TemplateProgram
from r1local.replies.abilities import able_words
from r1local.ui.console import console_for, print_notice
from r1local.ui.models.card import Card, ContextPlan, VariantPlan, print_card
from r1local.ui.safe_text import visible_json
from r1local.units import token_count

#: Context windows to plan for, in tokens.
CONTEXTS = (4_096, 8_192, 16_384, 32_768, 131_072)
_TEMPLATES = {
    "open": N_("opens the thought itself"),
    "closed": N_("opens and closes the thought: no thinking"),
    "none": N_("ends at the assistant's turn; r1local opens the thought"),
}
#: What stands for the quantization of a file whose name doesn't tell it.
_THIS_FILE = N_("this file")


@dataclass(frozen=True, slots=True)
class ShowOptions:
    """The arguments of `show`."""

    reference: str
    output_format: ModelFormat


@dataclass(frozen=True, slots=True)
class _Found:
    """A model to show: its catalog entry and the header of its file, as far as there are any."""

    name: str
    known: CatalogModel | None
    place: str | None = None
    header: GGUFFile | None = None
    path: Path | None = None
    typed: str | None = None

    @property
    def quantization(self) -> str | None:
        return quantization_of(self.place) if self.place else None


def show(options: ShowOptions) -> int:
    """Print a model's card and memory plan on stdout; return the exit code.

    Raises:
        UnknownModel: the reference matches no model.
        HubError: the model is only on the hub, which can't be reached.
    """
    models = load_catalog(user_models())
    if elsewhere := endpoint_reference(options.reference, models):
        _print(_remote_card(elsewhere, models), options)
        return EXIT_OK
    reference = parse_reference(options.reference, models)
    if isinstance(reference, CatalogReference) and reference.note:
        print_notice(console_for(sys.stderr), reference.note)
    machine = survey_machine(measure_bandwidth=True)
    for missing in machine.missing:
        print_notice(console_for(sys.stderr), missing.on_one_line)
    _print(_card(_find(options.reference, reference, models, machine), machine, models), options)
    return EXIT_OK


def _print(card: Card, options: ShowOptions) -> None:
    if options.output_format == "json":
        print(visible_json(json.dumps(asdict(card), ensure_ascii=False)))
    else:
        print_card(console_for(sys.stdout), card)


def _remote_card(reference: EndpointReference, models: Catalog) -> Card:
    """Return the card of a model elsewhere: what its server says, and what it can do."""
    chosen = choose(reference.endpoint.reference(reference.model or ""), models)
    engine = open_engine(chosen, settings_in_force(model=chosen.preferred), lambda: False)
    with closing(engine):
        window = engine.context_window
        facts = {
            N_("address"): reference.endpoint.url,
            N_("runs as"): engine.details,
            N_("model"): chosen.known.display_name if chosen.known else "",
            N_("context"): token_count(window) if window else _("unknown"),
            N_("replies at once"): str(engine.at_once),
            N_("can"): _(", ").join(able_words(engine.abilities, able=True)),
            N_("can't"): _(", ").join(able_words(engine.abilities, able=False)),
        }
        facts |= {f"note {n}": each.message for n, each in enumerate(engine.notices, 1)}
    shown = {label: value for label, value in facts.items() if value}
    return Card(chosen.name, shown, _scores(chosen.known, models), "", (), 0, 0)


def _find(text: str, reference: Reference, models: Catalog, machine: Machine) -> _Found:
    """Find a model's file on this machine, else its header on the hub, else its catalog entry."""
    try:
        model = select(text, models)
    except ModelNotInstalled:
        try:
            remote = on_hub(reference, models, machine)
            header = read_remote_header(remote)
        except HubError as error:
            if not isinstance(reference, CatalogReference):
                raise
            told = _("{reason}: showing the catalog's facts", reason=error.message)
            print_notice(console_for(sys.stderr), told)
            return _Found(reference.model.name, reference.model)
        place = f"hf:{remote.repository.repo_id}/{remote.variant.name}"
        return _Found(remote.name, remote.known, place, header)
    header = read_gguf(model.path)
    return _Found(model.name, model.known, str(model.path), header, model.path, model.typed)


def _card(found: _Found, machine: Machine, models: Catalog) -> Card:
    variants = []
    speeds = Speeds(machine)
    if found.header:
        own = found.quantization or _THIS_FILE
        variants.append(_variant(own, facts_of(found.header), machine, found, speeds))
    for name in found.known.sizes if found.known else ():
        facts = facts_of_known(found.known, name) if found.known else None
        if facts and name != found.quantization:
            variants.append(_variant(name, facts, machine, found, speeds))
    return Card(
        name=found.name,
        facts=_facts(found) | _draft_models(found.known, models),
        scores=_scores(found.known, models),
        source=_(str(found.known.scores.get("source", ""))) if found.known else "",
        variants=tuple(sorted(variants, key=lambda variant: quality_rank(variant.quantization))),
        memory=machine.memory,
        gpu_memory=sum(machine.gpus),
    )


def _facts(found: _Found) -> dict[str, str]:
    """Return the labels and values of a card, leaving out unknown ones."""
    model = found.known
    facts: dict[str, str | None] = {N_("file"): found.place, N_("quantization"): found.quantization}
    if model:
        facts |= {
            N_("model"): model.display_name,
            N_("about"): _(model.summary),
            N_("base model"): model.base_model,
            N_("licence"): _licence(model),
            N_("parameters"): _parameters(model),
            N_("trained context"): token_count(model.context_length)
            if model.context_length
            else None,
            N_("repository"): model.repo_id,
            N_("sampling"): _sampling(model),
        }
    if found.header:
        facts |= {
            N_("architecture"): headline_of(found.header.architecture),
            N_("trained context"): token_count(found.header.context_length or 0),
            N_("chat template"): template_state(found.header),
        }
    if found.path and found.header and (record := find(found.header.parts)):
        facts[N_("speed")] = _measured(record)
    return {label: value for label, value in facts.items() if value}


def _draft_models(model: CatalogModel | None, models: Catalog) -> dict[str, str]:
    """Return which smaller models can draft for a model, and whether they are here."""
    if model is None or not model.drafts:
        return {}
    here = {each: path_of(each, models) is not None for each in model.drafts}
    named = ", ".join(
        _("{model} (here)", model=each) if there else each for each, there in here.items()
    )
    hint = (
        ""
        if any(here.values())
        else _("; r1local pull {model} --with-draft gets one", model=model.name)
    )
    return {N_("draft models"): named + hint}


def _measured(record: Record) -> str:
    """Describe what a benchmark measured of generation, by depth; empty if it got nowhere."""
    speeds = [
        _("{speed:,.1f} tokens/s at depth {depth:,}", speed=figure.median, depth=figure.at)
        for figure in sorted(record.figures, key=lambda figure: figure.at)
        if figure.kind == "generation"
    ]
    if not speeds:
        return ""
    return _("measured on {day}: {speeds}", day=record.measured, speeds=_(", ").join(speeds))


def _licence(model: CatalogModel) -> str | None:
    if model.base_license and model.license:
        return _("{licence}; its base: {base}", licence=model.license, base=model.base_license)
    return model.license


def _parameters(model: CatalogModel) -> str | None:
    if not model.parameters:
        return None
    active = (
        _(", {billions:.0f} B active", billions=model.active_parameters / 1e9)
        if model.active_parameters
        else ""
    )
    return f"{model.parameters / 1e9:.1f} B{active}"


def _sampling(model: CatalogModel) -> str | None:
    names = [name for name in ("temperature", "top-p") if name in model.settings]
    if not names:
        return None
    system = _("a system prompt is supported") if model.system_prompt else _("no system prompt")
    return _(", ").join([*(f"{name} {model.settings[name]}" for name in names), system])


def _scores(model: CatalogModel | None, known: Catalog) -> dict[str, tuple[str, str]]:
    """Return the published scores by test, each with o1-mini's score if there is one."""
    other = known.compared["o1-mini"]
    scores = model.scores if model else {}
    return {
        test: (str(value), str(other.get(test, "")))
        for test, value in scores.items()
        if test != "source"
    }


def template_state(header: GGUFFile) -> str:
    """Describe how a file's chat template starts a reply."""
    if header.chat_template is None:
        return _("none: give one with --chat-template")
    try:
        program = TemplateProgram(header.chat_template)
        template = ChatTemplate(program, SpecialTokens("", "", frozenset()), thinks=False)
        start = _(_TEMPLATES[template.render([Message("user", "?")]).start])
        return (
            _("{start}; thinking can be switched off", start=start)
            if template.has_switch
            else start
        )
    except ChatTemplateError as error:
        return _("can't be used: {reason}", reason=error.message)


def _variant(
    quantization: str, facts: MemoryFacts, machine: Machine, found: _Found, speeds: Speeds
) -> VariantPlan:
    """Plan a quantization: its memory at each context, and how fast it may run."""
    longest = facts.context_length or max(CONTEXTS)
    own = quantization in (found.quantization, _THIS_FILE)
    path = found.path if own else None
    names = of_model((found.typed, found.name), found.known, quantization, path)
    request = preferred_request(names)
    contexts = []
    for context in (each for each in CONTEXTS if each <= longest):
        made = plan(facts, machine, replace(request, context=context))
        contexts.append(
            ContextPlan(
                context,
                kv_cache_bytes(facts, context, request.kv_cache, request.kv_cache),
                memory_bytes(facts, context, request.kv_cache),
                made.kind,
                made.gpu_layers,
            )
        )
    best = plan(facts, machine, request)
    speed = speeds.of(facts, best, found.header.parts if path and found.header else ())
    return VariantPlan(
        quantization,
        facts.weights,
        quality_loss(quantization),
        tuple(contexts),
        speed.least,
        speed.most,
        speed.measured,
    )
