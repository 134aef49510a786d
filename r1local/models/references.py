"""References to models: one grammar for every command.

7b  7b:q5_k_m  deepseek-r1:7b        a name or alias of the catalog, and a quantization
hf:org/repo[:TAG or FILE][@rev]      a repository of the hub; also hf://…, hf.co/… and a pasted URL
ollama:[HOST/][OWNER/]NAME[:TAG]     a model in Ollama's store, named as for Ollama itself
./model.gguf  ~/models/model.gguf    a file
lab:MODEL  http://HOST:8000/v1#MODEL a model of a server elsewhere (`endpoint_reference`)
fast                                 an alias in `config.toml`: one of the above (`unaliased`)
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote

from r1local.config.endpoints import Endpoint, endpoint_for_once
from r1local.config.paths import config_file, from_home, is_safe_name
from r1local.config.preferences import read_config
from r1local.config.presets import ALIASES, can_be_name
from r1local.errors import InvalidSetting, UnknownModel
from r1local.gguf.parts import is_gguf
from r1local.gguf.quantization import quantization_named
from r1local.language import N_, _
from r1local.models.catalog import Catalog, CatalogModel

_HUB = re.compile(r"hf:(?://)?|(?:https?://)?(?:www\.)?(?:huggingface\.co|hf\.co)/", re.IGNORECASE)
_OLLAMA = "ollama:"
#: A branch, a tag or a commit; among names with a slash only the hub's own need no %2F.
_REVISION = r"(?:refs/(?:pr/\d+|convert/[\w.-]+)|[^/@:]+)"
#: A repository's name as the hub allows it, and what may follow it.
_REPOSITORY = (
    r"(?:models?/)?(?!models/)(?P<repo>\w[\w.-]{0,95}/\w[\w.-]{0,95})"
    rf"(?:@(?P<early>{_REVISION}))?"
    rf"(?:/(?P<page>resolve|blob|raw|tree|blame)(?:/(?P<branch>{_REVISION}))?)?"
    rf"(?:[:/](?P<what>[^@]+))?(?:@(?P<late>{_REVISION}))?"
)
#: What the hub forbids in a repository's name and our cache's folder names rely on.
_FORBIDDEN_IN_NAMES = re.compile(r"--|\.\.|[.-](?:/|$)|\.git$")
#: Other things with an address on the hub, by its first segment.
_OTHER_KINDS = {
    "datasets": N_("a dataset"),
    "spaces": N_("a space"),
    "kernels": N_("a kernel"),
    "buckets": N_("a bucket"),
    "collections": N_("a collection"),
    "papers": N_("a paper"),
}
#: Number of segments in a repository's name.
_ID_SEGMENTS = 2
#: Pages of single files.
_FILE_PAGES = ("resolve", "blob", "raw", "blame")
_OTHER_PAGES = re.compile(r"[^/]+/[^/]+/(discussions|commits?|settings|edit|community)(?:/|$)")
#: Lengths and characters that Ollama allows in the parts of a name (types/model/name.go).
_OLLAMA_NAME = (
    r"(?:(?:(?P<host>\w[\w.:-]{0,349})/)?(?P<owner>\w[\w-]{0,79})/)?"
    r"(?P<model>\w[\w.-]{0,79})(?::(?P<tag>\w[\w.-]{0,79}))?"
)
_OLLAMA_HOST, _OLLAMA_OWNER = "registry.ollama.ai", "library"


@dataclass(frozen=True, slots=True)
class CatalogReference:
    """A model of the catalog; `note` tells the user what its alias hides."""

    model: CatalogModel
    quantization: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class HubReference:
    """A repository, and what to take from it: a file, a quantization, or a word in a file's name.

    A word in a file's name is kept in `quantization`.
    """

    repo_id: str
    quantization: str | None = None
    filename: str | None = None
    revision: str | None = None


@dataclass(frozen=True, slots=True)
class OllamaReference:
    """A model in Ollama's store, by its shortest name and its tag; case is ignored."""

    name: str


@dataclass(frozen=True, slots=True)
class PathReference:
    """A GGUF file on this machine."""

    path: Path


@dataclass(frozen=True, slots=True)
class EndpointReference:
    """A model of a server elsewhere; None is the one that it has."""

    endpoint: Endpoint
    model: str | None = None


Reference: TypeAlias = CatalogReference | HubReference | OllamaReference | PathReference


def check_aliases(catalog: Catalog) -> None:
    """Refuse aliases that have the name of a model.

    Raises:
        InvalidSetting: there is one, or `config.toml` can't be used.
    """
    for alias in read_config().aliases:
        unaliased(alias, catalog)


