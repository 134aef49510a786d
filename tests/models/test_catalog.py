"""The catalog: the shipped facts, and a user's own laid over them."""

from pathlib import Path

import pytest

from r1local.errors import UnknownModel
from r1local.gguf.quantization import quality_rank
from r1local.models.catalog import Catalog, load_catalog, models_toml, read_catalog
from r1local.models.references import parse_reference
from testing.command import ROOT


def overlaid(tmp_path: Path, text: str) -> Catalog:
    """The catalog with this text as the user's own file."""
    own = tmp_path / "models.toml"
    own.write_text(text, encoding="utf-8")
    return load_catalog(own)


def test_every_model_is_there() -> None:
    assert [model.name for model in load_catalog().shown()] == [
        "nano",
        "r1-distill-qwen-1.5b",
        "r1-distill-qwen-7b",
        "r1-distill-llama-8b",
        "r1-distill-qwen-14b",
        "r1-distill-qwen-32b",
        "r1-distill-llama-70b",
        "r1-0528-qwen3-8b",
        "r1",
        "r1-zero",
        "r1-0528",
    ]
    assert not load_catalog().problems


def test_names_and_aliases_are_unique() -> None:
    names = [name for model in load_catalog().shown() for name in (model.name, *model.aliases)]
    assert len(names) == len(set(names))


def test_the_file_stands_at_the_top_of_the_repository() -> None:
    assert models_toml() == ROOT / "models.toml"


@pytest.mark.parametrize("model", list(load_catalog().shown()), ids=lambda model: model.name)
def test_facts_are_whole(model: object) -> None:
    entry = load_catalog().find(getattr(model, "name", ""))
    assert entry
    assert entry.license == "MIT"
    if entry.name == "nano":
        assert entry.path
        assert entry.path.exists()
        return
    assert entry.repositories
    assert entry.default_quantization in entry.sizes
    assert all(quality_rank(name) < 100 for name in entry.sizes)
    assert all(0 < size[-1] <= size[0] for size in entry.sizes.values())
    assert (entry.settings["temperature"], entry.settings["top-p"]) == (0.6, 0.95)
    assert entry.scores["source"]
    # The distills and R1 of January 2025 want no system prompt.
    assert entry.system_prompt is ("0528" in entry.name)


def test_distills_are_told_from_r1_itself() -> None:
    distilled = [model.name for model in load_catalog().shown() if model.distilled]
    assert len(distilled) == 7
    assert not {"r1", "r1-zero", "r1-0528", "nano"} & set(distilled)


def test_a_repository_names_its_model() -> None:
    found = load_catalog().of_repository("unsloth/deepseek-r1-distill-qwen-7b-gguf")
    assert found
    assert found.name == "r1-distill-qwen-7b"
    assert load_catalog().of_repository("someone/else") is None


def test_a_user_adds_changes_and_hides(tmp_path: Path) -> None:
    merged = overlaid(
        tmp_path,
        '[models.mine]\nfile = "/data/mine.gguf"\n'
        '[models.r1-distill-qwen-7b]\naliases = ["seven"]\n[models.r1-zero]\nhidden = true\n',
    )
    assert not merged.problems
    mine, seven = merged.find("MINE"), merged.find("seven")
    assert mine
    assert mine.path == Path("/data/mine.gguf")
    assert seven
    assert seven.repo_id == "bartowski/DeepSeek-R1-Distill-Qwen-7B-GGUF"
    assert "r1-zero" not in [model.name for model in merged.shown()]


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("[models.a]\n\nparameters = '7B'\n", 3, "a.parameters must be a whole number, not '7B'"),
        ("[models.a]\ntemprature = 1\n", 2, "a.temprature is not known; did you mean temperature?"),
        ("[models.a]\neffort = 'huge'\n", 2, "a.effort is wrong: effort 'huge' is unknown"),
        ("[models.a]\nsettings = {}\n", 2, "a.settings is not known"),
        ("[models.a]\naliases = [1]\n", 2, "a.aliases must be a list, not [1]"),
        ("[models.a]\nhidden = 1\n", 2, "a.hidden must be true or false, not 1"),
        ("[models.a]\n[models.a.architecture]\nlayers = 1\n", 2, "embedding_length is missing"),
        ("\n[models]\na = 3\n", None, ": a must be a table"),
    ],
)
def test_a_wrong_field_is_told_with_its_place(
    tmp_path: Path, text: str, line: int | None, words: str
) -> None:
    merged = overlaid(tmp_path, text + '[models.good]\nfile = "/good.gguf"\n')
    (problem,) = merged.problems.values()
    assert words in problem.message
    assert line is None or f"models.toml, line {line}:" in problem.message
    # The rest of the file, and the shipped models, are there all the same.
    assert merged.find("good")
    assert merged.find("7b")
    assert merged.find("a") is None


@pytest.mark.parametrize("text", ["[models.a\n", "\x00", "models = 3\n[x]"])
def test_a_broken_file_takes_nothing_down(tmp_path: Path, text: str) -> None:
    merged = overlaid(tmp_path, text)
    assert merged.find("7b")


def test_broken_toml_is_told_with_its_line(tmp_path: Path) -> None:
    (problem,) = overlaid(tmp_path, "[models.a]\nname = \n").problems.values()
    assert "line 2" in problem.message


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ("[models.mine]\nparameters = '7B'\n", "line 2: mine.parameters must be a whole number"),
        ("[models.mine]\n", "line 1: mine must have file or repo_id"),
        ("[models]\nmine = 1\n", "mine must be a table"),
    ],
)
def test_a_wrong_entry_is_told_to_whoever_asks_for_it(
    tmp_path: Path, entry: str, told: str
) -> None:
    merged = overlaid(tmp_path, entry)
    with pytest.raises(UnknownModel) as caught:
        parse_reference("mine", merged)
    assert told in caught.value.hint


@pytest.mark.parametrize("file", ["m.gguf", "~/m.gguf", "/m.gguf"])
def test_a_file_of_the_users_own_is_found_from_their_folder(tmp_path: Path, file: str) -> None:
    own = tmp_path / "models.toml"
    own.write_text(f"[models.m]\nfile = '{file}'\n")
    assert read_catalog(own).models["m"].path == tmp_path / Path(file).expanduser()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[models.m]\n", ", line 1: m must have file or repo_id"),
        ("[models.m]\nfile = ''\n", ", line 1: m must have file or repo_id"),
        ("[models]\nm = 1\n", ": m must be a table"),
        ("models = 5\n", ": models must be tables"),
    ],
)
def test_an_entry_of_no_model_is_told(tmp_path: Path, text: str, words: str) -> None:
    own = tmp_path / "models.toml"
    own.write_text(text)
    (problem,) = read_catalog(own).problems.values()
    assert problem.message == f"{own}{words}"
