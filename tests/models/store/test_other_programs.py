"""Models of Ollama and LM Studio, under the names those programs give them."""

from pathlib import Path

import pytest

from r1local.models.catalog import load_catalog
from r1local.models.references import parse_reference
from r1local.models.store.search import find_installed, installed_models
from testing.homes import Homes, found, only

LIBRARY = "registry.ollama.ai/library"


@pytest.mark.parametrize(
    ("place", "name", "known"),
    [
        (f"{LIBRARY}/deepseek-r1/7b", "deepseek-r1:7b", "r1-distill-qwen-7b"),
        (
            f"{LIBRARY}/deepseek-r1/7b-qwen-distill-q4_K_M",
            "deepseek-r1:7b-qwen-distill-q4_K_M",
            "r1-distill-qwen-7b",
        ),
        # 28 layers are not what today's deepseek-r1:8b has.
        (f"{LIBRARY}/deepseek-r1/8b", "deepseek-r1:8b", None),
        (f"{LIBRARY}/qwen3/4b", "qwen3:4b", None),
        ("registry.ollama.ai/someone/m/latest", "someone/m:latest", None),
        ("hf.co/org/repo/Q8_0", "hf.co/org/repo:Q8_0", None),
    ],
)
def test_ollama(homes: Homes, place: str, name: str, known: str | None) -> None:
    blob = homes.in_ollama(place, homes.data(), "Q4_K_M")
    entry = only(homes)
    assert (entry.name, entry.home, entry.path) == (name, "Ollama", blob)
    assert entry.quantization == "Q4_K_M"
    assert (entry.known.name if entry.known else None) == known
    assert entry.reference == (f"{known}:Q4_K_M" if known else f"ollama:{name}")


@pytest.mark.parametrize(
    "reference",
    ["ollama:qwen3", "ollama:Library/QWEN3:Latest", "ollama:registry.ollama.ai/library/qwen3"],
)
def test_ollamas_models_are_found_as_ollama_finds_them(homes: Homes, reference: str) -> None:
    blob = homes.in_ollama(f"{LIBRARY}/Qwen3/latest", homes.data())
    entry = find_installed(parse_reference(reference, load_catalog()), load_catalog())
    assert entry is not None and entry.path == blob


def test_two_tags_of_the_same_bytes(homes: Homes) -> None:
    data = homes.data()
    for tag in ("7b", "latest"):
        homes.in_ollama(f"{LIBRARY}/deepseek-r1/{tag}", data)
    references = [entry.reference for entry in found(homes)]
    assert references == ["r1-distill-qwen-7b:Q4_K_M", "ollama:deepseek-r1:latest"]


def test_what_is_in_ollamas_store_may_be_anything(homes: Homes) -> None:
    homes.in_ollama(f"{LIBRARY}/clip/latest", b"not a GGUF file")
    manifests = homes.ollama / "manifests" / LIBRARY / "m"
    manifests.mkdir(parents=True)
    layer = '{"mediaType": "application/vnd.ollama.image.model", "digest": %s}'
    hostile = ["", "[]", "{", "[" * 10_000, '{"layers": [3]}', '{"layers": {"a": 1}}', "\x00"]
    digests = ['"sha256:../../../etc/passwd"', "3", '"sha256:' + "0" * 64 + '"', "null"]
    hostile += ['{"layers": [' + layer % digest + "]}" for digest in digests]
    for number, text in enumerate(hostile):
        (manifests / str(number)).write_text(text)
    (manifests / "broken").symlink_to("nowhere")
    assert found(homes) == []


def test_lm_studio(homes: Homes) -> None:
    homes.in_lm_studio("lmstudio-community/DeepSeek-R1-Distill-Qwen-7B-GGUF/m-Q4_K_M.gguf")
    homes.in_lm_studio("mradermacher/DeepSeek-R1-Distill-Qwen-14B-GGUF/m.Q6_K.gguf")
    homes.in_lm_studio("someone/else/m.gguf", homes.data(general__file_type=7))
    names = {entry.name: (entry.reference, entry.quantization) for entry in found(homes)}
    assert names == {
        "r1-distill-qwen-7b": ("r1-distill-qwen-7b:Q4_K_M", "Q4_K_M"),
        "r1-distill-qwen-14b": ("r1-distill-qwen-14b:Q6_K", "Q6_K"),
        "someone/else": ("hf:someone/else:Q8_0", "Q8_0"),
    }


def test_ollamas_folder_can_be_elsewhere(
    homes: Homes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes.ollama = tmp_path / "elsewhere"
    homes.in_ollama(f"{LIBRARY}/qwen3/4b", homes.data())
    monkeypatch.setenv("OLLAMA_MODELS", str(homes.ollama))
    assert "qwen3:4b" in [entry.name for entry in installed_models(load_catalog())]
