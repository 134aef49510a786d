"""The grammar of references."""

from pathlib import Path
from urllib.parse import unquote

import pytest
from huggingface_hub import parse_hf_uri
from hypothesis import example, given
from hypothesis import strategies as st

from r1local.errors import UnknownModel
from r1local.models.catalog import load_catalog
from r1local.models.references import (
    CatalogReference,
    HubReference,
    OllamaReference,
    PathReference,
    parse_reference,
)


@pytest.mark.parametrize(
    ("reference", "name", "quantization"),
    [
        ("7b", "r1-distill-qwen-7b", None),
        ("7B", "r1-distill-qwen-7b", None),
        (" 7b ", "r1-distill-qwen-7b", None),
        ("7b:q5_k_m", "r1-distill-qwen-7b", "Q5_K_M"),
        ("r1-distill-llama-70b:IQ4_XS", "r1-distill-llama-70b", "IQ4_XS"),
        ("deepseek-r1:7b", "r1-distill-qwen-7b", None),
        ("deepseek-r1:7b:q8_0", "r1-distill-qwen-7b", "Q8_0"),
        ("deepseek-r1", "r1", None),
        ("671b:UD-IQ1_S", "r1", "UD-IQ1_S"),
        ("nano", "nano", None),
        ("7b:fp16", "r1-distill-qwen-7b", "F16"),
        ("7b:Q4_K_XL", "r1-distill-qwen-7b", "Q4_K_XL"),
    ],
)
def test_names(reference: str, name: str, quantization: str | None) -> None:
    found = parse_reference(reference, load_catalog())
    assert isinstance(found, CatalogReference)
    assert (found.model.name, found.quantization) == (name, quantization)


def test_an_alias_that_hides_a_distill_is_explained() -> None:
    found = parse_reference("deepseek-r1:7b", load_catalog())
    assert isinstance(found, CatalogReference)
    assert found.note == (
        "deepseek-r1:7b is DeepSeek-R1-Distill-Qwen-7B: Qwen2.5-Math-7B taught by R1, not R1 itself"
    )
    for plain in ("7b", "deepseek-r1", "r1", "deepseek-r1:671b"):
        other = parse_reference(plain, load_catalog())
        assert isinstance(other, CatalogReference)
        assert other.note is None


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("hf:org/repo", HubReference("org/repo")),
        ("HF:org/repo:q4_k_m", HubReference("org/repo", "Q4_K_M")),
        ("hf.co/org/repo:Q4_K_M", HubReference("org/repo", "Q4_K_M")),
        ("hf:org/repo@v1", HubReference("org/repo", revision="v1")),
        ("hf:org/repo:Q4_K_M@v1", HubReference("org/repo", "Q4_K_M", revision="v1")),
        ("hf:org/repo:a/b.gguf", HubReference("org/repo", filename="a/b.gguf")),
        ("hf:org/repo:b.gguf@abc", HubReference("org/repo", filename="b.gguf", revision="abc")),
        ("https://huggingface.co/org/repo/", HubReference("org/repo")),
        (
            "https://huggingface.co/org/repo/blob/main/b.gguf",
            HubReference("org/repo", filename="b.gguf", revision="main"),
        ),
    ],
)
def test_repositories(reference: str, expected: HubReference) -> None:
    assert parse_reference(reference, load_catalog()) == expected


