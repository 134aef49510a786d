"""Completion: what is offered, and real shells in which a person presses Tab."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import typer

from r1local.cli.app import command_of
from r1local.cli.bash_line import read_line
from r1local.cli.candidates import supply_of
from r1local.cli.completing import Answer, complete
from r1local.cli.overview import COMMANDS, overview
from r1local.config.paths import config_file, sessions_folder
from testing.command import COMMAND
from testing.pseudo_terminal import PseudoTerminal
from testing.waiting import PATIENCE_S

BREAKS = " \t\n\"'@><=;|&(:"
#: Parameters whose values nobody can tell beforehand.
FREE = {
    "allow_origin",
    "answer_pattern",
    "api_key_env",
    "field",
    "host",
    "max_waits",
    "minutes",
    "new",
    "older_than",
    "name",
    "path",
    "port",
    "prompt",
    "runs",
    "silence_timeout",
    "system",
    "template_arg",
    "xl",
    "votes",
    "words",
}


def offered(*words: str) -> list[str]:
    return [value for value, _meaning in complete(words[:-1], words[-1]).values]


def config(text: str) -> None:
    path = config_file()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_commands_and_options() -> None:
    assert offered("pu") == ["pull"]
    assert offered("--v") == ["--version"]
    assert offered("run", "--eff") == ["--effort"]
    assert offered("config", "un") == ["unset"]
    assert "--no-think" in offered("run", "")[:100]
    assert offered("no-such-command", "") == []


def test_an_option_is_offered_once() -> None:
    assert "--effort" not in offered("run", "--effort", "low", "--e")
    assert "--file" in offered("run", "--file", "x", "--f")


def test_nothing_is_an_option_after_two_dashes() -> None:
    assert offered("run", "--", "--eff") == []


@pytest.mark.parametrize("words", [("run", "--effort", ""), ("config", "set", "effort", "")])
def test_values_of_settings(words: tuple[str, ...]) -> None:
    assert offered(*words) == ["low", "medium", "high"]


def test_values_follow_equals_signs() -> None:
    assert offered("run", "--effort=l") == ["--effort=low"]
    assert offered("run", "--no-think=") == []


def test_names_in_the_configuration() -> None:
    config('[aliases]\nfast = "7b"\n[presets.review]\nsystem = "Be brief."\n[endpoints.lab]\n')
    assert offered("run", "-m", "f") == ["fast"]
    assert offered("run", "-m", "l") == ["lab:"]
    assert offered("run", "--endpoint", "") == ["lab"]


def test_a_broken_configuration_offers_no_names_and_no_errors() -> None:
    config("this is = not [toml")
    done = subprocess.run(
        [*COMMAND, "__complete", "fish", "run", "-m", "na"], capture_output=True, check=True
    )
    assert done.stdout.decode().splitlines()[1].startswith("nano\t")
    assert done.stderr == b""


@pytest.mark.parametrize("arguments", [[], ["bash"], ["bash", "", ""], ["zsh", "\udcff"]])
def test_nonsense_is_answered_with_nothing(arguments: list[str]) -> None:
    done = subprocess.run([*COMMAND, "__complete", *arguments], capture_output=True, check=True)
    assert done.stderr == b""


def test_powershell_leaves_no_empty_word_out() -> None:
    done = subprocess.run(
        [*COMMAND, "__complete", "powershell", "run", "--effort", "="],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "values\nlow\t\nmedium\t\nhigh\t\n"


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_each_shell_has_a_script(shell: str) -> None:
    done = subprocess.run([*COMMAND, "completion", shell], capture_output=True, check=True)
    assert f"__complete {shell} ".encode() in done.stdout


def test_scripts_of_older_versions_get_no_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_R1LOCAL_COMPLETE", "complete_bash")
    done = subprocess.run(COMMAND, capture_output=True, check=True, timeout=PATIENCE_S)
    assert done.stdout == done.stderr == b""


def test_models_to_pull_have_quantizations() -> None:
    assert "7b" in offered("pull", "")
    assert "7b:q4_k_m" in offered("pull", "7b:")


def test_gguf_files_and_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for name in ("a.gguf", ".b.gguf", "sub/c d.GGUF", "sub/notes.txt"):
        (tmp_path / name).touch()
    assert offered("import", "") == ["a.gguf"]
    assert offered("import", ".") == [".b.gguf"]
    assert offered("import", "s") == ["sub/"]
    assert offered("import", "sub/") == ["sub/c d.GGUF"]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert offered("import", "~/s") == ["~/sub/"]


@pytest.mark.parametrize("words", [("run", "-f"), ("run", "--grammar"), ("bench", "--svg")])
def test_any_file_where_files_are_wanted(words: tuple[str, ...]) -> None:
    assert complete(words, "") == Answer(files=True)


def parameters() -> Iterator[tuple[list[str], str]]:
    """Every parameter with a value, and the words after which it is typed."""
    waiting = [[name] for name in COMMANDS]
    while waiting:
        command, path = command_of(waiting.pop())
        if isinstance(command, typer.core.TyperGroup):
            waiting += [[*path, name] for name in command.commands]
        before = [*path]
        for parameter in command.params:
            if parameter.param_type_name == "argument":
                yield [*before], str(parameter.name)
                before.append("effort")
            elif not getattr(parameter, "is_flag", False):
                yield [*path, parameter.opts[-1]], str(parameter.name)


@pytest.mark.parametrize(("before", "name"), [*parameters()])
def test_every_value_is_completed_unless_it_is_free(before: list[str], name: str) -> None:
    known = supply_of(" ".join(each for each in before if not each.startswith("-")), name)
    assert known or complete(before, "") != Answer() or name in FREE


@pytest.mark.parametrize("command", COMMANDS)
def test_overview_says_what_commands_say_of_themselves(command: str) -> None:
    found, path = command_of([command])
    assert list(path) == [command]
    first = " ".join((found.help or "").split("\n\n")[0].split())
    assert first.startswith(COMMANDS[command].summary)


def test_overview_has_every_command() -> None:
    everything, _path = command_of([])
    assert isinstance(everything, typer.core.TyperGroup)
    assert set(everything.commands) == set(COMMANDS)


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_overview_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    assert max(map(len, overview().splitlines())) <= min(columns, 78)


@pytest.mark.parametrize(
    ("line", "words", "typed", "kept", "quote"),
    [
        ("r1local run ", ["run"], "", 0, ""),
        ("r1local pull 7b:q", ["pull"], "7b:q", 3, ""),
        ("r1local pull 7b\\:q", ["pull"], "7b:q", 0, ""),
        ("r1local run --effort=l", ["run"], "--effort=l", 9, ""),
        ('r1local run -f "a b', ["run", "-f"], "a b", 0, '"'),
        ("r1local run -f 'a:b", ["run", "-f"], "a:b", 0, "'"),
        ('r1local run "a\\"b\\c" \'d\' x\\ y', ["run", 'a"b\\c', "d"], "x y", 0, ""),
        ("A=1 r1local run", [], "run", 0, ""),
    ],
)
def test_lines_of_bash(line: str, words: list[str], typed: str, kept: int, quote: str) -> None:
    assert read_line(line, BREAKS) == (["r1local", *words], typed, kept, quote)


# --- Real shells.

INTERACTIVE = {
    "bash": ["bash", "--norc", "--noprofile", "-i"],
    "zsh": ["zsh", "-f", "-i"],
    "fish": ["fish", "--no-config", "-i"],
}
SET_UP = {
    "bash": 'eval "$(r1local completion bash)"',
    "zsh": 'autoload -U compinit; compinit -u -D; eval "$(r1local completion zsh)"',
    "fish": "r1local completion fish | source",
}


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with files, sessions and names that need quoting, and an r1local that tells what
    arguments it was given."""
    told = 'printf "<%s>" "$@"; echo; exit\n'
    program = tmp_path / "bin/r1local"
    program.parent.mkdir()
    asked = " ".join(COMMAND)
    program.write_text(
        f'#!/bin/sh\ncase "$1" in __complete|completion) exec {asked} "$@";; esac\n{told}'
    )
    program.chmod(0o755)
    folder = tmp_path / "work"
    (folder / "models").mkdir(parents=True)
    for name in ("models/a b.gguf", "notes [1].txt"):
        (folder / name).touch()
    sessions_folder().mkdir(parents=True, exist_ok=True)
    for name in ("my first chat", "don't $x", "日本 語"):
        (sessions_folder() / f"{name}.jsonl").touch()
    config('[aliases]\n"team=a:b" = "7b"\n')
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.chdir(folder)
    return folder


