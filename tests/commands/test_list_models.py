"""`r1local list`: what is here and what fits, on screens and in pipes."""

import json
import os
import re
import shutil
import statistics
import sys
from pathlib import Path

import pytest
from rich.cells import cell_len

from r1local.ui.tables import Column, print_table
from r1local.units import disk_size
from testing.command import BOUND, COMMAND
from testing.homes import MAIN, REPO_7B, Homes, homes_in, r1local
from testing.terminals import Terminal, console_on
from testing.waiting import processor_time

pytestmark = pytest.mark.slow

HEAD = ["NAME", "QUANT", "SIZE", "WHERE", "CONTEXT", "FIT", "LAST USED"]


@pytest.fixture
def homes(home: Path, monkeypatch: pytest.MonkeyPatch) -> Homes:
    return homes_in(home, monkeypatch)


def fill(homes: Homes) -> None:
    homes.in_cache("DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf")
    homes.in_cache("m-IQ4_XS.gguf", "someone/A-Model-Of-A-Very-Long-Name-Indeed-GGUF")
    homes.partial("m-Q6_K.gguf", blocks=8, done=3)
    homes.in_ollama("registry.ollama.ai/library/qwen3/4b", homes.data())
    homes.in_lm_studio("o/思考模型/思考-Q8_0.gguf")


def test_every_home_is_listed(homes: Homes) -> None:
    fill(homes)
    result = r1local("list")
    assert (result.returncode, result.stderr) == (0, "")
    head, *rows = [line.split("\t") for line in result.stdout.splitlines()]
    assert head == HEAD
    cells = {(row[0], row[1]): row[2:] for row in rows}
    assert cells["r1-distill-qwen-7b", "Q4_K_M"][1:4] == ["Hugging Face", "32,768", "CPU"]
    assert cells["r1-distill-qwen-7b", "Q6_K"][0] == "37 % of 33.6 MB"
    assert cells["qwen3:4b", "Q4_K_M"][1] == "Ollama"
    assert cells["o/思考模型", "Q8_0"][1] == "LM Studio"
    assert cells["nano", "Q8_0"][1] == "embedded"
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\d", row[-1]) for row in rows)


def test_rows_that_would_look_alike_say_what_to_type(homes: Homes) -> None:
    theirs = REPO_7B.replace("bartowski", "unsloth")
    homes.in_cache("m-Q4_K_M.gguf")
    homes.in_cache("m-Q4_K_M.gguf", theirs)
    homes.in_cache("m-Q6_K.gguf")
    homes.partial("n-Q4_K_M.gguf", blocks=8, done=3)
    rows = [line.split("\t") for line in r1local("list").stdout.splitlines()[1:]]
    assert sorted(row[0] for row in rows if row[3] == "Hugging Face") == [
        f"hf:{theirs}:Q4_K_M",
        "r1-distill-qwen-7b",
        "r1-distill-qwen-7b",
        "r1-distill-qwen-7b:Q4_K_M",
    ]
    assert len({tuple(row[:4]) for row in rows}) == len(rows)


def test_json(homes: Homes) -> None:
    fill(homes)
    entries = json.loads(r1local("list", "--format", "json").stdout)
    named = {entry["reference"]: entry for entry in entries}
    seven = named["r1-distill-qwen-7b:Q4_K_M"]
    assert seven["path"].endswith(f"snapshots/{MAIN}/DeepSeek-R1-Distill-Qwen-7B-Q4_K_M.gguf")
    assert (seven["home"], seven["repo_id"], seven["revision"]) == ("Hugging Face", REPO_7B, MAIN)
    assert (seven["fit"], seven["context_window"], seven["complete"]) == ("CPU", 32_768, True)
    unfinished = named["r1-distill-qwen-7b:Q6_K"]
    assert (unfinished["complete"], unfinished["done"]) == (False, 3 * 2**22)
    assert named["ollama:qwen3:4b"]["name"] == "qwen3:4b"


def test_a_machine_without_models_is_told_what_to_type() -> None:
    result = r1local("list")
    assert result.returncode == 0
    assert result.stdout.splitlines()[1].startswith("nano\t")
    assert result.stderr == "no other model is installed; get one with: r1local pull 7b\n"


