"""What is found on a machine, and what references mean there."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.config import paths
from r1local.gguf.file import file_type, read_summary
from r1local.hub.journal import JOURNAL
from r1local.machine.memory import facts_of
from r1local.models.catalog import load_catalog
from r1local.models.references import OllamaReference, parse_reference
from r1local.models.store.installed import Installed
from r1local.models.store.search import find_installed, installed_models
from testing.homes import MAIN, OLDER, REPO_7B, Homes, homes_in
from testing.models import BROKEN_FILES, r1_header

LIBRARY = "registry.ollama.ai/library"


@pytest.fixture
def homes(home: Path, monkeypatch: pytest.MonkeyPatch) -> Homes:
    return homes_in(home, monkeypatch)


def found(homes: Homes) -> list[Installed]:
    """What is in the homes, but for the embedded model and what the real machine has."""
    return [
        entry
        for entry in installed_models(load_catalog(homes.user_models))
        if entry.path.is_relative_to(homes.home)
    ]


def only(homes: Homes) -> Installed:
    (entry,) = found(homes)
    return entry


def test_the_cache(homes: Homes) -> None:
    blob = homes.in_cache("DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf")
    entry = only(homes)
    assert (entry.name, entry.quantization) == ("r1-distill-qwen-7b", "Q4_K_M")
    assert entry.reference == "r1-distill-qwen-7b:Q4_K_M"
    assert (entry.home, entry.repo_id) == ("Hugging Face", REPO_7B)
    assert (entry.size, entry.whole) == (blob.stat().st_size, True)
    assert (entry.revision, entry.revisions) == (MAIN, (MAIN, "main"))
    assert entry.path.read_bytes() == blob.read_bytes()


def test_a_repository_the_catalog_does_not_know(homes: Homes) -> None:
    homes.in_cache("sub/m-Q8_0.gguf", "someone/Some-Model")
    entry = only(homes)
    assert entry.name == "someone/Some-Model"
    assert entry.reference == "hf:someone/Some-Model:Q8_0"
    assert entry.filename == "sub/m-Q8_0.gguf"


def test_split_files_are_one_model(homes: Homes) -> None:
    for number in (1, 2):
        homes.in_cache(f"m-Q8_0-0000{number}-of-00002.gguf")
    homes.in_cache("mmproj-F16.gguf")
    entry = only(homes)
    assert [part.name[-19:-5] for part in entry.parts] == ["00001-of-00002", "00002-of-00002"]
    assert entry.path == entry.parts[0]
    assert entry.size == sum(part.stat().st_size for part in entry.parts)


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


def test_snapshots_of_the_same_bytes_are_one_model(homes: Homes) -> None:
    data = homes.data()
    homes.in_cache("m-Q4_K_M.gguf", commit=OLDER, data=data)
    homes.in_cache("m-Q4_K_M.gguf", data=data)
    entry = only(homes)
    assert entry.revisions == (MAIN, "main", OLDER)
    for revision in (MAIN, OLDER, "main", MAIN[:8]):
        reference = parse_reference(f"hf:{REPO_7B}:Q4_K_M@{revision}", load_catalog())
        assert find_installed(reference, load_catalog()) == entry
    assert (
        find_installed(parse_reference(f"hf:{REPO_7B}@v2", load_catalog()), load_catalog()) is None
    )


def test_an_older_file_of_the_same_name_is_another_model(homes: Homes) -> None:
    homes.in_cache("m-Q4_K_M.gguf", commit=OLDER)
    homes.in_cache("m-Q4_K_M.gguf")
    entries = found(homes)
    assert [entry.revision for entry in entries] == [MAIN, OLDER]
    assert entries[1].reference == f"hf:{REPO_7B}/m-Q4_K_M.gguf@{OLDER}"


def test_an_unfinished_download(homes: Homes) -> None:
    part = homes.partial("m-Q6_K.gguf", blocks=8, done=2)
    entry = only(homes)
    assert (entry.done, entry.size) == (2 * 2**22, 8 * 2**22)
    assert (entry.name, entry.quantization, entry.path) == ("r1-distill-qwen-7b", "Q6_K", part)
    assert find_installed(parse_reference("7b", load_catalog()), load_catalog()) is None


def test_a_split_download_between_two_parts(homes: Homes) -> None:
    blob = homes.in_cache("m-Q6_K-00001-of-00003.gguf")
    entry = only(homes)
    assert (entry.done, entry.size) == (blob.stat().st_size, 3 * blob.stat().st_size)
    homes.partial("m-Q6_K-00002-of-00003.gguf", blocks=4, done=1)
    entry = only(homes)
    assert entry.done == blob.stat().st_size + 2**22
    assert entry.size == blob.stat().st_size + 2 * 2**24


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


def test_a_reference_to_ollama() -> None:
    assert parse_reference("ollama:qwen3:4b", load_catalog()) == OllamaReference("qwen3:4b")
    assert parse_reference("ollama:org/m", load_catalog()) == OllamaReference("org/m:latest")


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


def test_nothing_hostile_breaks_it(homes: Homes) -> None:
    homes.in_cache("good-Q4_K_M.gguf")
    snapshot = homes.cache / f"models--{REPO_7B.replace('/', '--')}" / "snapshots" / MAIN
    (snapshot / "broken-Q4_K_M.gguf").symlink_to("../../blobs/gone")
    (snapshot / "circle-Q4_K_M.gguf").symlink_to("circle-Q4_K_M.gguf")
    (snapshot / "folder-Q4_K_M.gguf").mkdir()
    (snapshot / ("x" * 240 + "-Q4_K_M.gguf")).write_bytes(b"")
    (snapshot / "new\nline\x1b[31m-Q4_K_M.gguf").write_bytes(b"GGUF")
    (homes.cache / "models--").mkdir()
    (homes.cache / "models--a--b--c--d").mkdir()
    (homes.cache / "models--file--x").write_text("")
    refs = homes.cache / "models--o--r/refs"
    refs.mkdir(parents=True)
    (refs / "main").write_bytes(b"\xff\xfe")
    (homes.cache / "models--o--r/snapshots").mkdir()
    (homes.cache / "models--o--r/blobs").mkdir()
    if hasattr(os, "mkfifo"):  # it would be waited for
        os.mkfifo(refs / "pipe")
        os.mkfifo(homes.cache / f"models--o--r/blobs/e7a9{JOURNAL}")
    closed = homes.cache / "models--closed--repo/snapshots"
    closed.mkdir(parents=True)
    closed.chmod(0)
    try:
        assert [entry.size > 0 for entry in found(homes)].count(True) == 2
    finally:
        closed.chmod(0o700)


@given(st.binary(max_size=300))
def test_any_bytes_can_stand_for_a_header(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.gguf"
    path.write_bytes(b"GGUF\x03\x00\x00\x00" + data)
    read_summary(path)


@pytest.mark.parametrize("situation", BROKEN_FILES)
def test_broken_files_have_a_summary_or_none(tmp_path: Path, situation: str) -> None:
    read_summary(BROKEN_FILES[situation](tmp_path / "m.gguf"))


def test_a_summary_has_what_memory_depends_on() -> None:
    header = read_summary(r1_header())
    assert header is not None
    assert "tokenizer.ggml.tokens" not in header.metadata
    facts = facts_of(header)
    assert (facts.keys, facts.values) == ((512,) * 28, (512,) * 28)
    assert (facts.embedding_length, facts.context_length) == (3584, 131_072)
    assert file_type(header) in ("Q4_K_M", None)


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"XDG_CACHE_HOME": "/x"},
        {"HF_HOME": "~/hf"},
        {"HF_HOME": "/h", "HF_HUB_CACHE": "$HF_HOME/c"},
        {"HUGGINGFACE_HUB_CACHE": "/old"},
    ],
)
def test_the_cache_is_where_huggingface_hub_has_it(
    homes: Homes, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code = "from huggingface_hub import constants; print(constants.HF_HUB_CACHE)"
    theirs = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert paths.hub_cache_folder() == Path(theirs.stdout.strip())
    assert homes.home in homes.cache.parents


def test_ollamas_folder_can_be_elsewhere(
    homes: Homes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes.ollama = tmp_path / "elsewhere"
    homes.in_ollama(f"{LIBRARY}/qwen3/4b", homes.data())
    monkeypatch.setenv("OLLAMA_MODELS", str(homes.ollama))
    assert "qwen3:4b" in [entry.name for entry in installed_models(load_catalog())]
