"""What is found on a machine, and what references mean there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from r1local.models.catalog import load_catalog
from r1local.models.references import HubReference, parse_reference
from r1local.models.store import search
from r1local.models.store.installed import Installed
from r1local.models.store.search import find_installed
from testing.homes import REPO_7B, Homes, found, only

LIBRARY = "registry.ollama.ai/library"


def test_a_sidecar_is_meant_by_its_file_alone(homes: Homes) -> None:
    homes.in_cache("m-Q8_0.gguf")
    homes.in_cache("eagle3-m-Q4_K_M.gguf")
    assert only(homes).filename == "m-Q8_0.gguf"
    catalog = load_catalog(homes.user_models)
    for text in ("7b:Q4_K_M", f"hf:{REPO_7B}:Q4_K_M"):
        assert find_installed(parse_reference(text, catalog), catalog) is None
    sidecar = find_installed(
        parse_reference(f"hf:{REPO_7B}:eagle3-m-q4_k_m.gguf", catalog), catalog
    )
    assert sidecar is not None and sidecar.filename == "eagle3-m-Q4_K_M.gguf"
    assert sidecar.reference == f"hf:{REPO_7B}/eagle3-m-Q4_K_M.gguf"


@pytest.mark.parametrize("name", ["X-MTP-Q4_K_M.gguf", "a-draft.gguf", "a-imatrix-Q4_0.gguf"])
def test_what_is_alone_is_a_model(homes: Homes, name: str) -> None:
    homes.in_cache(name, "someone/X")
    homes.in_lm_studio(f"someone/Y/{name}")
    assert [entry.path.name for entry in found(homes)] == [name, name]


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("m-fp16.gguf", "F16"),
        ("m-f16.gguf", "fp16"),
        ("m.i1-Q4_K_M.gguf", "i1-Q4_K_M"),
        ("m-Compact.gguf", "compact"),
        ("m-UD-Q4_K_XL.gguf", "Q4_K_XL"),
        ("m-MXFP4_MOE.gguf", "mxfp4"),
    ],
)
def test_tags_mean_the_same_as_on_the_hub(homes: Homes, name: str, tag: str) -> None:
    homes.in_cache("m-Q2_K.gguf")
    homes.in_cache(name)
    entry = find_installed(parse_reference(f"hf:{REPO_7B}:{tag}", load_catalog()), load_catalog())
    assert entry is not None and entry.filename == name


def test_a_link_from_one_home_to_another_is_one_model(homes: Homes) -> None:
    blob = homes.in_cache("m-Q4_K_M.gguf")
    link = homes.lm_studio / "bartowski/repo/m-Q4_K_M.gguf"
    link.parent.mkdir(parents=True)
    link.symlink_to(blob)
    assert only(homes).home == "Hugging Face"


def test_every_reference_means_its_own_model(homes: Homes) -> None:
    for name in ("a-Q4_K_M.gguf", "b-Q4_K_M.gguf", "c-Q8_0.gguf", "strange.gguf"):
        homes.in_cache(name)
        homes.in_cache(name, REPO_7B.replace("bartowski", "unsloth"))
        homes.in_lm_studio(f"{REPO_7B}/{name}")
    homes.in_cache("m-Q4_K_M.gguf", "norepo")
    homes.in_ollama(f"{LIBRARY}/deepseek-r1/7b", homes.data())
    entries = found(homes)
    assert len(entries) == 14
    assert len({entry.reference for entry in entries}) == 14
    for entry in entries:
        assert (
            find_installed(parse_reference(entry.reference, load_catalog()), load_catalog())
            == entry
        )


def test_which_copy_is_preferred(homes: Homes) -> None:
    homes.in_ollama(f"{LIBRARY}/deepseek-r1/7b", homes.data())
    seven = parse_reference("7b", load_catalog())
    homes_found = []
    puts: tuple[Callable[[], Path], ...] = (
        lambda: homes.in_lm_studio(f"{REPO_7B}/m-Q8_0.gguf"),
        lambda: homes.in_cache("m-Q4_K_M.gguf"),
        lambda: homes.in_cache("m-Q6_K.gguf", REPO_7B.replace("bartowski", "unsloth")),
    )
    for put in puts:
        put()
        best = find_installed(seven, load_catalog())
        assert best is not None
        homes_found.append((best.home, best.quantization))
    assert homes_found == [
        ("LM Studio", "Q8_0"),
        ("Hugging Face", "Q4_K_M"),
        ("Hugging Face", "Q6_K"),
    ]
    asked = find_installed(parse_reference("7b:q4_k_m", load_catalog()), load_catalog())
    assert asked is not None and asked.repo_id == REPO_7B
    assert find_installed(parse_reference("7b:q2_k", load_catalog()), load_catalog()) is None


def test_a_path(homes: Homes, tmp_path: Path) -> None:
    homes.in_cache("m-Q4_K_M.gguf")
    entry = only(homes)
    assert find_installed(parse_reference(str(entry.path), load_catalog()), load_catalog()) == entry
    own = tmp_path / "own.gguf"
    own.write_bytes(homes.data())
    file = find_installed(parse_reference(str(own), load_catalog()), load_catalog())
    assert file is not None and (file.home, file.name, file.path) == ("file", "own", own)
    assert (
        find_installed(parse_reference("/nowhere/x.gguf", load_catalog()), load_catalog()) is None
    )


def test_a_model_is_only_compared_with_those_its_references_could_mean(
    homes: Homes, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []
    real = search._is_of

    def counting(entry: Installed, reference: HubReference) -> bool:
        compared.append(entry)
        return real(entry, reference)

    for number in range(30):
        homes.in_cache("m-Q4_K_M.gguf", f"o/m{number}")
    monkeypatch.setattr(search, "_is_of", counting)
    assert len({each.reference for each in found(homes)}) == 30
    assert len(compared) == 30
