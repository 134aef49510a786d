"""What is read without Typer: the same as Typer reads, or nothing."""

import sys
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from r1local.cli import chat, completion, models, parser, plain, replies
from r1local.config.options import OPTIONS
from r1local.errors import UsageError

FLAGS = sorted({flag for option in OPTIONS for flag in plain._flags(option)})
TEXTS = ("", "Hi", "-", "--", "-1", "0", "1", "0.5", "low", "nope", "only", "a=1", "./x//y", "日")
ARGUMENTS = st.lists(
    st.sampled_from([*FLAGS, *TEXTS])
    | st.builds("{}={}".format, st.sampled_from(FLAGS), st.sampled_from(TEXTS))
    | st.sampled_from(["--help", "-h", "--no-such", "-mx", "-f", "--resume", "--mod"]),
    max_size=5,
)


def outcome(read: Callable[[], Any]) -> Any:
    """What reading arguments came to: a call and its values, an error, or the end."""
    try:
        return read()
    except UsageError as error:
        return "error", error.message
    except SystemExit as leaving:
        return "exit", leaving.code


def read_both(monkeypatch: pytest.MonkeyPatch, arguments: Sequence[str]) -> tuple[Any, Any]:
    """What both readers make of arguments."""

    def told(name: str, usual: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Callable[[], Any]:
            usual(*args, **more)
            said = [each for each in (*args, *more.values()) if each and each != "text"]
            return lambda: (name, said)

        return call

    with monkeypatch.context() as patch:
        for name, module in (
            ("run", replies),
            ("chat", chat),
            ("list", models),
            ("completion", completion),
        ):
            call = told(name, getattr(module, f"{name}_command"))
            patch.setattr(module, f"{name}_command", call)
            patch.setattr(plain, f"{name}_command", call)
        patch.setattr(sys, "argv", ["r1local", *arguments])

        def usual() -> Any:
            return parser.parse_arguments()()

        def quick() -> Any:
            command = plain.plain_command(arguments)
            return None if command is None else command()

        return outcome(quick), outcome(usual)


@pytest.mark.filterwarnings("default")
@settings(max_examples=300)
@given(st.sampled_from(["run", "chat", "list"]), ARGUMENTS)
def test_what_is_read_is_what_typer_reads(command: str, arguments: list[str]) -> None:
    quick, usual = read_both(pytest.MonkeyPatch(), [command, *arguments])
    if quick is not None:
        assert quick == usual


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["chat", "-m", "x.gguf", "--inline"],
        ["list"],
        ["completion", "fish"],
        ["run", "Hi"],
        ["run", "--max-tokens=1", "Hi", "-m", "nano", "--no-think"],
        ["run", "-c", "and in French?", "-x", "--no-think"],
        ["run", "--log", "-p", "review", "-F", "a=b", "-F", "c=d=e", "Hi"],
        ["run", "--session", "s", "--xl", "python"],
        ["chat", "Hi", "-p", "review"],
    ],
)
def test_plain_arguments_need_no_typer(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick, usual = read_both(monkeypatch, arguments)
    assert quick is not None
    assert quick == usual


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--help"],
        ["run", "a", "b"],
        ["completion", "sh"],
        ["pull"],
        ["--help"],
        ["run", "-mx", "Hi"],
    ],
)
def test_the_rest_is_left_to_typer(arguments: list[str]) -> None:
    assert plain.plain_command(arguments) is None
