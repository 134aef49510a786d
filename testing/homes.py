"""The places for models, filled with small real GGUF files in a home directory for tests."""

import hashlib
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from r1local.config.paths import user_models
from r1local.hub.journal import BLOCK, JOURNAL, PART
from r1local.models.catalog import load_catalog
from r1local.models.store.installed import Installed
from r1local.models.store.search import installed_models
from testing.command import COMMAND, Completed
from testing.gguf_writer import F32, MetadataValue, TensorData, write_gguf
from testing.waiting import PATIENCE_S

REPO_7B = "bartowski/DeepSeek-R1-Distill-Qwen-7B-GGUF"
MAIN, OLDER = "a" * 40, "b" * 40

#: What the header of the 7B distill contains, without its tokenizer.
QWEN_7B: Mapping[str, MetadataValue] = {
    "general.architecture": "qwen2",
    "qwen2.block_count": 28,
    "qwen2.context_length": 131_072,
    "qwen2.embedding_length": 3584,
    "qwen2.feed_forward_length": 18_944,
    "qwen2.attention.head_count": 28,
    "qwen2.attention.head_count_kv": 4,
}


def gguf_bytes(
    folder: Path, seed: int, changes: Mapping[str, MetadataValue] | None = None
) -> bytes:
    """Return a GGUF file of some kB, different for each seed."""
    path = folder / f"made-{seed}.gguf"
    tokens: dict[str, MetadataValue] = {"tokenizer.ggml.tokens": ["a", "b"]}
    tensor = TensorData("t", (512,), F32, bytes([seed % 256]) * 2048)
    data = write_gguf(path, {**QWEN_7B, **(changes or {}), **tokens}, [tensor]).read_bytes()
    path.unlink()
    return data


class Homes:
    """A home directory, with its Hugging Face cache, Ollama store and LM Studio folder."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.cache = home / ".cache/huggingface/hub"
        self.ollama = home / ".ollama/models"
        self.lm_studio = home / ".lmstudio/models"
        self.user_models = user_models()
        self._seed = 0

    def data(self, **changes: MetadataValue) -> bytes:
        """Return the bytes of a new model; double underscores stand for dots in keys."""
        self._seed += 1
        dotted = {key.replace("__", "."): value for key, value in changes.items()}
        return gguf_bytes(self.home, self._seed, dotted)

    def in_cache(
        self, filename: str, repo_id: str = REPO_7B, commit: str = MAIN, data: bytes | None = None
    ) -> Path:
        """Put a file into the Hugging Face cache like huggingface_hub; return its blob."""
        data = self.data() if data is None else data
        folder = self.cache / f"models--{repo_id.replace('/', '--')}"
        blob = folder / "blobs" / hashlib.sha256(data).hexdigest()
        link = folder / "snapshots" / commit / filename
        for each in (blob, link, folder / "refs/main"):
            each.parent.mkdir(parents=True, exist_ok=True)
        blob.write_bytes(data)
        up = "../" * (2 + filename.count("/"))
        link.unlink(missing_ok=True)
        link.symlink_to(f"{up}blobs/{blob.name}")
        if commit == MAIN:
            (folder / "refs/main").write_text(commit)
        return blob

    def partial(self, filename: str, blocks: int, done: int, repo_id: str = REPO_7B) -> Path:
        """Leave a download unfinished; return its file."""
        folder = self.cache / f"models--{repo_id.replace('/', '--')}" / "blobs"
        folder.mkdir(parents=True, exist_ok=True)
        etag = hashlib.sha256(filename.encode()).hexdigest()
        head = {"version": 1, "boot": "", "repo_id": repo_id, "filename": filename, "etag": etag}
        head |= {"size": blocks * BLOCK, "done": list(range(done))}
        (folder / f"{etag}{JOURNAL}").write_text(json.dumps(head) + "\n")
        part = folder / f"{etag}{PART}"
        with part.open("wb") as stream:
            stream.truncate(blocks * BLOCK)
        return part

    def in_ollama(self, place: str, data: bytes, file_type: str = "Q4_K_M") -> Path:
        """Put a model into Ollama's store under a manifest's path; return its blob."""
        (self.ollama / "blobs").mkdir(parents=True, exist_ok=True)
        config = json.dumps({"model_format": "gguf", "file_type": file_type}).encode()
        layers = [{"mediaType": "application/vnd.ollama.image.template", "digest": "sha256:0"}]
        blobs = []
        for content in (data, config):
            digest = hashlib.sha256(content).hexdigest()
            blobs.append(self.ollama / "blobs" / f"sha256-{digest}")
            blobs[-1].write_bytes(content)
        model = {"mediaType": "application/vnd.ollama.image.model", "size": len(data)}
        model["digest"] = blobs[0].name.replace("-", ":")
        manifest = {"layers": [*layers, model]}
        configured = {"config": {"digest": blobs[1].name.replace("-", ":")}}
        path = self.ollama / "manifests" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(manifest | configured))
        return blobs[0]

    def in_lm_studio(self, place: str, data: bytes | None = None) -> Path:
        """Put a file into LM Studio's folder."""
        path = self.lm_studio / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(self.data() if data is None else data)
        return path


def homes_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> Homes:
    """Return the places in a home directory, with nothing in the environment that moves them."""
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "OLLAMA_MODELS"):
        monkeypatch.delenv(name, raising=False)
    return Homes(home)


def found(homes: Homes) -> list[Installed]:
    """What is in the homes, but for the embedded model and what the real machine has."""
    return [
        entry
        for entry in installed_models(load_catalog(homes.user_models))
        if entry.path.is_relative_to(homes.home)
    ]


def only(homes: Homes) -> Installed:
    """The one model in the homes."""
    (entry,) = found(homes)
    return entry


def r1local(*arguments: str | Path, before: Sequence[str] = ()) -> Completed:
    """Run the command in a process of its own, with pipes and no stdin."""
    return subprocess.run(
        [*before, *COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
    )
