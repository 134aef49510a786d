"""`r1local pull` on a terminal: bars, questions, and what Ctrl-C leaves."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from testing.command import COMMAND
from testing.gguf_writer import bytes_named_gguf
from testing.loopback_hub import Hub, loopback_hub
from testing.models import smollm2

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX's", allow_module_level=True)

from testing.pseudo_terminal import PseudoTerminal

pytestmark = pytest.mark.slow

REPO = "bartowski/DeepSeek-R1-Distill-Qwen-7B-GGUF"
NAME = "DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf"
DATA = bytes_named_gguf(20 * 2**20)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with loopback_hub() as served:
        served.add(REPO, NAME, DATA)
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
        yield served


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_bar_fits_the_screen(hub: Hub, columns: int) -> None:
    hub.faults.bytes_per_s = 2e6
    with PseudoTerminal([*COMMAND, "pull", "7b"], columns=columns) as terminal:
        terminal.wait_for(lambda: "━" in terminal.text() and " 2" in terminal.text())
        bars = [row for row in terminal.screen.display if "━" in row]
        assert len(bars) == 1
        assert ("/21.0 MB" in bars[0]) is (columns > 70)
        terminal.type("\x03")
        assert terminal.finish() == 130
        assert "resume with: r1local pull 7b" in " ".join(terminal.text().split())
    assert "\x1b[?25l" not in terminal.stream.rpartition("\x1b[?25h")[2]  # the cursor is back


def test_without_a_name_the_user_chooses(hub: Hub) -> None:
    with PseudoTerminal([*COMMAND, "pull"], columns=100) as terminal:
        terminal.wait_for(lambda: "which model?" in terminal.text())
        assert "r1-0528-qwen3-8b" in terminal.text()
        terminal.type("2\n")
        assert terminal.finish() == 0
    assert hub.bytes_sent == len(DATA)


def test_a_model_that_is_not_here_is_offered(hub: Hub) -> None:
    hub.add(REPO, NAME, smollm2().read_bytes())
    command = [*COMMAND, "run", "-m", "7b", "--max-tokens", "4", "--thinking", "hide", "hi"]
    with PseudoTerminal(command, columns=100) as terminal:
        terminal.wait_for(lambda: "download it now?" in terminal.text())
        terminal.type("y\n")
        assert terminal.finish() in (0, 3)
        assert "done:" in terminal.text()
    assert hub.bytes_sent == smollm2().stat().st_size


def test_no_is_no(hub: Hub) -> None:
    with PseudoTerminal([*COMMAND, "run", "-m", "7b", "hi"], columns=100) as terminal:
        terminal.wait_for(lambda: "download it now?" in terminal.text())
        terminal.type("\n")
        assert terminal.finish() == 1
        assert "get it with: r1local pull 7b" in terminal.text()
    assert not hub.bytes_sent
