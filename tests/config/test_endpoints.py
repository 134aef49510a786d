"""The endpoints of `config.toml`: what their tables may have, and what never leaves them."""

import pytest

from r1local.config.endpoints import Endpoint, checked_url, wanted_model
from r1local.config.paths import config_file
from r1local.config.preferences import read_config, settings_in_force
from r1local.errors import InvalidSetting, UnknownModel, UsageError
from r1local.models.catalog import load_catalog
from r1local.models.references import endpoint_reference, parse_reference
from r1local.models.selection import RemoteModel, choose

LAB = """
[endpoints.Lab]
url = "https://lab.example/v1/"
kind = "vllm"
model = "r1"
api_key_env = "LAB_KEY"
api_key_file = "lab.key"
headers = { X-Team = "secret-team" }
parallel = 4
temperature = 0.3
first_byte_timeout = 900

[models."lab:r1"]
temperature = 0.2
"""


def written(text: str) -> None:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    config_file().write_text(text, encoding="utf-8")


def test_a_table_is_an_endpoint_and_settings_of_its_models() -> None:
    written(LAB)
    endpoint = read_config().endpoints["lab"]
    assert (endpoint.url, endpoint.kind, endpoint.parallel) == ("https://lab.example/v1", "vllm", 4)
    assert endpoint.api_key_file == config_file().parent / "lab.key"
    assert "secret" not in repr(endpoint)
    named, other = choose("lab:", load_catalog()), choose("LAB:x", load_catalog())
    assert isinstance(named, RemoteModel) and named.reference == "lab:r1"
    of_named = settings_in_force(model=named.preferred)
    assert (of_named["temperature"].value, of_named["first-byte-timeout"].value) == (0.2, 900)
    of_other = settings_in_force(model=other.preferred)["temperature"]
    assert (of_other.value, of_other.place) == (0.3, "config.toml [endpoints.Lab]")
    assert "temperature" not in settings_in_force()


def test_a_model_elsewhere_may_be_known() -> None:
    written(LAB)
    chosen = choose("lab:deepseek-ai/DeepSeek-R1-Distill-Qwen-32B", load_catalog())
    assert chosen.known and chosen.known.name == "r1-distill-qwen-32b"
    assert "temperature" in chosen.preferred.entry


def test_the_model_of_the_settings_may_be_elsewhere() -> None:
    written('model = "lab:"\n' + LAB)
    assert choose(None, load_catalog()).reference == "lab:r1"


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({}, None),
        ({"model": "7b"}, "7b"),
        ({"endpoint": "lab"}, "lab:"),
        ({"endpoint": "lab", "model": "r1:7b"}, "lab:r1:7b"),
        ({"endpoint": "http://h:1/v1"}, "http://h:1/v1#"),
        ({"endpoint": "http://h:1/v1", "model": "r1"}, "http://h:1/v1#r1"),
        ({"endpoint": "http://h:1/v1#r1"}, "http://h:1/v1#r1"),
    ],
)
def test_the_command_line_names_a_model_elsewhere(
    given: dict[str, str], wanted: str | None
) -> None:
    assert wanted_model(given) == wanted


def test_two_models_are_too_many() -> None:
    with pytest.raises(UsageError, match="two models"):
        wanted_model({"endpoint": "http://h:1/v1#a", "model": "b"})


def test_an_address_of_a_table_has_what_the_table_says() -> None:
    written(LAB)
    reference = endpoint_reference("https://lab.example/v1#r2", load_catalog())
    assert reference and (reference.endpoint.name, reference.model) == ("lab", "r2")
    other = endpoint_reference("https://other.example/v1#", load_catalog())
    assert other and other.endpoint.api_key_env == "R1LOCAL_API_KEY"
    assert other.endpoint.reference("m") == "https://other.example/v1#m"


def test_a_file_is_no_endpoint() -> None:
    with pytest.raises(UnknownModel, match="not an address of the hub"):
        parse_reference("https://example.org/model.gguf", load_catalog())
    written(LAB)
    with pytest.raises(UnknownModel, match="a model of a server elsewhere"):
        parse_reference("lab:r1", load_catalog())
    assert endpoint_reference("7b:q4_k_m", load_catalog()) is None


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ('[endpoints]\nlab = "x"', "endpoints must be tables"),
        ("[endpoints.lab]", "has no url"),
        ('[endpoints.lab]\nurl = "lab.example"', "not the address of a server"),
        ('[endpoints.lab]\nurl = "http://h:99999"', "not the address of a server"),
        ('[endpoints.lab]\nurl = "https://me:secret@h"', "a password, a key or a ?"),
        ('[endpoints.lab]\nurl = "https://h/v1?key=secret"', "a password, a key or a ?"),
        ('[endpoints.hf]\nurl = "http://h"', "can't be an endpoint's name"),
        ('[endpoints.c]\nurl = "http://h"', "can't be an endpoint's name"),
        ('[endpoints.lab]\nurl = "http://h"\nkind = "vlm"', "kind 'vlm' isn't known"),
        ('[endpoints.lab]\nurl = "http://h"\napi_key = "secret"', "a key itself isn't read"),
        ('[endpoints.lab]\nurl = "http://h"\nmodel = 7', "model must be text"),
        ('[endpoints.lab]\nurl = "http://h"\nparallel = 0', "parallel is out of range"),
        ('[endpoints.lab]\nurl = "http://h"\nopens_thought = 1', "must be true or false"),
        ('[endpoints.lab]\nurl = "http://h"\nheaders = { a = "b\\nc: d" }', "plain texts"),
        ('[endpoints.lab]\nurl = "http://h"\nvi = true', "unknown setting, vi"),
        ('[endpoints.lab]\nurl = "http://h"\ntemperature = -1', "temperature -1"),
    ],
)
def test_what_cant_be_is_a_sentence_without_secrets(table: str, says: str) -> None:
    written(table)
    with pytest.raises(InvalidSetting) as caught:
        read_config()
    assert says in caught.value.message and caught.value.hint
    assert "secret" not in caught.value.message + caught.value.hint


def test_an_address_is_kept_without_its_last_slash() -> None:
    assert checked_url("https://h:1/v1/", "x") == "https://h:1/v1"
    here = Endpoint("lab", "http://127.0.0.1:8000")
    assert (here.is_here and not Endpoint("lab", "http://127.example:8000").is_here) or here.is_here
