"""The grammar of references."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.errors import UnknownModel
from r1local.models.catalog import load_catalog
from r1local.models.references import CatalogReference, HubReference, PathReference, parse_reference


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
        ("7b:q99", "is no quantization"),
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
def test_any_text_is_a_reference_or_an_error(text: str) -> None:
    try:
        parse_reference(text, load_catalog())
    except UnknownModel as error:
        assert error.hint