def test_what_is_available(homes: Homes) -> None:
    fill(homes)
    rows = [line.split("\t") for line in r1local("list", "--available").stdout.splitlines()]
    named = {row[0]: row[1:] for row in rows}
    assert named["NAME"] == ["QUANT", "SIZE", "CONTEXT", "FIT", "TOKENS/S", "HERE", "ABOUT"]
    assert named["r1-distill-qwen-7b"][:2] == ["Q4_K_M", "4.7 GB"]
    assert [named[name][5] for name in ("r1-distill-qwen-7b", "r1", "nano")] == ["yes", "no", "yes"]
    assert re.fullmatch(r"~[\d.]+-[\d.]+", named["r1-distill-qwen-7b"][4])
    assert named["r1"][4] == "?"
    assert named["r1"][2:4] == ["-", "no"]
    known = json.loads(r1local("list", "--available", "--format", "json").stdout)
    seven = next(model for model in known if model["name"] == "r1-distill-qwen-7b")
    assert (seven["installed"], seven["size"]) == (True, 4_683_073_504)
    assert "7b" in seven["aliases"]
    least, most = seven["tokens_per_s"]
    assert 0 < least < most


def test_problems_of_the_users_file_are_told(homes: Homes) -> None:
    homes.user_models.parent.mkdir(parents=True)
    homes.user_models.write_text("[models.mine]\nfile = 3\n[models.nano]\nhidden = true\n")
    result = r1local("list")
    assert result.returncode == 0
    assert "line 2: mine.file must be text, not 3" in result.stderr
    assert "nano" not in result.stdout
    homes.user_models.write_text("[")
    result = r1local("list")
    assert result.returncode == 0
    assert "is not valid TOML" in result.stderr
    assert "nano" in result.stdout


def test_a_file_that_has_gone(homes: Homes) -> None:
    homes.user_models.parent.mkdir(parents=True)
    homes.user_models.write_text('[models.mine]\nfile = "/nowhere/m-Q8_0.gguf"\n')
    rows = [line.split("\t") for line in r1local("list").stdout.splitlines()]
    assert next(row for row in rows if row[0] == "mine")[1:3] == ["Q8_0", "file gone"]


def test_a_time_that_no_calendar_has(homes: Homes) -> None:
    blob = homes.in_cache("m-Q4_K_M.gguf")
    try:
        os.utime(blob, (2**40, 2**40))
    except (OSError, OverflowError):
        pytest.skip("this file system has no such times")
    assert r1local("list").returncode == 0
    assert r1local("list", "--format", "json").returncode == 0


@pytest.mark.parametrize("key", ["block_count", "attention.head_count_kv", "embedding_length"])
@pytest.mark.parametrize("value", [0, 2**31])
def test_a_header_that_states_nonsense(homes: Homes, key: str, value: int) -> None:
    data = homes.data(**{f"qwen2.{key}": value})
    homes.in_cache("m-Q4_K_M.gguf", data=data)
    rows = json.loads(r1local("list", "--format", "json").stdout)
    row = next(row for row in rows if row["repo_id"] == REPO_7B)
    assert row["fit"] in (None, "no", "CPU")


def test_listing_does_not_count_as_use(homes: Homes) -> None:
    blob = homes.in_cache("m-Q4_K_M.gguf")
    os.utime(blob, (1_600_000_000, 1_500_000_000))
    for _ in range(2):
        assert "\t2020-09-" in r1local("list").stdout


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
@pytest.mark.parametrize(
    ("columns", "headings"),
    [
        (10, HEAD[:1]),
        (40, ["NAME", "SIZE"]),
        (80, HEAD[:-1]),
        (200, HEAD),
    ],
)
def test_on_a_screen(homes: Homes, columns: int, headings: list[str]) -> None:
    from testing.pseudo_terminal import PseudoTerminal

    fill(homes)
    with PseudoTerminal([*COMMAND, "list"], columns=columns) as terminal:
        assert terminal.finish() == 0
    head, *rows = terminal.text().splitlines()
    assert re.split(r"\s{2,}", head.strip()) == headings
    assert len(rows) == 6
    assert not any(re.search(r"^\s", row) for row in rows)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals are POSIX's")
def test_what_is_available_on_a_screen_of_80() -> None:
    from testing.pseudo_terminal import PseudoTerminal

    with PseudoTerminal([*COMMAND, "list", "--available"], columns=80) as terminal:
        assert terminal.finish() == 0
    head, *rows = terminal.text().splitlines()
    assert head.split() == ["NAME", "QUANT", "SIZE", "CONTEXT", "FIT", "TOKENS/S", "HERE"]
    assert any("~" in row for row in rows)


