"""Changing config.toml: what a user wrote there stays."""

import stat
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.config.editing import set_preference, unset_preference
from r1local.config.options import option_named, preferences
from r1local.config.paths import config_file
from r1local.errors import InvalidSetting

OWN = """\
# Mine.
vi = true   # of course

temperature=0.5

[models."7b"]  # the good one
context = 8_192
"""


def write_config(text: str) -> None:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_text(text)


def test_comments_order_and_spacing_stay() -> None:
    write_config(OWN)
    set_preference(option_named("temperature"), 0.7)
    set_preference(option_named("context"), 4_096, "7B")
    changed = OWN.replace("temperature=0.5", "temperature=0.7").replace("8_192", "4096")
    assert config_file().read_text() == changed
    assert unset_preference(option_named("vi"))
    assert not unset_preference(option_named("vi"))
    assert not unset_preference(option_named("context"), "14b")
    assert config_file().read_text() == changed.replace("vi = true   # of course\n", "")


def test_keys_go_above_the_tables() -> None:
    write_config(OWN)
    set_preference(option_named("inline"), True)
    set_preference(option_named("seed"), None, "14b")
    read = tomllib.loads(config_file().read_text())
    assert read["inline"] is True
    assert read["models"] == {"7b": {"context": 8_192}, "14b": {"seed": "random"}}


def test_changes_at_once_are_all_kept() -> None:
    models = [f"m{number}" for number in range(12)]
    option = option_named("context")
    with ThreadPoolExecutor(len(models)) as pool:
        list(pool.map(lambda model: set_preference(option, 4_096, model), models))
    assert set(tomllib.loads(config_file().read_text())["models"]) == set(models)


def test_a_twin_makes_room() -> None:
    write_config("think_budget = 300\n")
    set_preference(option_named("effort"), 1_024)
    assert config_file().read_text() == 'effort = "low"\n'


def test_an_empty_table_goes_but_not_its_comments() -> None:
    set_preference(option_named("context"), 512, "7b")
    assert unset_preference(option_named("context"), "7b")
    assert config_file().read_text().strip() == ""
    write_config("[models.7b]\n# smaller\ncontext = 512\n")
    assert unset_preference(option_named("context"), "7b")
    assert "# smaller" in config_file().read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="modes and links as POSIX has them")
def test_mode_and_links_stay() -> None:
    write_config(OWN)
    kept = config_file().with_name("dotfile.toml")
    config_file().rename(kept)
    config_file().symlink_to(kept)
    kept.chmod(0o640)
    set_preference(option_named("vi"), False)
    assert config_file().is_symlink()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    assert "vi = false   # of course" in kept.read_text()
    assert sorted(path.name for path in kept.parent.iterdir()) == ["config.toml", "dotfile.toml"]


def test_what_is_no_toml_is_not_touched() -> None:
    write_config("vi = \n")
    with pytest.raises(InvalidSetting, match="is not valid TOML"):
        set_preference(option_named("vi"), True)
    assert config_file().read_text() == "vi = \n"


def test_a_folder_in_the_way_is_reported() -> None:
    config_file().parent.parent.mkdir(parents=True, exist_ok=True)
    config_file().parent.write_text("in the way")
    with pytest.raises(InvalidSetting):
        set_preference(option_named("vi"), True)


@given(st.sampled_from(preferences()), st.data())
def test_what_is_written_is_read_back(option: object, data: st.DataObject) -> None:
    from r1local.config.option import Option

    assert isinstance(option, Option)
    examples = ["0.7", "3", "300", "auto", "none", "random", "true", "off", "low", "hide", "q8_0"]
    text = data.draw(st.one_of(st.sampled_from(examples), st.text()))
    try:
        value = option.parse(text)
    except InvalidSetting:
        return
    set_preference(option, value)
    written = tomllib.loads(config_file().read_text(encoding="utf-8"))[option.key]
    assert option.read(written) == value
    assert unset_preference(option)
