"""Where a draft model comes from: the one named, or one of the catalog's that is here."""

from dataclasses import replace
from pathlib import Path

import pytest

from r1local.config.preferences import settings_in_force
from r1local.errors import ModelNotInstalled, UnknownModel
from r1local.models.catalog import load_catalog
from r1local.models.draft_choice import loading_of
from r1local.models.selection import Selected
from testing.models import write_scripted_model

SEVEN = load_catalog().models["r1-distill-qwen-7b"]
DRAFTS = {
    "r1-distill-qwen-1.5b": "bartowski/DeepSeek-R1-Distill-Qwen-1.5B-GGUF/1.5B-Q4_K_M.gguf",
    "hf:alamios/DeepSeek-R1-DRAFT-Qwen2.5-0.5B-GGUF": (
        "alamios/DeepSeek-R1-DRAFT-Qwen2.5-0.5B-GGUF/DeepSeek-R1-DRAFT-0.5B-Q4_K_M.gguf"
    ),
}


def draft_model(draft: str, selected: Selected) -> Path | None:
    return loading_of(selected, settings_in_force({"draft": draft})).draft_model


@pytest.fixture
def seven() -> Selected:
    return Selected(SEVEN.name, Path("7b.gguf"), SEVEN)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    return tmp_path / "hub"


def installed(cache: Path, place: str) -> Path:
    owner, name, file = place.split("/")
    repository = cache / f"models--{owner}--{name}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs/main").write_text("a" * 40)
    folder = repository / "snapshots" / ("a" * 40)
    folder.mkdir(parents=True)
    return write_scripted_model(folder / file, "Hi")


@pytest.mark.parametrize("draft", DRAFTS)
def test_a_draft_model_of_the_catalog_that_is_here(
    draft: str, cache: Path, seven: Selected
) -> None:
    assert draft in SEVEN.drafts
    assert draft_model("auto", seven) is None
    path = installed(cache, DRAFTS[draft])
    assert draft_model("auto", seven) == path
    several = loading_of(seven, settings_in_force({"draft": "auto"}), at_once=2)
    assert (several.draft_model, several.sequences) == (None, 2)
    assert draft_model("none", seven) is None
    assert draft_model("ngram", seven) is None


def test_a_model_of_no_catalog_has_none(seven: Selected) -> None:
    assert draft_model("auto", replace(seven, known=None)) is None


def test_one_that_is_named(tmp_path: Path, seven: Selected) -> None:
    path = write_scripted_model(tmp_path / "small.gguf", "Hi")
    assert draft_model(str(path), seven) == path
    assert draft_model("nano", seven) == load_catalog().models["nano"].path


@pytest.mark.parametrize(
    ("name", "error", "hint"),
    [("nonsense", UnknownModel, "hf:org/repo"), ("1.5b", ModelNotInstalled, "r1local pull")],
)
@pytest.mark.usefixtures("cache")
def test_one_that_is_not_here(
    seven: Selected, name: str, error: type[Exception], hint: str
) -> None:
    with pytest.raises(error) as raised:
        draft_model(name, seven)
    assert raised.value.message.startswith("the draft model: ")  # type: ignore[attr-defined]
    assert hint in raised.value.hint  # type: ignore[attr-defined]


def test_drafts_of_the_catalog_are_references() -> None:
    catalog = load_catalog()
    with_drafts = [model for model in catalog.models.values() if model.drafts]
    assert [model.name for model in with_drafts] == [
        "r1-distill-qwen-7b",
        "r1-distill-qwen-14b",
        "r1-distill-qwen-32b",
        "r1",
    ]
    for model in with_drafts:
        assert all(draft in catalog.models or draft.startswith("hf:") for draft in model.drafts)