def unaliased(reference: str, catalog: Catalog) -> str:
    """Return the reference that an alias stands for; any other reference as it is.

    Raises:
        InvalidSetting: the catalog has a model of the alias's name, or `config.toml` can't be used.
    """
    text = reference.strip()
    if not can_be_name(text):
        return text
    named = _in_catalog(text, catalog)
    try:
        meant = read_config().aliases.get(text.lower())
    except InvalidSetting:
        if named:  # which needs no configuration
            return text
        raise
    if meant is None:
        return text
    if named:
        told = _(
            "{config_file} [{aliases}]: {name} is the name of a model already",
            config_file=config_file(),
            aliases=ALIASES,
            name=text,
        )
        raise InvalidSetting(told, _("give the alias another name"))
    return meant


def endpoint_reference(reference: str, catalog: Catalog) -> EndpointReference | None:
    """Parse a reference to a model of a server elsewhere; return None if it is another one.

    Raises:
        InvalidSetting: the server's address or `config.toml` can't be used.
    """
    text = unaliased(reference, catalog)
    if _in_catalog(text, catalog) or _HUB.match(text) or _endpoint().match(text):
        return None
    address, hash_, model = text.partition("#")
    if hash_ and re.match(r"https?://", text, re.IGNORECASE):
        endpoint = endpoint_for_once(address, read_config().endpoints)
        return EndpointReference(endpoint, model or endpoint.model)
    name, colon, model = text.partition(":")
    known = read_config().endpoints.get(name.lower()) if colon else None
    return EndpointReference(known, model or known.model) if known else None


def parse_reference(reference: str, catalog: Catalog) -> Reference:
    """Parse a reference to a model in a file; look up nothing except whether a path exists.

    Raises:
        UnknownModel: it has none of the forms above; the hint suggests similar names.
    """
    text = unaliased(reference, catalog)
    named = _in_catalog(text, catalog)
    if named:
        return named
    if hub := _HUB.match(text) or _endpoint().match(text):
        return _on_hub(text, text[hub.end() :], is_url=hub[0].lower() != "hf:")
    if text.lower().startswith(_OLLAMA):
        return _in_ollama(text)
    if re.match(r"https?://[^#]+$", text, re.IGNORECASE):
        raise UnknownModel(
            _("{reference!r} is not an address of the hub", reference=reference),
            _("download it, and give the file's path; a server goes with --endpoint"),
        )
    if endpoint_reference(text, catalog):
        raise UnknownModel(
            _(
                "{reference} is a model of a server elsewhere, not in a file here",
                reference=reference,
            ),
            _("it can reply: r1local chat -m {reference}", reference=reference),
        )
    path = from_home(text)
    looks_like_a_path = path.suffix.lower() == ".gguf" or path.is_absolute() or text[:1] in ".~"
    if text and (looks_like_a_path or _exists(path)):
        return PathReference(path)
    raise UnknownModel(
        _("no model is called {reference!r}", reference=reference), _hint(text, path, catalog)
    )


