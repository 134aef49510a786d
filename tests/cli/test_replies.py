"""`run` as typed: the answer where it is wanted, and wrong usage told."""

import json

from testing.command import Run, Scripted


def test_the_answer_goes_to_stdout_and_nothing_else_does(run: Run, scripted: Scripted) -> None:
    model = scripted("Hm.</think>It is \\boxed{4}.")
    result = run("What is 2 + 2?", "-m", model)
    assert (result.returncode, result.stdout) == (0, "It is \\boxed{4}.\n")
    assert run("What is 2 + 2?", "-m", model, "--answer-only").stdout == "4\n"
    result = run("-m", model, "--format", "json", stdin="What is 2 + 2?")
    reply = json.loads(result.stdout)
    assert (reply["thinking"], reply["final_answer"]) == ("Hm.", "4")


def test_wrong_usage_is_exit_2_with_a_hint(run: Run) -> None:
    result = run("hi", "--temperature", "-1")
    assert (result.returncode, result.stdout) == (2, "")
    assert [line.split(":")[0] for line in result.stderr.splitlines()] == ["error", "hint"]


def test_no_answer_is_exit_3(run: Run, scripted: Scripted) -> None:
    result = run("hi", "-m", scripted("Hm.</think>"), "--answer-only")
    assert (result.returncode, result.stdout) == (3, "")
