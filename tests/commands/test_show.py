"""`r1local show`: the card, the plans, and where they come from."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from r1local.commands.show import template_state
from r1local.gguf.file import read_header
from r1local.ui.models.card import Card, ContextPlan, VariantPlan, print_card
from testing.command import COMMAND, Scripted
from testing.loopback_hub import loopback_hub
from testing.models import r1_header, write_scripted_model
from testing.terminals import Terminal, console_on
from testing.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def show(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "show", *arguments],
        capture_output=True,
        encoding="utf-8",
        timeout=PATIENCE_S,
        check=False,
    )


def test_a_model_of_the_catalog() -> None:
    result = show("deepseek-r1:7b")
    assert result.returncode == 0
    assert "Qwen2.5-Math-7B taught by R1, not R1 itself" in result.stderr
    for words in ("licence: MIT; its base: Apache-2.0", "AIME 2024", "o1-mini", "Q4_K_M", "128k"):
        assert words in result.stdout
    assert "\x1b" not in result.stdout


def test_draft_models_are_named() -> None:
    shown = show("7b").stdout
    assert "draft models: r1-distill-qwen-1.5b, hf:alamios/" in shown
    assert "r1local pull r1-distill-qwen-7b --with-draft gets one" in shown
    assert "draft models" not in show("8b").stdout


def test_json_has_the_plans() -> None:
    card = json.loads(show("7b", "--format", "json").stdout)
    plans = {variant["quantization"]: variant for variant in card["variants"]}
    assert plans["Q4_K_M"]["weights"] == 4_683_073_504
    assert plans["Q4_K_M"]["quality_loss"] == 0.031
    by_context = {each["context"]: each for each in plans["Q4_K_M"]["contexts"]}
    assert list(by_context) == [4096, 8192, 16384, 32768, 131072]
    assert by_context[32768]["kv_cache"] == 32768 * 57_344
    assert by_context[32768]["total"] > 4_683_073_504 + 32768 * 57_344
    assert card["scores"]["aime_2024_cons64"] == ["83.3", "80.0"]


def test_a_file(scripted: Scripted) -> None:
    result = show(str(scripted("x")))
    assert result.returncode == 0
    assert "architecture: gpt2" in result.stdout
    assert "chat template: opens the thought itself" in result.stdout


def test_what_a_file_says_of_itself_is_one_short_line(tmp_path: Path) -> None:
    said = {"general.architecture": "long\n" * 3_000}
    path = write_scripted_model(tmp_path / "x.gguf", "x", metadata=said)
    [told] = [row for row in show(str(path)).stdout.splitlines() if "architecture" in row]
    assert told.startswith("architecture: long long") and len(told) < 80


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        ("/nowhere/x.gguf", "there is no file /nowhere/x.gguf"),
        ("hf:a/b", "HF_HUB_OFFLINE"),
        ("7bb", "did you mean 7b"),
    ],
)
def test_what_is_not_there(reference: str, words: str) -> None:
    result = show(reference)
    assert result.returncode == 1
    assert words in result.stderr
    assert not result.stdout


def test_a_model_on_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    """The header is read from the hub, a few megabytes of a file of many."""
    monkeypatch.delenv("HF_HUB_OFFLINE")
    header = r1_header().read_bytes()
    with loopback_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.add("org/repo", "m-Q4_K_M.gguf", header + bytes(30 * 2**20))
        result = show("hf:org/repo:q4_k_m")
        assert hub.bytes_sent < 20 * 2**20
    assert result.returncode == 0, result.stderr
    assert "file: hf:org/repo/m-Q4_K_M.gguf" in result.stdout
    assert "r1local opens the thought" in result.stdout
    assert "128k" in result.stdout


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"short_answers": 2}, "the connection was closed early"),
        ({"api_body": b"<html>"}, "is not the hub"),
    ],
    ids=str,
)
def test_a_hub_that_leads_nowhere(
    monkeypatch: pytest.MonkeyPatch, fault: dict[str, object], words: str
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with loopback_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.add("org/repo", "m-Q4_K_M.gguf", r1_header().read_bytes())
        for name, value in fault.items():
            setattr(hub.faults, name, value)
        result = show("hf:org/repo:q4_k_m")
    assert result.returncode == 1
    assert words in result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
@pytest.mark.parametrize(
    "fault", [{"slow_api": True}, {"slow_heads": {"metadata"}}, {"slow_bodies": 9}], ids=str
)
def test_ctrl_c_while_the_hub_drips(
    monkeypatch: pytest.MonkeyPatch, fault: dict[str, object]
) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    with loopback_hub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        hub.add("org/repo", "m-Q4_K_M.gguf", r1_header().read_bytes())
        for name, value in fault.items():
            setattr(hub.faults, name, value)
        process = subprocess.Popen([*COMMAND, "show", "hf:org/repo"], stderr=subprocess.PIPE)
        wanted = 1 if "slow_api" in fault else 3 if "slow_bodies" in fault else 2
        eventually(lambda: len(hub.requests) >= wanted)
        time.sleep(0.1)
        stopped = time.monotonic()
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=PATIENCE_S)
        assert time.monotonic() - stopped < 20, "before the hub has had its time"
    assert process.returncode == 130


def test_without_a_hub_the_catalog_is_shown() -> None:
    result = show("7b")
    assert result.returncode == 0
    assert "showing the catalog's facts" in result.stderr


def test_the_state_of_templates(scripted: Scripted) -> None:
    # The real file of January 2025 ends at the assistant's tag.
    assert "r1local opens the thought" in template_state(read_header(r1_header()))
    switch = scripted("x", chat_template="{{ '<think>' if enable_thinking else '</think>' }}")
    assert template_state(read_header(switch)) == (
        "opens the thought itself; thinking can be switched off"
    )
    broken = scripted("x", chat_template="{{ messages.__class__ }}")
    assert "can't be used" in template_state(read_header(broken))


CARD = Card(
    name="m",
    facts={"file": "/tmp/思考\x1b[31m.gguf", "about": "A model of a long description, " * 4},
    scores={"aime_2024": ("55.5", "63.6")},
    source="a paper",
    variants=(
        VariantPlan(
            "Q4_K_M",
            2**32,
            None,
            tuple(ContextPlan(2**n, 2**30, 2**33, "GPU+CPU", 9) for n in (12, 13, 14, 15, 17)),
            4.0,
            8.25,
        ),
    ),
    memory=2**34,
    gpu_memory=2**33,
)


@pytest.mark.parametrize(
    ("columns", "contexts"),
    [(40, ["8k"]), (80, ["4k", "8k", "32k", "128k"]), (200, ["4k", "8k", "16k", "32k", "128k"])],
)
def test_the_card_on_a_screen(
    columns: int, contexts: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal(columns, 60)
    print_card(console_on(terminal, monkeypatch), CARD)
    head = next(row for row in terminal.rows if "tokens/s" in row)
    assert head.split() == ["file", *contexts, "tokens/s"]
    plan = next(row for row in terminal.rows if row.startswith("Q4_K_M"))
    assert plan.split() == ["Q4_K_M", "4.0", *["8.0", "part"] * len(contexts), "~4.0-8.2"]
    assert "\x1b[31m" not in terminal.getvalue()
    assert "Free here: 16.0 GiB of memory, 8.0 GiB on the GPU" in terminal.shown.replace("\n", " ")


def test_facts_are_broken_beside_their_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = {"file": "/a/long/name.gguf", "about": "R1 の形式で計算するモデル"}
    terminal = Terminal(20, 10)
    print_card(console_on(terminal, monkeypatch), Card("m", facts, {}, "", (), 0, 0))
    assert [row.rstrip() for row in terminal.rows[1:6]] == [
        "file   /a/long/name.",
        "       gguf",
        "about  R1 の形式で",
        "       計算する",
        "       モデル",
    ]
