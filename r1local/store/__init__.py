"""The models on this machine: in the Hugging Face cache, Ollama's, LM Studio's, and the user's."""

from r1local.store.checksums import expected_sha256, sha256
from r1local.store.installed import Home, Installed
from r1local.store.own_models import register
from r1local.store.search import copies, find_installed, installed, remove

__all__ = [
    "Home",
    "Installed",
    "copies",
    "expected_sha256",
    "find_installed",
    "installed",
    "register",
    "remove",
    "sha256",
]
