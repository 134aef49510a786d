"""`run -x` and `--xl`: a code block on stdout and nothing else, or the reason why not."""

import json

import pytest

from testing.command import COMMAND, Run, Scripted
from testing.pseudo_terminal import PseudoTerminal

pytestmark = pytest.mark.slow

REPLY = (
    "```\nthought\n```\n</think>\n\nLook:\n\n```python\nprint('hi')\n```\n\n~~~sh\nls\n~~~\nDone."
)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["-x"], "ls\n"),
        (["--xl", "py"], "print('hi')\n"),
        (["-x", "--xl", "python"], "print('hi')\n"),
    ],
)
def test_stdout_is_the_block(arguments: list[str], code: str, run: Run, scripted: Scripted) -> None:
    result = run("hi", "-m", scripted(REPLY), *arguments)
    assert (result.returncode, result.stdout, result.stderr) == (0, code, "")


def test_without_one_the_exit_code_is_3(run: Run, scripted: Scripted) -> None:
    result = run("hi", "-m", scripted(REPLY), "--xl", "rust")
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr == "the answer has no code block in rust, but in python, sh\n"
    result = run("hi", "-m", scripted("```\nx\n```</think>none"), "-x")
    assert (result.returncode, result.stdout) == (3, "")
    assert result.stderr == "the answer has no code block\n"


def test_a_block_that_was_cut_is_none(run: Run, scripted: Scripted) -> None:
    result = run("hi", "-m", scripted("x</think>```\nlong\nlines\n```"), "-x", "--max-tokens", "10")
    assert (result.returncode, result.stdout) == (3, "")
    assert "the code block was cut before it was whole" in result.stderr


def test_json_has_it_besides_the_answer(run: Run, scripted: Scripted) -> None:
    model = scripted(REPLY)
    reply = json.loads(run("hi", "-m", model, "-x", "--format", "json").stdout)
    assert reply["code"] == "ls\n" and "Look:" in reply["answer"]
    lines = run("hi", "-m", model, "--xl", "python", "--format", "jsonl").stdout.splitlines()
    assert json.loads(lines[-1])["code"] == "print('hi')\n"
    result = run("hi", "-m", model, "--xl", "c", "--format", "json")
    assert result.returncode == 3 and json.loads(result.stdout)["code"] is None
    assert result.stderr.startswith("no answer: the answer has no code block in c, but in")
    assert "code" not in json.loads(run("hi", "-m", model, "--format", "json").stdout)


def test_on_a_terminal_the_thought_is_seen_and_the_answer_is_not(scripted: Scripted) -> None:
    command = [*COMMAND, "run", "hi", "-x", "-m", str(scripted(REPLY))]
    with PseudoTerminal(command) as terminal:
        assert terminal.finish() == 0
        assert "thought for" in terminal.shown and "ls" in terminal.shown
        assert "Look" not in terminal.shown and "~~~" not in terminal.shown


@pytest.mark.parametrize(
    "others",
    [
        ["--answer-only"],
        ["--votes", "3"],
        ["--json-schema", "{}"],
        ["--thinking", "only"],
    ],
)
def test_what_leaves_no_block(others: list[str], run: Run) -> None:
    for extract in (["-x"], ["--xl", "py"]):
        result = run("hi", *extract, *others)
        assert (result.returncode, result.stdout) == (2, "")
        assert "code" in result.stderr
