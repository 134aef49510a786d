"""What a user may call a model: one grammar for every command.

7b  7b:q5_k_m  deepseek-r1:7b        a name or alias of the catalog, and a quantization
hf:org/repo[:QUANT or FILE][@rev]    a repository of the hub; also hf.co/… and a pasted URL
ollama:NAME[:TAG]                    a model in Ollama's store, by Ollama's own name
./model.gguf  ~/models/model.gguf    a file
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from r1local.errors import UnknownModel
from r1local.gguf.quantization import quantization_of
from r1local.models.catalog import Catalog, CatalogModel

_HUB = re.compile(r"(?:hf:|(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/)(?P<rest>.+)", re.I)
_OLLAMA = "ollama:"
#: A repository as the hub allows it, then what follows it.
_REPOSITORY = re.compile(
    r"(?P<repo>[\w][\w.-]{0,95}/[\w][\w.-]{0,95})"
    r"(?:/(?:resolve|blob|tree)/(?P<branch>[^/@:]+))?(?:[:/](?P<what>[^@]+))?(?:@(?P<rev>[^@:]+))?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class CatalogReference:
    """A model of the catalog; `note` is what its alias hides, to be told once."""

    model: CatalogModel
    quantization: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class HubReference:
    """A repository, and the quantization or the file wanted of it, if one is named."""

    repo_id: str
    quantization: str | None = None
    filename: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class OllamaReference:
    """A model in Ollama's store; its name has a tag."""

    name: str


@dataclass(frozen=True, slots=True)
class PathReference:
    """A GGUF file on this machine."""

    path: Path


Reference: TypeAlias = CatalogReference | HubReference | OllamaReference | PathReference


def parse_reference(reference: str, catalog: Catalog) -> Reference:
    """What a reference means. Nothing is looked up but whether a path exists.

    Raises:
        UnknownModel: it is none of the forms above; the hint names those that look like it.
    """
    text = reference.strip()
    named = _in_catalog(text, catalog)
    if named:
        return named
    hub = _HUB.fullmatch(text)
    if hub:
        return _on_hub(text, hub["rest"].rstrip("/"))
    if text.lower().startswith(_OLLAMA) and len(text) > len(_OLLAMA):
        name = text[len(_OLLAMA) :]
        tagged = ":" in name.rpartition("/")[2]
        return OllamaReference(name if tagged else f"{name}:latest")
    path = Path(os.path.expanduser(text))  # noqa: PTH111  (raises for unknown users)
    looks_like_a_path = path.suffix.lower() == ".gguf" or path.is_absolute() or text[:1] in ".~"
    if text and (looks_like_a_path or _exists(path)):
        return PathReference(path)
    raise UnknownModel(f"no model is called {reference!r}", _hint(text, path, catalog))


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110  (false, not an error, for impossible names)


def _in_catalog(text: str, catalog: Catalog) -> CatalogReference | None:
    """`NAME` or `NAME:QUANT`; an alias may hold a colon itself."""
    model, alias, quantization = catalog.find(text), text, None
    if model is None:
        alias, colon, wanted = text.rpartition(":")
        if not colon or quantization_of(wanted) != wanted.upper():
            return None
        model, quantization = catalog.find(alias), wanted.upper()
    if model is None:
        return None
    note = None
    if model.distilled and alias.lower().startswith("deepseek-r1:"):
        taught = f": {model.base_model} taught by R1, not R1 itself" if model.base_model else ""
        note = f"{alias} is {model.display_name}{taught}"
    return CatalogReference(model, quantization, note)


def _on_hub(reference: str, rest: str) -> HubReference:
    found = _REPOSITORY.fullmatch(rest)
    if found is None:
        raise UnknownModel(
            f"{reference!r} names no repository", "write hf:org/repo, or hf:org/repo:Q4_K_M"
        )
    what, revision = found["what"], found["rev"] or found["branch"]
    if what and what.lower().endswith(".gguf"):
        return HubReference(found["repo"], filename=what, revision=revision)
    return HubReference(found["repo"], quantization=what and what.upper(), revision=revision)


def _hint(text: str, path: Path, catalog: Catalog) -> str:
    if len(path.parts) == 2 and not path.is_absolute():
        return f"there is no such file; if it is a repository of the hub, write hf:{text}"
    if len(path.parts) > 2:
        return "there is no such file: check the path"
    alias, _, quantization = text.rpartition(":")
    wrong = [p.message for p in catalog.problems if f": {alias or text}." in p.message]
    if wrong:
        return wrong[0]
    if alias and catalog.find(alias):
        return f"{quantization!r} is no quantization: Q4_K_M is one"
    near = catalog.near(alias or text)
    if near:
        return f"did you mean {' or '.join(near)}?"
    names = ", ".join(model.name for model in catalog.shown())
    return f"give a path to a GGUF file, hf:org/repo, or one of: {names}"
