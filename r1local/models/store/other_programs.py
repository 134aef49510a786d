"""Other programs' models, which are run where they are and never changed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from r1local.gguf.file import GGUFFile, file_type, read_summary
from r1local.gguf.quantization import RepoFile, variants
from r1local.models.catalog import Catalog, CatalogModel
from r1local.models.references import ollama_name
from r1local.models.store.installed import (
    Installed,
    StoredFile,
    gguf_files,
    last_use,
    quantization_in,
    stored_file,
    subfolders,
)

_MODEL_LAYER = "application/vnd.ollama.image.model"
_DIGEST = re.compile(r"sha256[:-](?P<hex>[0-9a-f]{64})")
#: Bytes read of a manifest or a configuration, which have a few hundred.
_LONGEST_JSON = 2**20


def scan_lm_studio(folder: Path, catalog: Catalog) -> Iterator[Installed]:
    """Yield the models in LM Studio's folder, stored as PUBLISHER/REPOSITORY/FILE.gguf."""
    for repository in subfolders(folder, "*/*"):
        repo_id = repository.relative_to(folder).as_posix()
        known = catalog.of_repository(repo_id) or _called_like(repository.name, catalog)
        files = {file.name: file for file in gguf_files(repository)}
        for variant in variants(RepoFile(file.name, file.size) for file in files.values()):
            parts = [files[file.name] for file in variant.files]
            yield Installed(
                name=known.name if known else repo_id,
                reference="",
                home="LM Studio",
                path=parts[0].path,
                parts=tuple(part.path for part in parts),
                size=variant.size,
                last_used=last_use(parts),
                quantization=quantization_in(parts[0]),
                known=known,
                repo_id=repo_id,
                filename=variant.name,
                sidecar=variant.sidecar,
            )


def _called_like(repository: str, catalog: Catalog) -> CatalogModel | None:
    """Return the model that another publisher's repository is named after, or None."""
    return catalog.find(re.sub(r"[-_.]gguf$", "", repository, flags=re.IGNORECASE))


def scan_ollama(folder: Path, catalog: Catalog) -> Iterator[Installed]:
    """Yield the GGUF models that Ollama's manifests name.

    manifests/registry.ollama.ai/library/NAME/TAG     JSON, whose layers have digests
    blobs/sha256-…                                    the bytes
    """
    manifests = folder / "manifests"
    for path in sorted(p for p in manifests.glob("*/*/*/*") if stored_file(p, p.name)):
        manifest = _read_json(path)
        blobs = [
            _blob(folder, layer)
            for layer in _list(manifest.get("layers"))
            if layer.get("mediaType") == _MODEL_LAYER
        ]
        # llama.cpp couldn't find the other parts of a split model by these names.
        file = blobs[0] if len(blobs) == 1 else None
        header = read_summary(file.path) if file else None
        if file and header:
            config = _blob(folder, manifest.get("config"))
            yield _of_manifest(path.relative_to(manifests), file, header, config, catalog)


def _of_manifest(
    place: Path, file: StoredFile, header: GGUFFile, config: StoredFile | None, catalog: Catalog
) -> Installed:
    named = _read_json(config.path).get("file_type") if config else None
    name = ollama_name(*place.parts)
    known = _distill(name, catalog)
    layers = known.architecture.layers if known and known.architecture else None
    if header.block_count != layers:
        known = None  # "deepseek-r1:8b" used to be the Llama distill, and is Qwen3's now
    return Installed(
        name=name,
        reference="",
        home="Ollama",
        path=file.path,
        parts=(file.path,),
        size=file.size,
        last_used=file.used,
        quantization=_quantization(named) or file_type(header),
        known=known,
    )


def _distill(name: str, catalog: Catalog) -> CatalogModel | None:
    """Return the catalog's model for Ollama's name, or None.

    Ollama writes `deepseek-r1:7b` or `deepseek-r1:7b-qwen-distill-q4_K_M`.
    """
    if not name.lower().startswith("deepseek-r1:"):
        return None
    words = [w for w in re.split(r"[:-]", name.lower()) if not _quantization(w)]
    _deepseek, *rest = words
    same = (m for m in catalog.models.values() if set(m.name.split("-")) == set(rest))
    return next(same, None) or catalog.find(f"deepseek-r1:{'-'.join(rest[1:])}")


def _quantization(name: object) -> str | None:
    known = isinstance(name, str) and re.fullmatch(r"(?:I?Q|TQ|BF|FP?|MXFP)\d\w*", name.upper())
    return str(name).upper() if known else None


def _blob(folder: Path, layer: object) -> StoredFile | None:
    digest = layer.get("digest") if isinstance(layer, dict) else None
    found = _DIGEST.fullmatch(digest) if isinstance(digest, str) else None
    name = f"sha256-{found['hex']}" if found else None
    return stored_file(folder / "blobs" / name, name) if name else None


def _list(value: object) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; return an empty one if the file can't be read or is something else."""
    try:
        with path.open("rb") as stream:
            found = json.loads(stream.read(_LONGEST_JSON))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
