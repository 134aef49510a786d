"""Models as Ollama's protocol describes them."""

import os
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from r1local.config.paths import real_path
from r1local.gguf.file import GGUFFile, read_gguf, read_summary
from r1local.gguf.format import GGUFArray
from r1local.models.catalog import CatalogModel
from r1local.models.selection import Selected
from r1local.models.store.checksums import expected_sha256
from r1local.models.store.installed import Installed
from r1local.serving.models import Loaded
from r1local.serving.schemas import JSON


def tag(entry: Installed) -> JSON:
    """Return a model as `/api/tags` lists it."""
    header = read_summary(entry.path)
    return {
        "name": entry.reference,
        "model": entry.reference,
        "modified_at": _time(entry.last_used),
        "size": entry.size,
        "digest": _digest(entry.path),
        "details": _details(header, entry.known, entry.quantization),
    }


def card(selected: Selected) -> JSON:
    """Return what `/api/show` says of a model.

    Raises:
        ModelFileError: its file is not a complete, valid GGUF file.
    """
    gguf = read_gguf(selected.path)
    facts = {k: v for k, v in gguf.metadata.items() if not isinstance(v, GGUFArray)}
    template = facts.pop("tokenizer.chat_template", "")
    return {
        "modelfile": "",
        "parameters": "",
        "template": template,
        "details": _details(gguf, selected.known, selected.quantization),
        "model_info": {k: _plain(v) for k, v in facts.items()},
        "capabilities": ["completion", "thinking"],
        "modified_at": _time(selected.path.stat().st_mtime),
    }


def running(loaded: Loaded) -> JSON:
    """Return a loaded model as `/api/ps` lists it."""
    selected, path = loaded.selected, loaded.selected.path
    header = read_summary(path)
    return {
        "name": selected.name,
        "model": selected.name,
        "size": status.st_size if (status := _status(path)) else 0,
        "digest": _digest(path),
        "details": _details(header, selected.known, selected.quantization),
        "expires_at": _time(loaded.expires_at),
        "size_vram": 0,
        "context_length": loaded.runner.engine.context_window,
        "processor": loaded.runner.engine.details,
    }


def _digest(path: Path) -> str:
    """Return a file's SHA-256 if it is known, or else one of what tells it from other files.

    Ollama's own program shows its first 12 characters, and ends if there are fewer (cmd/cmd.go).
    """
    if known := expected_sha256(path):
        return known
    status = _status(path)
    facts = (real_path(path), status and (status.st_size, status.st_mtime_ns))
    return sha256(repr(facts).encode()).hexdigest()


def _status(path: Path) -> os.stat_result | None:
    """Return a file's size and times, or None if it has gone or may not be looked at any more."""
    with suppress(OSError):
        return path.stat()
    return None


def _details(gguf: GGUFFile | None, known: CatalogModel | None, quantization: str | None) -> JSON:
    family = gguf.architecture if gguf else ""
    parameters = known.parameters if known else None
    return {
        "parent_model": (known.base_model if known else None) or "",
        "format": "gguf",
        "family": family,
        "families": [family] if family else [],
        "parameter_size": _size(parameters) if parameters else "",
        "quantization_level": quantization or "",
    }


def _size(parameters: int) -> str:
    billions = parameters / 1e9
    return f"{billions:.1f}B" if billions >= 1 else f"{parameters / 1e6:.2f}M"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


def _plain(value: object) -> object:
    """Return a value that JSON can hold: a file may have numbers that aren't finite."""
    finite = not isinstance(value, float) or abs(value) < float("inf")
    return value if finite else str(value)