KEYS = {
    "pul\t7b:q4\t": "<pull><7b:q4_k_m>",
    "run --eff\tlo\t": "<run><--effort><low>",
    "run --effort=me\t": "<run><--effort=medium>",
    "config set eff\thi\t": "<config><set><effort><high>",
    "sessions sh\tmy\t": "<sessions><show><my first chat>",
    'sessions show "my\t': "<sessions><show><my first chat>",
    "sessions show don\t": "<sessions><show><don't $x>",
    "sessions show 日\t": "<sessions><show><日本 語>",
    "run -m team\t": "<run><-m><team=a:b>",
    "run -m mod\ta\t": "<run><-m><models/a b.gguf>",
    "run -f no\t": "<run><-f><notes [1].txt>",
}


def shows(terminal: PseudoTerminal, text: str) -> bool:
    return text in terminal.text()


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("zsh"), reason="there is no zsh here")
def test_zsh_loads_the_script_when_it_is_wanted(workplace: Path) -> None:
    script = subprocess.run([*COMMAND, "completion", "zsh"], capture_output=True, check=True).stdout
    (workplace / "_r1local").write_bytes(script)
    with PseudoTerminal(INTERACTIVE["zsh"], columns=100, lines=40) as terminal:
        terminal.type("fpath=($PWD $fpath); autoload -U compinit; compinit -u -D\n")
        terminal.type("r1local run --eff\tlo\t\n")
        terminal.wait_for(partial(shows, terminal, "<run><--effort><low>"))


