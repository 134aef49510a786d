"""All models on this machine, and the ones that a reference means."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from r1local.config.paths import hub_cache_folder, lm_studio_folders, ollama_folders, real_path
from r1local.errors import StoreError, UnknownModel
from r1local.gguf.quantization import closeness, closest, quality_rank
from r1local.language import _
from r1local.models.catalog import Catalog
from r1local.models.references import (
    CatalogReference,
    HubReference,
    OllamaReference,
    PathReference,
    Reference,
    parse_reference,
)
from r1local.models.store import hub_cache as hugging_face
from r1local.models.store import other_programs, own_models
from r1local.models.store.installed import (
    HOMES,
    Installed,
    StoredFile,
    quantization_in,
    stored_file,
)

#: Least characters of an abbreviated commit.
_SHORT_COMMIT = 7


def installed_models(catalog: Catalog) -> list[Installed]:
    """Return the models on this machine from every home, sorted by name and quality.

    Includes unfinished downloads. Leaves out what can't be read: another program's broken file is
    not the user's problem here.
    """
    return [entry for entry in _all_files(catalog) if not entry.sidecar]


def _all_files(catalog: Catalog) -> list[Installed]:
    """Return the models on this machine and their sidecars."""
    found = list(own_models.scan(catalog))
    seen: set[Path] = set()
    for entries in _elsewhere(catalog):
        # LM Studio's folder may link to the cache, and its older folder to the newer one.
        there = [(real_path(entry.path), entry) for entry in entries]
        found += [entry for target, entry in there if target not in seen]
        seen.update(target for target, _entry in there)
    found.sort(key=lambda each: (each.name.lower(), *_preference(each)))
    rivals = _rivals(found)
    return [replace(e, reference=_reference(e, rivals(e), catalog)) for e in found]


def _rivals(entries: Sequence[Installed]) -> Callable[[Installed], list[Installed]]:
    """Return a function that finds the entries which a model's references could mean as well.

    They keep their order, and the model itself is among them. Comparing each model with every
    other would take a minute where there are thousands.
    """
    places: dict[tuple[str, str], list[int]] = {}
    for place, entry in enumerate(entries):
        for key in _keys(entry):
            places.setdefault(key, []).append(place)

    def of(entry: Installed) -> list[Installed]:
        return [entries[place] for place in sorted({p for k in _keys(entry) for p in places[k]})]

    return of


def _keys(entry: Installed) -> list[tuple[str, str]]:
    """Return what a model's references begin with, each with the kind of reference."""
    keys: list[tuple[str, str]] = [(entry.home, entry.name.lower())]
    if entry.repo_id:
        keys.append(("hub", entry.repo_id.lower()))
    if entry.known:
        keys.append(("catalog", entry.known.name))
    return keys


def _elsewhere(catalog: Catalog) -> Iterator[Iterator[Installed]]:
    """Yield the models of each program's folders."""
    yield hugging_face.scan(hub_cache_folder(), catalog)
    for folder in lm_studio_folders():
        yield other_programs.scan_lm_studio(folder, catalog)
    for folder in ollama_folders():
        yield other_programs.scan_ollama(folder, catalog)


def _reference(entry: Installed, entries: Sequence[Installed], catalog: Catalog) -> str:
    """Return the shortest reference that means this model and no preferred one."""
    for text in _candidates(entry):
        try:
            meant = _matching(parse_reference(text, catalog), entries)
        except UnknownModel:
            continue
        if meant and meant[0] is entry:
            return text
    return str(entry.path)


def _candidates(entry: Installed) -> Iterator[str]:
    named = f":{entry.quantization}" if entry.quantization else None
    if entry.known and (named is None or entry.home in ("embedded", "imported")):
        yield entry.known.name
    if entry.known and named:
        yield f"{entry.known.name}{named}"
    if entry.repo_id and named:
        yield f"hf:{entry.repo_id}{named}"
    if entry.repo_id and entry.filename:
        yield f"hf:{entry.repo_id}/{entry.filename}"
        yield f"hf:{entry.repo_id}/{entry.filename}@{entry.revision}"
    if entry.home == "Ollama":
        yield f"ollama:{entry.name}"