COLUMNS = (
    Column("NAME", ["思考模型思考模型思考模型思考模型", "a\x1b[31m\nb\u202ec"], 9),
    Column("SIZE", ["1.0 GB", "12.0 GB"], 2, right=True),
    Column("FIT", ["GPU", "GPU+CPU"], 1),
)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_wide_and_control_characters(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal(columns)
    print_table(console_on(terminal, monkeypatch), COLUMNS)
    _head, first, second = terminal.rows
    assert second.startswith("a␛[31m␊b<U+202E>c") or columns == 40
    assert first.endswith("GPU")
    assert "\x1b[31m" not in terminal.getvalue()
    starts = {cell_len(row.partition("GPU")[0]) for row in (first, second)}
    assert len(starts) == 1


def test_a_pipe_has_all_columns_and_a_line_for_a_row(capsys: pytest.CaptureFixture[str]) -> None:
    from r1local.ui.console import console_for

    print_table(console_for(sys.stdout), COLUMNS)
    lines = capsys.readouterr().out.splitlines()
    assert [line.count("\t") for line in lines] == [2, 2, 2]
    assert lines[2].startswith("a␛[31m␊b<U+202E>c\t12.0 GB")


def test_sizes() -> None:
    assert [disk_size(n) for n in (900, 3_400_000, 4_683_073_504)] == ["1 kB", "3.4 MB", "4.7 GB"]


def test_fifty_models_are_listed_in_a_moment(homes: Homes) -> None:
    for number in range(50):
        homes.in_cache(f"m{number}-Q4_K_M.gguf", f"org/repo-{number}")
    taken = []
    for _ in range(5):
        began = processor_time()
        assert r1local("list").stdout.count("\n") == 52
        taken.append(processor_time() - began)
    # Ten times what it takes: this finds a wrong order, not a slow computer.
    assert statistics.median(taken) < 2


@pytest.mark.skipif(sys.platform == "win32", reason="permissions are POSIX's")
@pytest.mark.skipif(bool(BOUND) and not shutil.which(BOUND[0]), reason="root may do anything")
@pytest.mark.parametrize(
    ("command", "code", "words"),
    [
        (("list",), 0, "unreadable"),
        (("verify", "m"), 1, "m is unreadable: check the disk, and the permissions of "),
        (("show", "m"), 1, "m.gguf can't be read: permission denied"),
        (("run", "-m", "m", "hi"), 1, "m.gguf can't be read: permission denied"),
        (("rm", "--yes", "m"), 0, "forgot m; its file is still at "),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_a_folder_that_may_not_be_entered(
    homes: Homes, command: tuple[str, ...], code: int, words: str
) -> None:
    path = homes.home / "own/m.gguf"
    path.parent.mkdir()
    path.write_bytes(homes.data())
    locked = homes.in_lm_studio("locked/repository/m-Q8_0.gguf").parents[1]
    homes.in_lm_studio("open/repository/m-Q4_K_M.gguf")
    homes.in_ollama("registry.ollama.ai/library/qwen3/4b", homes.data())
    homes.user_models.parent.mkdir(parents=True)
    homes.user_models.write_text(f"[models.m]\nfile = '{path}'\n")
    closed = (path.parent, locked, homes.ollama / "manifests/registry.ollama.ai/library/qwen3")
    for folder in closed:
        folder.chmod(0o444)
    try:
        result = r1local(*command, before=BOUND)
    finally:
        for folder in closed:
            folder.chmod(0o755)
    assert result.returncode == code, result.stderr
    assert words in result.stdout + result.stderr
    assert command != ("list",) or "open/repository" in result.stdout


def test_links_in_a_circle(homes: Homes) -> None:
    loop = homes.home / "loop.gguf"
    loop.symlink_to(loop.name)
    homes.user_models.parent.mkdir(parents=True)
    homes.user_models.write_text(f"[models.mine]\nfile = '{loop}'\n")
    for command in (("list",), ("verify", "mine"), ("run", "-m", loop, "hi"), ("show", "mine")):
        result = r1local(*command)
        assert result.returncode < 2, result.stderr
    assert "Too many levels of symbolic links" in result.stderr
