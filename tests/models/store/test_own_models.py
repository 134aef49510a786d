"""The user's own models file: entries come and go, and the lines beside them stay."""

import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.errors import CatalogError, InvalidSetting
from r1local.models.catalog import load_catalog
from r1local.models.store import own_models
from testing.homes import Homes
from testing.models import write_small_model

OWN = """# My models.

[models.mine]  # the first
display_name = "Mine"
file = "/models/mine.gguf"

[models.mine.sizes]
Q8_0 = [1]

# What follows is hidden.
[models.nano]
hidden = true
"""


def test_imports_at_once_are_all_kept(homes: Homes, tmp_path: Path) -> None:
    paths = []
    for number in range(12):
        (tmp_path / str(number)).mkdir()
        paths.append(write_small_model(tmp_path / str(number) / "m.gguf"))
    with ThreadPoolExecutor(len(paths)) as pool:
        names = list(pool.map(lambda path: own_models.register(path, None), paths))
    assert len(set(names)) == len(paths)
    models = tomllib.loads(homes.user_models.read_text())["models"]
    assert {entry["file"] for entry in models.values()} == {str(path) for path in paths}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("r1", "the name r1 is taken"),
        ("7b", "the name 7b is taken: it is another name of r1-distill-qwen-7b"),
        ("nano", "taken"),
        ("Mine", "can't be a model's name"),
        ("a/b", "can't be a model's name"),
        ("-a", "can't be a model's name"),
        ("", "can't be a model's name"),
        ("x" * 65, "can't be a model's name"),
    ],
)
def test_names_that_can_not_be(homes: Homes, tmp_path: Path, name: str, words: str) -> None:
    with pytest.raises(InvalidSetting, match=words):
        own_models.register(write_small_model(tmp_path / "m.gguf"), name)
    assert not homes.user_models.exists()


def test_the_ends_of_lines_stay(homes: Homes, tmp_path: Path) -> None:
    homes.user_models.parent.mkdir(parents=True)
    own = OWN.replace("\n", "\r\n").encode()
    homes.user_models.write_bytes(own)
    own_models.register(write_small_model(tmp_path / "m.gguf"), None)
    assert homes.user_models.read_bytes().startswith(own)
    own_models.forget("mine")
    assert b"hidden = true\r\n" in homes.user_models.read_bytes()


def test_forgetting_takes_out_one_entry_and_its_tables(homes: Homes) -> None:
    homes.user_models.parent.mkdir(parents=True)
    homes.user_models.write_text(OWN)
    own_models.forget("mine")
    assert homes.user_models.read_text() == (
        "# My models.\n\n\n# What follows is hidden.\n[models.nano]\nhidden = true\n"
    )


@pytest.mark.parametrize(
    "text",
    [
        'models.mine.file = "/m.gguf"\n',
        'models = { mine = { file = "/m.gguf" } }\n',
        '[models]\nmine = { file = "/m.gguf" }\n',
        '[models.mine]\nfile = "/m.gguf"\nsummary = """\n[models.x]\n"""\n',
        '[models.mine]\nfile = "/m.gguf"\n\n[[other]]\nkey = 1\n',
    ],
)
def test_another_form_is_left_to_the_user(homes: Homes, text: str) -> None:
    homes.user_models.parent.mkdir(parents=True)
    homes.user_models.write_text(text)
    with pytest.raises(CatalogError) as caught:
        own_models.forget("mine")
    assert caught.value.hint == "edit the entry of mine by hand"
    assert homes.user_models.read_text() == text


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_any_path_can_stand_in_the_file(text: str) -> None:
    assert tomllib.loads(f"a = {own_models._toml_text(text)}")["a"] == text


def test_a_path_that_is_no_text() -> None:
    with pytest.raises(Exception, match="not valid UTF-8"):
        own_models._toml_text("a\udc80")


def test_the_catalog_takes_what_is_written(homes: Homes, tmp_path: Path) -> None:
    path = write_small_model(tmp_path / 'quote" back\\slash.gguf')
    name = own_models.register(path, None)
    assert name == "quote-back-slash"
    known = load_catalog(homes.user_models)
    assert not known.problems
    assert known.models[name].path == path
    own_models.forget(name)
    assert homes.user_models.read_text() == ""
    with pytest.raises(CatalogError):
        homes.user_models.write_bytes(b"\xff")
        own_models.forget(name)


def test_a_file_that_has_gone_is_known_all_the_same(homes: Homes, tmp_path: Path) -> None:
    path = write_small_model(tmp_path / "m-Q8_0.gguf")
    name = own_models.register(path, None)
    path.unlink()
    catalog = load_catalog(homes.user_models)
    (entry,) = [each for each in own_models.scan(catalog) if each.name == name]
    assert (entry.home, entry.path, entry.size) == ("imported", path, 0)
    assert entry.quantization == "Q8_0", "by its name"
