"""What happens when the system gives less than a program expects: descriptors, readers, memory."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from testing.command import COMMAND, Scripted
from testing.waiting import PATIENCE_S

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a POSIX shell's redirections")

MEMORY_LIMITS = pytest.mark.skipif(sys.platform != "linux", reason="limits that Linux keeps")
REPLY = "t</think>\n\nanswer"


def shell(script: str, *arguments: str | Path) -> tuple[int, str, str]:
    """Run a script of bash, in which "$@" is the command with its arguments."""
    done = subprocess.run(
        ["bash", "-c", f"ulimit -c 0; {script}", "bash", *COMMAND, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments", [["show", "nano"], ["list"], ["--version"], ["run", "--help"]]
)
def test_a_reader_that_has_gone_is_no_error(arguments: list[str]) -> None:
    code, _out, err = shell('"$@" | true; exit ${PIPESTATUS[0]}', *arguments)
    assert (code, err) == (141, "")


@pytest.mark.slow
@pytest.mark.parametrize("streams", ["<&-", "<&- >&-", "<&- >&- 2>&-", ">&- 2>&-"])
@pytest.mark.parametrize("command", [["run", "hi"], ["chat", "--no-save"]])
def test_streams_may_be_closed(streams: str, command: list[str], scripted: Scripted) -> None:
    assert shell(f'"$@" {streams}', *command, "-m", scripted(REPLY))[0] == 0


@pytest.mark.slow
@pytest.mark.parametrize("command", [["run", "hi"], ["chat", "--no-save"]])
def test_stdin_that_can_not_be_read_is_an_error(command: list[str], scripted: Scripted) -> None:
    code, _out, err = shell('"$@" 0>/dev/null', *command, "-m", scripted(REPLY))
    assert code == 1
    assert "can't be read" in err


def test_a_pipe_that_would_not_wait_does(scripted: Scripted) -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    command = [*COMMAND, "chat", "--no-save", "-m", str(scripted(REPLY))]
    with subprocess.Popen(
        command, stdin=reader, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as chat:
        os.close(reader)
        assert chat.stderr
        assert b"Ask anything" in chat.stderr.readline()  # it reads now
        os.write(writer, b"hi\n")
        os.close(writer)
        answer, _notices = chat.communicate(timeout=PATIENCE_S)
    assert (chat.returncode, answer) == (0, b"answer\n")


@pytest.mark.slow
@MEMORY_LIMITS
@pytest.mark.parametrize("endless", ["cat /dev/zero", r"yes $(printf %01000d 0)\\"])
def test_endless_input_ends(endless: str, scripted: Scripted) -> None:
    script = f'ulimit -v 1000000; {endless} | "$@"'
    code, _out, err = shell(script, "chat", "--no-save", "-m", scripted(REPLY))
    assert code == 1
    assert "longer than 4,194,304 characters" in err


@MEMORY_LIMITS
def test_a_card_needs_no_room_for_measuring(scripted: Scripted) -> None:
    assert shell('ulimit -v 131072; "$@"', "show", scripted(REPLY))[0] == 0


@MEMORY_LIMITS
@pytest.mark.parametrize("limit", ["-v 60000", "-d 12000", "-d 32000"])
def test_too_little_memory_is_said(
    limit: str, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [each for each in os.environ if each.startswith("COVERAGE_")]:
        monkeypatch.delenv(name)  # Python loads it first, which would be what fails
    code, _out, err = shell(f'ulimit {limit}; "$@"', "run", "hi", "-m", scripted(REPLY))
    assert code == 1
    assert "too little memory" in err


@pytest.mark.slow
@MEMORY_LIMITS
@pytest.mark.parametrize("kibibytes", [*range(37_000, 45_000, 1_500)])
def test_a_library_without_room_is_no_broken_one(kibibytes: int) -> None:
    code, _out, err = shell(f'ulimit -v {kibibytes}; "$@"', "list")
    assert code in (0, 1)
    assert code == 0 or err.startswith("error: there is too little memory")


@MEMORY_LIMITS
def test_whatever_fails_for_lack_of_memory_is_told_as_that() -> None:
    program = """
import resource, sys
from r1local.cli.error_handler import exit_code
def fail():
    resource.setrlimit(resource.RLIMIT_DATA, (1, 1))
    raise ValueError("field 'args' is required for FunctionDef")  # as Python's compiler says
sys.exit(exit_code(fail))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: there is too little memory\nhint: close other programs")


@pytest.mark.slow
@MEMORY_LIMITS
@pytest.mark.parametrize("megabytes", [93, 100, 120, 140])
def test_a_context_beyond_a_limit_ends_in_a_sentence(megabytes: int) -> None:
    script = f'ulimit -d {megabytes * 1024}; "$@"'
    code, _out, err = shell(script, "run", "-m", "nano", "--context", "30000", "What is 1+1?")
    assert code in (0, 1)
    sentences = ("error: a context of 30,000 tokens", "error: there is too little memory")
    assert code == 0 or err.startswith(sentences)