def _matching(reference: Reference, entries: Sequence[Installed]) -> list[Installed]:
    match reference:
        case CatalogReference(model, quantization):
            found = [
                entry
                for entry in entries
                if entry.known and entry.known.name == model.name and not entry.sidecar
            ]
            found = _tagged(found, quantization)
        case HubReference(quantization=quantization):
            found = [entry for entry in entries if _is_of(entry, reference)]
            found = _tagged(found, quantization)
        case OllamaReference(name):
            wanted = name.lower()
            found = [e for e in entries if e.home == "Ollama" and e.name.lower() == wanted]
        case PathReference(path):
            target = real_path(path)
            found = [e for e in entries if target in [real_path(part) for part in e.parts]]
    return sorted(found, key=_preference)


def _tagged(entries: list[Installed], tag: str | None) -> list[Installed]:
    """Return the entries that match a tag best, or all of them without a tag."""
    if tag is None:
        return entries
    return closest(entries, lambda e: closeness(tag, e.quantization, e.filename or e.path.name))


def _is_of(entry: Installed, reference: HubReference) -> bool:
    """Tell whether a model comes from the repository, file and revision of a reference."""
    if (entry.repo_id or "").lower() != reference.repo_id.lower():
        return False
    names = {str(entry.filename).lower(), *(part.name.lower() for part in entry.parts)}
    filename, revision = reference.filename, reference.revision
    return (not entry.sidecar if filename is None else filename.lower() in names) and (
        revision is None
        or revision in entry.revisions
        or (len(revision) >= _SHORT_COMMIT and str(entry.revision).startswith(revision))
    )


def _preference(entry: Installed) -> tuple[bool, int, int, int]:
    repositories = entry.known.repositories if entry.known else ()
    preferred = repositories.index(entry.repo_id) if entry.repo_id in repositories else 0
    rank = quality_rank(entry.quantization or "")
    return not entry.whole, HOMES.index(entry.home), rank, preferred


def copies(reference: Reference, catalog: Catalog) -> list[Installed]:
    """Return the models on this machine that a reference means.

    Whole models come first, sorted by home (see `HOMES`) and then by quality, the best first. A
    path that is in none of these homes is returned with the home `file`.
    """
    found = _matching(reference, _all_files(catalog))
    if not found and isinstance(reference, PathReference):
        file = stored_file(reference.path, reference.path.name)
        return [_by_itself(file)] if file else []
    return found


def find_installed(reference: Reference, catalog: Catalog) -> Installed | None:
    """Return the first whole model that a reference means, or None if there is none."""
    return next((entry for entry in copies(reference, catalog) if entry.whole), None)


def _by_itself(file: StoredFile) -> Installed:
    return Installed(
        name=file.path.stem,
        reference=str(file.path),
        home="file",
        path=file.path,
        parts=(file.path,),
        size=file.size,
        last_used=file.used,
        quantization=quantization_in(file),
    )


def remove_files(entry: Installed) -> int:
    """Remove a model from this machine, or an imported one from the catalog; return bytes freed.

    Raises:
        StoreError: the model belongs to another program, or can't be removed.
        CatalogError: the user's models file can't be edited.
    """
    match entry.home:
        case "Hugging Face":
            return hugging_face.remove(entry)
        case "imported":
            own_models.forget(entry.name)
            return 0
        case "embedded":
            raise StoreError(
                _("{name} is part of r1local", name=entry.name),
                _("to hide it, set hidden = true in your models.toml"),
            )
        case "Ollama":
            raise StoreError(
                _("{name} belongs to Ollama", name=entry.name),
                _("remove it there: ollama rm {name}", name=entry.name),
            )
        case "LM Studio":
            raise StoreError(
                _("{name} belongs to LM Studio", name=entry.name),
                _("remove it there, in My Models"),
            )
        case "file":
            raise StoreError(
                _("{name} is your own file", name=entry.path.name),
                _("remove it as you would any other file"),
            )