ADDRESS = "https://huggingface.co/org/repo"
FILE = HubReference("org/repo", filename="b.gguf", revision="main")
PULL_REQUEST = HubReference("org/repo", filename="sub/b.gguf", revision="refs/pr/3")


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        (f"{ADDRESS}/resolve/main/b.gguf?download=true", FILE),
        (f"{ADDRESS}/blob/main/b.gguf#L1", FILE),
        (f"{ADDRESS}/raw/main/b.gguf", FILE),
        (f"{ADDRESS}/blame/main/b.gguf", FILE),
        ("HTTP://WWW.HuggingFace.co/org/repo/blob/main/b.gguf", FILE),
        ("hf.co/org/repo/resolve/main/b.gguf?download=true", FILE),
        ("hf:org/repo/resolve/main/b.gguf?download=true", FILE),
        (f"{ADDRESS}/blob/refs/pr/3/sub/b.gguf", PULL_REQUEST),
        (f"{ADDRESS}/blob/refs%2Fpr%2F3/sub/b.gguf", PULL_REQUEST),
        ("hf://org/repo@refs/pr/3/sub/b.gguf", PULL_REQUEST),
        (f"{ADDRESS}/tree/refs/pr/3", HubReference("org/repo", revision="refs/pr/3")),
        (f"{ADDRESS}/tree/main/Q4_K_M", HubReference("org/repo", "Q4_K_M", revision="main")),
        (f"{ADDRESS}/tree", HubReference("org/repo")),
        (
            f"{ADDRESS}/blob/feature%2Fx/b.gguf",
            HubReference("org/repo", None, "b.gguf", "feature/x"),
        ),
        (
            f"{ADDRESS}/blob/main/a%20%5Bb%5D.gguf",
            HubReference("org/repo", None, "a [b].gguf", "main"),
        ),
        (f"{ADDRESS}?not-for-all-audiences=true", HubReference("org/repo")),
        ("https://huggingface.co/models/org/repo", HubReference("org/repo")),
        ("hf://models/org/repo@v1/b.gguf", HubReference("org/repo", None, "b.gguf", "v1")),
        ("hf://org/repo", HubReference("org/repo")),
        ("hf:org/repo@v1:Q4_K_M", HubReference("org/repo", "Q4_K_M", revision="v1")),
        ("hf:org/repo:fp16", HubReference("org/repo", "F16")),
        ("hf:org/repo:mxfp4_moe", HubReference("org/repo", "MXFP4")),
        ("hf:org/repo:i1-Q4_K_M", HubReference("org/repo", "i1-Q4_K_M")),
        ("hf:org/repo:Compact", HubReference("org/repo", "Compact")),
        ("hf:org/repo:b.gguf.part1of2", HubReference("org/repo", None, "b.gguf.part1of2")),
    ],
)
def test_addresses(reference: str, expected: HubReference) -> None:
    assert parse_reference(reference, load_catalog()) == expected


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("https://huggingface.co/datasets/org/data", "is a dataset, not a model"),
        ("hf:datasets/squad", "is a dataset, not a model"),
        ("hf://dataset/org/data", "is a dataset, not a model"),
        ("hf.co/spaces/org/demo", "is a space, not a model"),
        ("hf://buckets/org/b/sub", "is a bucket, not a model"),
        (f"{ADDRESS}/discussions/3", "is a page of a repository (discussions)"),
        (f"{ADDRESS}/commit/abc", "is a page of a repository (commit)"),
        ("hf://models/org/repo/settings", "is a page of a repository (settings)"),
        (f"{ADDRESS}/blob/main/config.json", "config.json is not a GGUF file"),
        ("https://example.com/m.gguf", "is not an address of the hub"),
        (f"{ADDRESS}/tree/%2E%2E%2Fx", "names no revision"),
        ("hf:org/repo@-x", "names no revision"),
        ("hf:org/repo@aux", "names no revision"),
        ("hf:org/repo@a|b", "names no revision"),
        (f"hf:org/repo@{'a' * 256}", "names no revision"),
        ("hf:foo--bar/baz", "names no repository"),
        ("hf:org/repo.git", "names no repository"),
        ("hf://models/gpt2", "names no repository"),
        ("hf://org/repo@", "names no repository"),
        ("https://huggingface.co/org", "names no repository"),
    ],
)
def test_what_is_no_model_is_refused_as_what_it_is(reference: str, words: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        parse_reference(reference, load_catalog())
    assert words in caught.value.message
    assert caught.value.hint


def test_an_address_of_another_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    address = "https://hf-mirror.com/org/repo/resolve/main/b.gguf"
    with pytest.raises(UnknownModel, match="not an address of the hub"):
        parse_reference(address, load_catalog())
    for endpoint in ("https://hf-mirror.com", "hf-mirror.com/"):
        monkeypatch.setenv("HF_ENDPOINT", endpoint)
        assert parse_reference(address, load_catalog()) == FILE


SEGMENT = st.text("ab1._-%", min_size=1, max_size=5)
PATHS = st.lists(SEGMENT, max_size=3).map("/".join)
REVISIONS = st.sampled_from(["main", "v1.0", "refs/pr/7", "refs/convert/x-y", "a%2Fb"])


@given(st.sampled_from(["blob", "resolve", "raw", "tree"]), REVISIONS, PATHS)
def test_addresses_mean_what_they_mean_to_huggingface_hub(
    page: str, revision: str, path: str
) -> None:
    text = f"https://huggingface.co/org/repo/{page}/{revision}/{path}x.gguf"
    theirs = parse_hf_uri(text)
    ours = parse_reference(text, load_catalog())
    assert isinstance(ours, HubReference)
    assert (ours.repo_id, ours.revision) == (theirs.id, theirs.revision)
    assert ours.filename == unquote(theirs.path_in_repo)


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("ollama:deepseek-r1", "deepseek-r1:latest"),
        ("ollama:library/deepseek-r1:7b", "deepseek-r1:7b"),
        ("ollama:registry.ollama.ai/library/deepseek-r1:7b", "deepseek-r1:7b"),
        ("Ollama:Registry.Ollama.AI/Library/m:x", "m:x"),
        ("ollama:someone/m", "someone/m:latest"),
        ("ollama:https://registry.ollama.ai/someone/m:x", "someone/m:x"),
        ("ollama:hf.co/org/repo:Q8_0", "hf.co/org/repo:Q8_0"),
        ("ollama:localhost:5000/library/m", "localhost:5000/library/m:latest"),
    ],
)
def test_ollamas_names(reference: str, name: str) -> None:
    assert parse_reference(reference, load_catalog()) == OllamaReference(name)


