"""Models on the hub: what a reference means there, and the header of a file not yet here."""

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from r1local.errors import NotOnHub, UnknownModel
from r1local.gguf.file import GGUFFile
from r1local.gguf.header import parse_header
from r1local.gguf.parts import cut_file
from r1local.gguf.quantization import (
    RepoFile,
    Variant,
    choose,
    closeness,
    named,
    quantization_of,
    variants,
)
from r1local.hub import client as hub
from r1local.hub.answers import not_the_hub
from r1local.hub.client import RemoteFile, Repository
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

#: Bytes beside a model of which nothing is known but its size.
_UNKNOWN_CONTEXT = 2**30
#: Bytes asked for at once: R1's headers of 6 to 8 MB come in a few requests.
_HEADER_READ = 2 * 2**20
#: Names of files in a hint, beyond which they are only counted.
_TOLD_NAMES = 6


@dataclass(frozen=True, slots=True)
class HubModel:
    """A model on the hub: what the catalog knows of it, its repository, and the files chosen.

    `passed_over` are files for other purposes beside it.
    """

    name: str
    known: CatalogModel | None
    repository: Repository
    variant: Variant
    revision: str
    passed_over: tuple[str, ...] = ()

    def files(self) -> list[RemoteFile]:
        """Where its files are now.

        Raises:
            HubError: one can't be had, or the hub contradicts itself.
        """
        repository = self.repository
        files = self.variant.files
        found = [hub.locate(repository.repo_id, file.name, repository.commit) for file in files]
        for file, remote in zip(files, found, strict=True):
            if file.size not in (0, remote.size):
                raise not_the_hub(
                    f"it gives {file.name} two sizes, {file.size:,} and {remote.size:,} bytes"
                )
        return found

    def facts(self) -> MemoryFacts | None:
        """What the catalog knows of this quantization's memory."""
        return _facts(self.variant, self.known)


def on_hub(reference: Reference, models: Catalog, machine: Machine) -> HubModel:
    """What a reference means on the hub: the quantization named, or the best that fits.

    Raises:
        UnknownModel: it is not a model of the hub.
        HubError: the hub does not have it, or can't be asked.
    """
    match reference:
        case PathReference(path):
            raise UnknownModel(
                f"{path.name} is a path, not a model of the hub", "run it as it is: r1local run -m"
            )
        case OllamaReference(name):
            raise UnknownModel(f"{name} is Ollama's", f"get it there: ollama pull {name}")
        case CatalogReference(model, quantization):
            if not model.repositories:
                raise UnknownModel(
                    f"{model.name} needs no download", f"run it: r1local run -m {model.name}"
                )
            return _in_catalog(model, quantization, machine)
        case HubReference():
            return _in_repository(reference, models, machine)


def _in_catalog(model: CatalogModel, quantization: str | None, machine: Machine) -> HubModel:
    """The first of a model's repositories that has the quantization."""
    files: list[RepoFile] = []
    for repo_id in model.repositories:
        try:
            repository = hub.repository(repo_id)
        except NotOnHub:
            if not files:
                raise
            continue  # an alternative that has gone; the first one says what there is
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
    """What a repository lacks, and what it has: models, sidecars, and pieces of files."""
    available = variants(files)
    models = dict.fromkeys(v.quantization for v in available if not v.sidecar)
    others = dict.fromkeys(_sidecars(available))
    cut = dict.fromkeys(filter(None, (cut_file(file.name) for file in files)))
    told = f"{name} has no {wanted}" if wanted and (available or cut) else ""
    meant = [whole for whole in cut if not models or (wanted and _answers(whole, wanted))]
    if meant:
        hint = f"{meant[0]} is there in pieces: download them, join them with cat, and run the file"
        return NotOnHub(told or f"{name} has only pieces of GGUF files", hint)
    if models:
        besides = f"; and by its name: {some_names(others)}" if others else ""
        return NotOnHub(told, f"it has: {', '.join(models)}{besides}")
    if others:
        hint = f"it has: {some_names(others)}; such a file comes only by its name: hf:{name}:FILE"
        return NotOnHub(told or f"{name} has no model among its GGUF files", hint)
    return NotOnHub(f"{name} has no GGUF files", "look for a repository whose name ends in -GGUF")


def _answers(path: str, wanted: str) -> bool:
    """Whether a tag, a file's name or that of one of its pieces means a file."""
    asked = cut_file(wanted) or wanted
    return asked in path or closeness(asked, quantization_of(path), path) is not None


def some_names(names: Collection[str]) -> str:
    """The first names, and how many there are beyond them."""
    rest = len(names) - _TOLD_NAMES
    return ", ".join(list(names)[:_TOLD_NAMES]) + (f" and {rest} more" if rest > 0 else "")


def fits(variant: Variant, known: CatalogModel | None, machine: Machine) -> bool:
    """Whether memory holds a model with a useful context."""
    facts = _facts(variant, known)
    if facts is None:
        return variant.size + _UNKNOWN_CONTEXT <= machine.all_memory
    of_it = of_model([], known, variant.quantization)
    return plan(facts, machine, preferred_request(of_it)).useful


def _facts(variant: Variant, known: CatalogModel | None) -> MemoryFacts | None:
    return facts_of_known(known, variant.quantization) if known else None


def read_remote_header(model: HubModel) -> GGUFFile:
    """The header of a model's file, read from the hub by ranges.

    Raises:
        HubError: the hub can't be asked.
        ModelFileError: it is no sound GGUF header.
    """
    first = model.variant.files[0]
    remote = hub.locate(model.repository.repo_id, first.name, model.repository.commit)
    stream = io.BufferedReader(hub.RemoteStream(remote), _HEADER_READ)
    header = parse_header(stream, Path(remote.filename), remote.size)
    split = len(model.variant.files) > 1
    # The tensor table of a first part is not the whole model's.
    return replace(header, model_size=model.variant.size, tensors=() if split else header.tensors)