@pytest.mark.slow
@pytest.mark.usefixtures("workplace")
@pytest.mark.skipif(sys.platform == "win32", reason="a pseudo-terminal")
@pytest.mark.parametrize("shell", INTERACTIVE)
def test_tab_in_a_real_shell(shell: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"there is no {shell} here")
    with PseudoTerminal(INTERACTIVE[shell], columns=100, lines=40) as terminal:
        terminal.type(f"{SET_UP[shell]}\necho re''ady\n")
        terminal.wait_for(lambda: "ready" in terminal.text())
        for keys, expected in KEYS.items():
            terminal.type(f"r1local {keys}\n")
            terminal.wait_for(partial(shows, terminal, expected))
        terminal.type("r1local run --effort \t\t")
        terminal.wait_for(lambda: "medium" in terminal.shown.replace("=medium", ""))
        assert "error" not in terminal.text().lower()


@pytest.mark.slow
@pytest.mark.usefixtures("workplace")
@pytest.mark.skipif(not shutil.which("pwsh"), reason="there is no PowerShell here")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("r1local run --eff", "--effort"),
        ("r1local config set effort hi", "high"),
        ("r1local pull 7b:q4", "7b:q4_k_m"),
        ("r1local sessions show my", "'my first chat'"),
        ("r1local sessions show don", "'don''t $x'"),
    ],
)
def test_powershell_completes(line: str, expected: str) -> None:
    quoted = line.replace("'", "''")
    asked = f"(TabExpansion2 '{quoted}' {len(line)}).CompletionMatches.CompletionText"
    script = f"r1local completion powershell | Out-String | Invoke-Expression; {asked}"
    done = subprocess.run(
        ["pwsh", "-NoProfile", "-Command", script],
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=PATIENCE_S,
    )
    assert done.stdout.splitlines() == [expected]
