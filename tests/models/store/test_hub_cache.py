"""Models in the Hugging Face cache: its snapshots, its split files, and downloads not finished."""

import os

from r1local.hub.journal import JOURNAL
from r1local.models.catalog import load_catalog
from r1local.models.references import parse_reference
from r1local.models.store.search import find_installed
from testing.homes import MAIN, OLDER, REPO_7B, Homes, found, only


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
