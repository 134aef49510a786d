"""What `list` and `show` say of endpoints."""

import json
from pathlib import Path

import pytest

from r1local.commands.list_models import ListOptions, list_models
from r1local.commands.show import ShowOptions, show
from r1local.config.endpoints import Endpoint
from r1local.config.paths import config_file
from r1local.endpoints.listing import remote_models
from r1local.errors import EXIT_OK, R1LocalError
from testing.loopback_endpoint import answered, loopback_endpoint


def write_config(**urls: str) -> Path:
    config_file().parent.mkdir(parents=True, exist_ok=True)
    tables = [f'[endpoints.{name}]\nurl = "{url}"\n' for name, url in urls.items()]
    config_file().write_text("".join(tables), encoding="utf-8")
    return config_file()


def test_models_elsewhere_are_listed_with_their_context(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with loopback_endpoint("deepseek-r1", "b", owned_by="vllm", max_model_len=65_536) as server:
        write_config(lab=server.url, gone="http://127.0.0.1:9")
        assert list_models(ListOptions(False, "text")) == EXIT_OK
        shown = capsys.readouterr()
        assert list_models(ListOptions(False, "json")) == EXIT_OK
    rows = [line.split("\t") for line in shown.out.splitlines()]
    assert ["lab:deepseek-r1", "-", "-", "remote", "65,536"] in [row[:5] for row in rows]
    assert "gone can't be reached" in shown.err and "127.0.0.1:9" in shown.err
    entries = json.loads(capsys.readouterr().out)
    remote = [each for each in entries if each["home"] == "remote"]
    assert [(each["reference"], each["server"]) for each in remote] == [
        ("lab:deepseek-r1", "vllm"),
        ("lab:b", "vllm"),
    ]


def test_names_that_could_fool_a_terminal_are_not_listed() -> None:
    with loopback_endpoint("ok", "a\x1b[31mb", "c\nd") as server:
        (listed,) = [rows for _endpoint, rows in remote_models([Endpoint("lab", server.url)])]
    assert not isinstance(listed, R1LocalError)
    assert [row.reference for row in listed] == ["lab:ok"]


@pytest.mark.parametrize("told", [7, {"name": "a"}, [{"name": "a\x1b[2J"}, 7, {}, {"name": "ok"}]])
def test_so_it_is_with_ollamas(told: object) -> None:
    with loopback_endpoint() as server:
        server.script("/api/tags", answered({"models": told}))
        server.script("/api/show", answered({"model_info": [told]}))
        endpoint = Endpoint("lab", server.url, kind="ollama")
        (listed,) = [rows for _endpoint, rows in remote_models([endpoint])]
    assert not isinstance(listed, R1LocalError)
    assert [row.reference for row in listed] == (["lab:ok"] if isinstance(told, list) else [])


@pytest.mark.parametrize("window", [0, -1, True, 2**63, 10**400, "4096"])
def test_a_context_that_none_has_is_unknown(window: object) -> None:
    with loopback_endpoint("ok", max_model_len=window) as server:
        (listed,) = [rows for _endpoint, rows in remote_models([Endpoint("lab", server.url)])]
    assert not isinstance(listed, R1LocalError)
    assert [row.context_window for row in listed] == [None]


STRANGE = [7, [], {"data": 7}, {"data": [7, {"id": 7}, {"id": ""}, {"id": "x" * 600}, {}]}]


@pytest.mark.parametrize("answer", STRANGE)
def test_a_strange_list_has_no_models(answer: object) -> None:
    with loopback_endpoint() as server:
        server.script("/v1/models", answered(answer))
        assert [rows for _, rows in remote_models([Endpoint("lab", server.url)])] == [[]]


def test_show_says_what_a_model_elsewhere_can(capsys: pytest.CaptureFixture[str]) -> None:
    with loopback_endpoint("deepseek-r1", owned_by="deepseek") as server:
        write_config(lab=server.url)
        assert show(ShowOptions("lab:deepseek-r1", "text")) == EXIT_OK
        shown = capsys.readouterr().out
        assert show(ShowOptions("lab:", "json")) == EXIT_OK
    assert "runs as: deepseek-r1 on deepseek at 127.0.0.1" in shown
    assert "context: unknown" in shown and "answer now" in shown
    assert "hold an answer to a JSON schema" in shown.partition("can't: ")[2]
    assert json.loads(capsys.readouterr().out)["name"] == "lab:"
