"""Models on the hub: what a reference means there, and the header of a file not yet downloaded."""

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from r1local.errors import NotOnHub, UnknownModel
from r1local.gguf.file import GGUFFile
from r1local.gguf.header import parse_header
from r1local.gguf.parts import cut_file, part_name
from r1local.gguf.quantization import (
    RepoFile,
    Variant,
    choose,
    closeness,
    incomplete_splits,
    named,
    quantization_of,
    variants,
)
from r1local.hub import client as hub
from r1local.hub.answers import not_the_hub
from r1local.hub.client import RemoteFile, Repository
from r1local.language import _
from r1local.machine.memory import Machine, MemoryFacts
from r1local.machine.planner import plan
from r1local.models.catalog import Catalog, CatalogModel, facts_of_known
from r1local.models.preferred import of_model, preferred_request
from r1local.models.references import (
    CatalogReference,
    HubReference,
    OllamaReference,
    PathReference,
    Reference,
)

#: Bytes assumed for the context of a model of which only the size is known.
_UNKNOWN_CONTEXT = 2**30
#: Bytes per request: R1's headers of 6 to 8 MB take a few requests.
_HEADER_READ = 2 * 2**20
#: Most files' names listed in a hint; further ones are only counted.
_MOST_NAMES = 6


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model on the hub: its catalog entry, its repository, and the files chosen there.

    `passed_over` are the sidecars in the repository.
    """

    name: str
    known: CatalogModel | None
    repository: Repository
    variant: Variant
    revision: str
    passed_over: tuple[str, ...] = ()

    def files(self) -> list[RemoteFile]:
        """Ask the hub where the model's files are.

        Raises:
            HubError: a file is not available, or the hub contradicts itself.
        """
        repository = self.repository
        files = self.variant.files
        found = [hub.locate(repository.repo_id, file.name, repository.commit) for file in files]
        for file, remote in zip(files, found, strict=True):
            if file.size not in (0, remote.size):
                raise not_the_hub(
                    _(
                        "it gives {name} two sizes, {size:,} and {other_size:,} bytes",
                        name=file.name,
                        size=file.size,
                        other_size=remote.size,
                    )
                )
        return found

    def facts(self) -> MemoryFacts | None:
        """Return what the catalog knows about this quantization's memory needs."""
        return _facts(self.variant, self.known)


def on_hub(reference: Reference, models: Catalog, machine: Machine) -> HubModel:
    """Find the model a reference means on the hub: the quantization named, or the best that fits.

    Raises:
        UnknownModel: the reference is not a model on the hub.
        HubError: the hub does not have the model, or can't be reached.
    """
    match reference:
        case PathReference(path):
            raise UnknownModel(
                _("{name} is a path, not a model on the hub", name=path.name),
                _("run the file itself: r1local run -m PATH"),
            )
        case OllamaReference(name):
            raise UnknownModel(
                _("{name} is a model of Ollama", name=name),
                _("get it with: ollama pull {name}", name=name),
            )
        case CatalogReference(model, quantization):
            if not model.repositories:
                raise UnknownModel(
                    _("{name} needs no download", name=model.name),
                    _("run it: r1local run -m {name}", name=model.name),
                )
            return _in_catalog(model, quantization, machine)
        case HubReference():
            return _in_repository(reference, models, machine)


def _in_catalog(model: CatalogModel, quantization: str | None, machine: Machine) -> HubModel:
    """Choose a model from the first of its repositories that has the quantization."""
    files: list[RepoFile] = []
    for repo_id in model.repositories:
        try:
            repository = hub.repository(repo_id)
        except NotOnHub:
            if not files:
                raise
            continue  # an alternative that no longer exists
        available = variants(repository.files)
        found = choose(available, quantization, lambda variant: fits(variant, model, machine))
        if found:
            return HubModel(model.name, model, repository, found, "main", _sidecars(available))
        files += repository.files
    raise _missing(model.name, quantization, files)


