"""Presets and aliases as `config.toml` has them: what is read, what counts, what is refused."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from r1local.config.named import preset_names, preset_question
from r1local.config.paths import config_file
from r1local.config.preferences import OfModel, preset_named, read_config, settings_in_force
from r1local.config.presets import PresetQuestion, PromptTemplate
from r1local.errors import InvalidSetting, UsageError
from testing.command import ROOT


def write_config(text: str) -> None:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_text(text, encoding="utf-8")


def question(prompt: str | None, **values: str) -> PresetQuestion:
    template = PromptTemplate.read(prompt, "here") if prompt is not None else None
    return PresetQuestion("review", template, values)


# --- Prompts ---------------------------------------------------------------------------


@given(st.text(), st.text(), st.text())
def test_braces_are_text_where_they_are_doubled_and_in_values(a: str, b: str, value: str) -> None:
    def escaped(text: str) -> str:
        return text.replace("{", "{{").replace("}", "}}")

    template = PromptTemplate.read(f"{escaped(a)}{{x}}{escaped(b)}", "here")
    assert template.fields == ("x",)
    assert template.filled({"x": value}) == f"{a}{value}{b}"


@given(st.text(alphabet="{}ax "))
def test_a_prompt_is_read_or_refused_with_its_place(text: str) -> None:
    try:
        template = PromptTemplate.read(text, "here")
    except InvalidSetting as error:
        assert error.message.startswith("here: the brace at character ")
    else:
        filled = template.filled(dict.fromkeys(template.fields, ""))
        assert "{" not in filled.replace("{", "", text.count("{{"))


@pytest.mark.parametrize("text", ["{", "}", 'answer {"a": 1}', "{}", "{1}", "{a.b}", "{a!r}"])
def test_a_single_brace_is_no_text(text: str) -> None:
    with pytest.raises(InvalidSetting, match="is part of no field") as caught:
        PromptTemplate.read(text, "here")
    assert "{{" in caught.value.hint


def test_where_the_question_goes() -> None:
    assert question("Review {input}, in {language}.", language="French").ask("this") == (
        "Review this, in French."
    )
    assert question("Tell a joke.").ask(None) == "Tell a joke."
    assert question("Tell a joke.").ask("About cats.") == "Tell a joke.\n\nAbout cats."
    assert question(None).ask("Why?") == "Why?"
    assert question("{input} {input}").ask("{x}") == "{x} {x}"


def test_what_is_missing_is_told_with_how_to_give_it() -> None:
    with pytest.raises(UsageError, match="needs a text for"):
        question("{input}").ask(" \n")
    with pytest.raises(UsageError, match="needs a value for a and b") as caught:
        question("{a} {b} {input}").check()
    assert caught.value.hint == "give it: -F a=… -F b=…"
    with pytest.raises(UsageError, match="has no field langage") as caught:
        question("{language}", langage="x").check()
    assert caught.value.hint == "did you mean language?"
    with pytest.raises(UsageError, match="has no field input"):
        question("{input}", input="x").check()


# --- What a preset sets ----------------------------------------------------------------


def test_a_preset_stands_between_the_environment_and_config(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_config(
        "top_k = 2\n[models.7b]\ntop_k = 3\nmin_p = 0.1\n[presets.Deep]\ntop_k = 4\nseed = 1\n"
    )
    model = OfModel(("7b",))
    settings = settings_in_force({"preset": "deep"}, model)
    assert (settings["top-k"].value, settings["top-k"].place) == (4, "config.toml [presets.Deep]")
    assert (settings["min-p"].value, settings["seed"].value) == (0.1, 1)
    assert settings_in_force({"preset": "none"}, model)["top-k"].value == 3
    monkeypatch.setenv("R1LOCAL_TOP_K", "5")
    assert settings_in_force({"preset": "DEEP"}, model)["top-k"].value == 5
    assert settings_in_force({"preset": "deep", "top-k": 6}, model)["top-k"].value == 6


def test_a_preset_as_it_is_asked_for() -> None:
    write_config('[presets.review]\nprompt = "{input} in {a}"\n[presets.plain]\nseed = 1\n')
    asked = preset_question({"preset": "Review", "field": {"a": "b"}})
    assert asked and (asked.preset, asked.takes_input, asked.begins) == ("review", True, False)
    plain = preset_question({"preset": "plain"})
    assert plain and not plain.takes_input and not plain.begins
    assert preset_question({}) is None and preset_question({"preset": "none"}) is None
    with pytest.raises(UsageError, match="--field fills in a preset's prompt"):
        preset_question({"field": {"a": "b"}})
    with pytest.raises(UsageError, match="no preset 'reveiw'") as caught:
        preset_question({"preset": "reveiw"})
    assert caught.value.hint == "did you mean review?"


def test_without_presets_the_hint_says_where_one_is_written() -> None:
    with pytest.raises(UsageError) as caught:
        preset_named("review")
    assert caught.value.hint == f"write a table [presets.review] in {config_file()}"


@pytest.mark.parametrize(
    ("text", "words", "hint"),
    [
        ("[presets.a]\ntempreature = 1\n", "[presets.a] has an unknown setting", "temperature?"),
        ("[presets.a]\npromt = 'x'\n", "[presets.a] has an unknown setting, promt", "prompt?"),
        ("[presets.a]\ntop_k = -1\n", "config.toml [presets.a]: top-k -1 is out", "0 or more"),
        ("[presets.a]\nport = 1\n", "[presets.a] has an unknown setting, port", ""),
        ("[presets.a]\nprompt = 1\n", "[presets.a]: prompt must be text", "quotes"),
        ("[presets.a]\nprompt = '{'\n", "[presets.a]: prompt: the brace at character 1", "{{"),
        ("[presets]\na = 1\n", "config.toml: presets must be tables", "[presets.review]"),
        ("presets = 1\n", "config.toml: presets must be tables", "[presets.review]"),
        ("[presets.none]\n", "'none' can't be a name in [presets]", "review"),
        ("[presets.'a b']\n", "'a b' can't be a name in [presets]", "review"),
        ("[presets.a]\n[presets.A]\n", "a and A are the same in [presets]", "keep one"),
        ("aliases = 1\n", "config.toml: aliases must be a table", "[aliases]"),
        ("[aliases]\na = 1\n", "[aliases]: a must be a model's name", 'a = "7b:q5_k_m"'),
        ("[aliases]\n'a:b' = 'nano'\n", "'a:b' can't be a name in [aliases]", ""),
        ("[aliases]\n'a.gguf' = 'nano'\n", "'a.gguf' can't be a name in [aliases]", ""),
        ("[aliases]\na = 'B'\nb = 'nano'\n", "a stands for another alias, B", "itself"),
        ("[aliases]\na = 'nano'\nA = '7b'\n", "a and A are the same in [aliases]", "keep one"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(text: str, words: str, hint: str) -> None:
    write_config(text)
    with pytest.raises(InvalidSetting) as caught:
        read_config()
    assert words in caught.value.message and str(config_file()) in caught.value.message
    assert hint in caught.value.hint
    assert preset_names() == ()


def test_the_examples_in_the_documents_are_read() -> None:
    page = (ROOT / "docs/config.md").read_text(encoding="utf-8")
    write_config("\n".join(re.findall(r"```toml\n(.*?)```", page, re.S)[1:]))
    assert list(read_config().aliases) == ["fast", "work"]
    asked = preset_question({"preset": "review", "field": {"language": "C"}})
    assert asked and '{"line": number' in (asked.ask("x") or "")


def test_names_for_menus() -> None:
    write_config("[presets.Review]\nseed = 1\n[aliases]\nFast = 'nano'\n")
    assert (preset_names(), [*read_config().aliases]) == (("Review",), ["fast"])
    assert read_config().presets["review"].words == ("seed 1",)
