"""Models that are downloaded in a chat, from a hub on loopback, and reply from then on."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from r1local.hub.journal import BLOCK
from testing.chats import CTRL_C, ChatTerminal
from testing.command import COMMAND, ROOT, Scripted
from testing.loopback_hub import Hub, loopback_hub
from testing.waiting import PATIENCE_S

pytestmark = pytest.mark.slow

REPO, NAME = "org/small-GGUF", "small-Q8_0.gguf"
REFERENCE = f"hf:{REPO}:Q8_0"
NANO = (ROOT / "r1local" / "nano.gguf").read_bytes()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with loopback_hub() as served:
        served.add(REPO, NAME, NANO)
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        yield served


def test_nano_says_what_it_is_and_what_a_real_model_costs(hub: Hub) -> None:  # noqa: ARG001
    with ChatTerminal(columns=80, lines=24) as terminal:
        terminal.wait_for_text("This is nano", "/pull 7b gets a real model: 4.7 GB")
        assert "Ask anything" not in terminal.shown
        terminal.send("/pull")
        terminal.wait_for_text("no model is named", "/pull 7b")
        terminal.send("/stop")
        terminal.wait_for_text("no reply is being written")
        assert terminal.leave() == 0


def test_a_model_is_pulled_and_replies(hub: Hub) -> None:
    hub.faults.bytes_per_s = 300_000
    with ChatTerminal(columns=100) as terminal:
        terminal.send(f"/pull {REFERENCE}")
        terminal.wait_for_text("downloading: ", "left", "MB/s", "of 3.4 MB")
        terminal.send("What is 2 + 3?")  # waits for the model
        terminal.wait_for_text("waits: What is 2 + 3?")
        hub.faults.bytes_per_s = None
        terminal.wait_for_text("replies from here on", "2 + 3 =")
        terminal.send("/model")
        terminal.wait_for_text("replies; there are: ", REPO)
        assert terminal.leave() == 0
    with ChatTerminal("-m", "nano") as terminal:
        terminal.wait_for_text("/model NAME lets a real one reply", REPO)


@pytest.mark.parametrize("stops", ["/stop\r", CTRL_C])
def test_a_stopped_download_goes_on_later(hub: Hub, scripted: Scripted, stops: str) -> None:
    large = scripted("a</think>b", feed_forward=50_000).read_bytes()
    assert len(large) > 3 * BLOCK
    hub.add(REPO, NAME, large)
    hub.faults.bytes_per_s = 4e6
    with ChatTerminal(columns=100, R1LOCAL_CONNECTIONS="1") as terminal:
        terminal.send(f"/pull {REFERENCE}")
        terminal.wait_for_text("MB/s")
        terminal.wait_for(lambda: hub.bytes_sent > 1.5 * BLOCK)
        terminal.send("What is 2 + 3?")
        terminal.wait_for_text("waits: What is 2 + 3?")
        terminal.type(stops)
        terminal.wait_for_text("the download was stopped; what has arrived is kept")
        terminal.wait_for_text(f"/pull {REFERENCE} goes on")
        terminal.wait_for_text("❯ What is 2 + 3?")
        terminal.send("")  # nano still replies
        terminal.wait_for_text("2 + 3 =")
        hub.faults.bytes_per_s = None
        before = hub.bytes_sent
        terminal.send(f"/pull {REFERENCE}")
        terminal.wait_for_text("replies from here on")
        assert hub.bytes_sent - before < len(large) - BLOCK / 2
        assert terminal.leave() == 0


def test_in_the_scrollback_the_download_is_a_line_that_goes(hub: Hub) -> None:
    hub.faults.bytes_per_s = 300_000
    with ChatTerminal("--inline", columns=100) as terminal:
        terminal.send(f"/pull {REFERENCE}")
        terminal.wait_for_text("downloading: ", "MB/s")
        terminal.type(CTRL_C)
        terminal.wait_for_text("the download was stopped", "goes on")
        hub.faults.bytes_per_s = None
        terminal.send(f"/pull {REFERENCE}")
        terminal.wait_for_text("replies from here on")
        assert "downloading: " not in terminal.shown
        assert terminal.shown.count("3.4 MB from org/small-GGUF") == 2
        assert terminal.leave() == 0


def test_in_a_pipe_a_model_is_pulled_before_the_next_line(hub: Hub) -> None:  # noqa: ARG001
    done = subprocess.run(
        [*COMMAND, "chat"],
        input=f"/pull {REFERENCE}\nWhat is 2 + 3?\n",
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0
    assert "5" in done.stdout and "\x1b" not in done.stdout + done.stderr
    assert "This is nano" in done.stderr and "embedded demo model" not in done.stderr
    assert "replies from here on" in done.stderr