def _in_repository(reference: HubReference, models: Catalog, machine: Machine) -> HubModel:
    repository = hub.repository(reference.repo_id, reference.revision)
    known = models.of_repository(reference.repo_id)
    available = variants(repository.files)
    wanted = reference.filename or reference.quantization
    if reference.filename:
        found = named(available, reference.filename)
    else:
        found = choose(available, reference.quantization, lambda v: fits(v, known, machine))
    if found is None:
        raise _missing(reference.repo_id, wanted, repository.files)
    name = known.name if known else reference.repo_id
    others = _sidecars(available) if not found.sidecar else ()
    return HubModel(name, known, repository, found, reference.revision or "main", others)


def _sidecars(available: Sequence[Variant]) -> tuple[str, ...]:
    return tuple(variant.name for variant in available if variant.sidecar)


def _missing(name: str, wanted: str | None, files: Sequence[RepoFile]) -> NotOnHub:
    """Return an error that says what a repository lacks, and what it has instead."""
    available = variants(files)
    models = dict.fromkeys(v.quantization for v in available if not v.sidecar)
    others = dict.fromkeys(_sidecars(available))
    cut = dict.fromkeys(filter(None, (cut_file(file.name) for file in files)))
    message = (
        _("{name} has no {wanted}", name=name, wanted=wanted)
        if wanted and (available or cut)
        else ""
    )
    meant = [whole for whole in cut if not models or (wanted and _answers(whole, wanted))]
    if meant:
        hint = _(
            "{name} is there in pieces: download them, join them with cat, and run the file",
            name=meant[0],
        )
        return NotOnHub(message or _("{name} has only pieces of GGUF files", name=name), hint)
    splits = incomplete_splits(file.name for file in files)
    incomplete = [each for each in splits if not models or (wanted and _answers(each, wanted))]
    if incomplete:
        return NotOnHub(
            _("{name} lacks parts of {split}", name=name, split=some_names(incomplete)),
            _("its owner may still be uploading them: try again later"),
        )
    if models:
        besides = _("; and by file name: {others}", others=some_names(others)) if others else ""
        return NotOnHub(
            message, _("it has: {models}{besides}", models=", ".join(models), besides=besides)
        )
    if others:
        hint = _(
            "it has: {others}; to get such a file, name it: hf:{name}:FILE",
            others=some_names(others),
            name=name,
        )
        return NotOnHub(message or _("{name} has no model among its GGUF files", name=name), hint)
    return NotOnHub(
        _("{name} has no GGUF files", name=name),
        _("look for a repository whose name ends in -GGUF"),
    )


def _answers(path: str, wanted: str) -> bool:
    """Tell whether a tag, or the name of a file or of one of its pieces, means a file."""
    part = part_name(wanted)
    asked = part.stem if part else cut_file(wanted) or wanted
    return asked in path or closeness(asked, quantization_of(path), path) is not None


def some_names(names: Collection[str]) -> str:
    """List the first names, and count the others."""
    rest = len(names) - _MOST_NAMES
    return ", ".join(list(names)[:_MOST_NAMES]) + (
        _(" and {rest} more", rest=rest) if rest > 0 else ""
    )


def fits(variant: Variant, known: CatalogModel | None, machine: Machine) -> bool:
    """Tell whether a model fits in memory with a useful context."""
    facts = _facts(variant, known)
    if facts is None:
        return variant.size + _UNKNOWN_CONTEXT <= machine.all_memory
    of_it = of_model([], known, variant.quantization)
    return plan(facts, machine, preferred_request(of_it)).useful


def _facts(variant: Variant, known: CatalogModel | None) -> MemoryFacts | None:
    return facts_of_known(known, variant.quantization) if known else None


def read_remote_header(model: HubModel) -> GGUFFile:
    """Read the header of a model's file from the hub, without downloading the whole file.

    Raises:
        HubError: the hub can't be reached.
        ModelFileError: the file has no sound GGUF header.
    """
    first = model.variant.files[0]
    remote = hub.locate(model.repository.repo_id, first.name, model.repository.commit)
    stream = io.BufferedReader(hub.RemoteStream(remote), _HEADER_READ)
    header = parse_header(stream, Path(remote.filename), remote.size)
    split = len(model.variant.files) > 1
    # The first part of a split model has only some of the tensors.
    return replace(header, model_size=model.variant.size, tensors=() if split else header.tensors)