@pytest.mark.parametrize("name", ["", "m:", "/m", "a/b/c/d", "-m", "m:t:u", "a.b/m", "m@sha256-1"])
def test_what_ollama_would_not_take_for_a_name(name: str) -> None:
    with pytest.raises(UnknownModel, match="is not a model's name in Ollama"):
        parse_reference(f"ollama:{name}", load_catalog())


@pytest.mark.parametrize("reference", ["x.gguf", "./x", "~/x.GGUF", "/a/b", "a/b/c.gguf"])
def test_paths_need_not_exist(reference: str) -> None:
    assert isinstance(parse_reference(reference, load_catalog()), PathReference)


def test_a_file_of_any_name_is_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "weights").touch()
    monkeypatch.chdir(tmp_path)
    assert parse_reference("weights", load_catalog()) == PathReference(Path("weights"))


@pytest.mark.parametrize(
    ("reference", "hint"),
    [
        ("7bb", "did you mean 7b"),
        ("r1-distil-qwen-7b", "did you mean r1-distill-qwen-7b"),
        ("qwen-7b:Q4_K_M", "r1-distill-qwen-7b"),
        ("7b:q99", "is not a quantization"),
        ("bartowski/Some-GGUF", "write hf:bartowski/Some-GGUF"),
        ("zzzzzzzz", "one of: nano, r1-distill-qwen-1.5b"),
        ("hf:repo", "write hf:org/repo"),
        ("hf:../../etc", "write hf:org/repo"),
        ("", "one of: nano"),
    ],
)
def test_what_is_no_reference_gets_a_hint(reference: str, hint: str) -> None:
    with pytest.raises(UnknownModel) as caught:
        parse_reference(reference, load_catalog())
    assert hint in caught.value.hint


@given(st.text())
@example("~\0")
def test_any_text_is_a_reference_or_an_error(text: str) -> None:
    try:
        parse_reference(text, load_catalog())
    except UnknownModel as error:
        assert error.hint


def test_a_reference_to_ollama() -> None:
    assert parse_reference("ollama:qwen3:4b", load_catalog()) == OllamaReference("qwen3:4b")
    assert parse_reference("ollama:org/m", load_catalog()) == OllamaReference("org/m:latest")
