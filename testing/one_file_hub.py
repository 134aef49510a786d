"""A hub on loopback that has one file, and this process sent there to ask for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from huggingface_hub import constants

from r1local.hub import client
from r1local.hub.client import RemoteFile
from testing.loopback_hub import Hub, loopback_hub

TOKEN = "hf_secretsecretsecretsecret"
REPO, NAME = "org/repo", "model-Q4_K_M.gguf"
DATA = bytes(range(256)) * 512


@contextmanager
def one_file_hub(cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """Serve the file for the length of a test, with a token and a cache of its own."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    with loopback_hub() as served:
        use_endpoint(served.url, monkeypatch)
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
        served.add(REPO, NAME, DATA)
        yield served


def use_endpoint(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask another address, as HF_ENDPOINT would have it in a process of its own."""
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(constants, "ENDPOINT", url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


def located() -> RemoteFile:
    """The file, as the hub says it is."""
    return client.locate(REPO, NAME, "main")
