"""Downloads by Ollama's protocol, from a hub on loopback: the model can be asked at once."""

import http.client
import json
from contextlib import closing
from pathlib import Path

import ollama
import pytest

from r1local.commands.serve import pull_for_program
from r1local.errors import UnknownModel
from r1local.replies.control import Control
from r1local.serving.failures import sentence
from r1local.serving.pulling import Pulled
from testing.command import ROOT
from testing.loopback_hub import loopback_hub
from testing.servers import serving
from testing.waiting import PATIENCE_S

REPO, NAME = "org/small-GGUF", "small-Q8_0.gguf"


def test_a_model_is_pulled_and_asked(tmp_path: Path) -> None:
    with loopback_hub() as hub:
        hub.add(REPO, NAME, (ROOT / "r1local" / "nano.gguf").read_bytes())
        variables = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf")}
        with (
            serving(tmp_path, "-m", "nano", environment=variables) as server,
            closing(ollama.Client(server.url)) as ai,
        ):
            name = f"hf:{REPO}:Q8_0"
            told = list(ai.pull(name, stream=True))
            assert told[-1].status == "success"
            progress = [each for each in told if each.total]
            assert progress[-1].completed == progress[-1].total
            assert ai.chat(name, [{"role": "user", "content": "1 + 1?"}]).done
            assert ai.pull("nano").status == "success"
            missing = server.ask("/api/pull", {"model": "hf:org/nobody", "stream": False})
            assert missing.status == 500
            assert "error" in missing.json


@pytest.mark.parametrize("name", ["nano", "nano:latest"])
def test_what_ships_with_r1local_is_there(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    told: list[Pulled] = []
    pull_for_program(name, told.append, Control())
    assert told == []


@pytest.mark.slow
def test_a_download_ends_with_the_server_and_says_so(tmp_path: Path) -> None:
    with loopback_hub() as hub:
        hub.add(REPO, NAME, (ROOT / "r1local" / "nano.gguf").read_bytes())
        hub.faults.bytes_per_s = 1_000
        variables = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf")}
        with (
            serving(tmp_path, "-m", "nano", environment=variables) as server,
            closing(
                http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE_S)
            ) as program,
        ):
            program.request("POST", "/api/pull", json.dumps({"model": f"hf:{REPO}:Q8_0"}))
            lines = program.getresponse()
            assert b"small-Q8_0.gguf" in lines.readline()
            server.process.terminate()
            assert "stopped" in json.loads(lines.read().splitlines()[-1])["error"]
            assert server.process.wait(PATIENCE_S) == 0


def test_whether_a_file_exists_is_not_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").touch()
    told = []
    for name in ("there", "missing"):
        with pytest.raises(UnknownModel) as raised:
            pull_for_program(name, print, Control())
        told.append(sentence(raised.value).replace(name, "NAME"))
    assert told[0] == told[1]