def _exists(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110  (false, not an error, for impossible names)


def _in_catalog(text: str, catalog: Catalog) -> CatalogReference | None:
    """Parse `NAME` or `NAME:QUANT`; an alias may contain a colon itself."""
    model, alias, quantization = catalog.find(text), text, None
    if model is None:
        alias, colon, wanted = text.rpartition(":")
        quantization = quantization_named(wanted)
        if not colon or quantization is None:
            return None
        model = catalog.find(alias)
    if model is None:
        return None
    note = None
    if model.distilled and alias.lower().startswith("deepseek-r1:"):
        taught = (
            _(": {base_model} taught by R1, not R1 itself", base_model=model.base_model)
            if model.base_model
            else ""
        )
        note = _(
            "{alias} is {display_name}{taught}",
            alias=alias,
            display_name=model.display_name,
            taught=taught,
        )
    return CatalogReference(model, quantization, note)


def _endpoint() -> re.Pattern[str]:
    """Return a pattern for the start of addresses on the hub that HF_ENDPOINT names, if any."""
    host = re.sub(r"^https?://", "", os.environ.get("HF_ENDPOINT", ""), flags=re.IGNORECASE)
    return re.compile(rf"(?:https?://)?{re.escape(host.rstrip('/') or ' ')}/", re.IGNORECASE)


def _on_hub(reference: str, address: str, *, is_url: bool) -> HubReference:
    """Parse what follows the hub's name in a reference; URLs are percent-encoded."""
    rest = re.split(r"[?#]" if is_url else r"\?", address)[0].rstrip("/")
    _expect_model(reference, rest)
    found = re.fullmatch(_REPOSITORY, rest, re.ASCII)
    if found is None or _FORBIDDEN_IN_NAMES.search(found["repo"]):
        raise UnknownModel(
            _("{reference!r} names no repository", reference=reference),
            _("write hf:org/repo, or hf:org/repo:Q4_K_M"),
        )
    decoded = unquote if is_url else str
    what = decoded(found["what"] or "") or None
    revision = found["late"] or found["branch"] or found["early"]
    revision = revision and _checked_revision(reference, decoded(revision))
    if what is None or not (is_gguf(what) or found["page"] in _FILE_PAGES):
        tag = what and (quantization_named(what) or what)
        return HubReference(found["repo"], quantization=tag, revision=revision)
    if not is_gguf(what):
        raise UnknownModel(
            _("{what} is not a GGUF file", what=what),
            _("write hf:{repo}:FILE.gguf", repo=found["repo"]),
        )
    return HubReference(found["repo"], filename=what, revision=revision)


def _expect_model(reference: str, rest: str) -> None:
    """Raise an error that says what an address on the hub is, if it isn't a model's."""
    first, *others = rest.lower().split("/")
    if kind := _OTHER_KINDS.get(first if len(others) < _ID_SEGMENTS else first.rstrip("s") + "s"):
        raise UnknownModel(
            _("{reference!r} is {kind}, not a model", reference=reference, kind=_(kind)),
            _("give a model's repository"),
        )
    if page := _OTHER_PAGES.match(rest.removeprefix("models/")):
        repository = "/".join(rest.removeprefix("models/").split("/")[:2])
        raise UnknownModel(
            _(
                "{reference!r} is a page of a repository ({page})",
                reference=reference,
                page=page[1],
            ),
            _("write hf:{repository}", repository=repository),
        )


def _checked_revision(reference: str, revision: str) -> str:
    """Return a revision that git allows, and that a file of the cache can be named after.

    See git-check-ref-format.
    """
    impossible = re.search(r"\.\.|//|^[/.-]|[/.]$|[\x00-\x20\x7f~^:?*\[\\]", revision)
    if impossible or not is_safe_name(revision):
        raise UnknownModel(
            _("{reference!r} names no revision", reference=reference),
            _("write a branch, tag or commit"),
        )
    return revision


def _in_ollama(reference: str) -> OllamaReference:
    """Parse a name of Ollama's, filling in missing parts as Ollama does."""
    bare = re.sub(r"^\w+://", "", reference[len(_OLLAMA) :])
    found = re.fullmatch(_OLLAMA_NAME, bare, re.ASCII)
    if found is None:
        raise UnknownModel(
            _("{reference!r} is not a model's name in Ollama", reference=reference),
            _("see: ollama list"),
        )
    host, owner = found["host"] or _OLLAMA_HOST, found["owner"] or _OLLAMA_OWNER
    return OllamaReference(ollama_name(host, owner, found["model"], found["tag"] or "latest"))


def ollama_name(host: str, owner: str, model: str, tag: str) -> str:
    """Return what Ollama calls a model: its own registry and library are left out."""
    parts = [host, owner, f"{model}:{tag}"]
    for usual in (_OLLAMA_HOST, _OLLAMA_OWNER):
        if parts[0].lower() == usual:
            del parts[0]
    return "/".join(parts)


def _hint(text: str, path: Path, catalog: Catalog) -> str:
    if len(path.parts) == 2 and not path.is_absolute():
        return _(
            "there is no such file; if it is a repository on the hub, write hf:{text}", text=text
        )
    if len(path.parts) > 2:
        return _("there is no such file: check the path")
    alias, _colon, quantization = text.rpartition(":")
    if wrong := catalog.problems.get(alias or text):
        return wrong.message
    if alias and catalog.find(alias):
        return _(
            "{quantization!r} is not a quantization; Q4_K_M, for example, is one",
            quantization=quantization,
        )
    from difflib import get_close_matches  # only errors need it

    aliases = read_config().aliases
    near = get_close_matches(text.lower(), aliases, n=1, cutoff=0.55)
    near += catalog.near(alias or text)
    if near:
        return _("did you mean {near}?", near=_(" or ").join(near))
    names = ", ".join(model.name for model in catalog.shown())
    return _("give a path to a GGUF file, hf:org/repo, or one of: {names}", names=names)
