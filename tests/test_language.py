"""The language of messages: which one is chosen, and that all of them can be translated."""

import ast
import errno
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from r1local import errors, language
from r1local.cli.translated import FAULTS, translated_fault
from r1local.events.finding import ok
from r1local.language import _, _n
from r1local.ui.cells import cell_len
from r1local.ui.console import console_for
from r1local.ui.doctor import print_findings
from testing.command import COMMAND, ROOT

SOURCES = sorted((ROOT / "r1local").rglob("*.py"))
#: Rooms whose messages are for programs and those who write them, who expect English; and what
#: runs in a process that can't read a catalogue.
ENGLISH = ("r1local/api/", "r1local/serving/", "r1local/prompts/template_sandbox.py")
#: What gettext's tools look for.
MARKS = {"_", "_n", "N_"}


@pytest.fixture(autouse=True)
def english() -> Iterator[None]:
    """Leave the language as it was."""
    yield
    language.use("en")


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, "en"),
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "de_DE"}, "en"),
        ({"LANG": "en_US.UTF-8", "LC_MESSAGES": "ja"}, "ja"),
        ({"LANG": "de_DE.UTF-8", "LANGUAGE": "fr:ja:en"}, "ja"),
        ({"LANG": "ja_JP", "LANGUAGE": "en"}, "en"),
        ({"LANG": "C.UTF-8", "LANGUAGE": "ja"}, "en"),
        ({"LC_ALL": "", "LANG": "ja_JP.eucJP@x"}, "ja"),
    ],
)
def test_the_language_is_that_of_the_locale(environment: dict[str, str], expected: str) -> None:
    assert language.language_of_locale(environment) == expected


def test_values_stand_where_the_message_has_their_names() -> None:
    assert _("{name} is a directory", name="x") == "x is a directory"
    assert _("no values: {literally}") == "no values: {literally}"
    assert _n("{count:,} vote", "{count:,} votes", 1) == "1 vote"
    assert _n("{count:,} vote", "{count:,} votes", 1_200) == "1,200 votes"


def test_a_message_is_translated() -> None:
    language.use("ja")
    assert _("{path} is a directory", path="models") == "models はディレクトリです"
    assert _("a message that no catalogue has") == "a message that no catalogue has"
    assert _("") == ""
    language.use("tlh")
    assert _("{path} is a directory", path="models") == "models is a directory"


@pytest.mark.parametrize(
    ("error", "said", "japanese"),
    [
        (
            PermissionError(13, "Permission denied", "x"),
            "Permission denied",
            "アクセス権がありません",
        ),
        (OSError("[Errno 111] Connection refused"), "Connection refused", "接続を拒否されました"),
        (OSError(_("it is not a regular file")), "it is not a regular file", None),
        (OSError(5, "[SSL] what only OpenSSL says"), "[SSL] what only OpenSSL says", None),
        (ValueError("embedded null byte"), "embedded null byte", None),
        (TimeoutError(), "TimeoutError", None),
        (
            RuntimeError("Could not determine home directory."),
            "Could not determine home directory",
            "ホームディレクトリがわかりません",
        ),
    ],
)
def test_why_the_system_refuses_is_told_in_the_language_if_it_is_common(
    error: Exception, said: str, japanese: str | None
) -> None:
    assert language.reason_of(error) == said
    language.use("ja")
    assert language.reason_of(error) == (japanese or said)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's words")
def test_the_reasons_are_the_systems_own_words() -> None:
    said = {os.strerror(number) for number in errno.errorcode}
    assert language._REASONS - said == {"timed out", "Could not determine home directory"}


def run(*arguments: str, **environment: str) -> str:
    result = subprocess.run(
        [*COMMAND, *arguments],
        env=os.environ | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )
    return result.stdout + result.stderr


def test_the_variable_comes_before_the_file_and_the_file_before_the_locale(tmp_path: Path) -> None:
    asked = ("run", "-m", str(tmp_path), "hello")
    japanese, english = f"{tmp_path.name} はディレクトリです", f"{tmp_path.name} is a directory"
    assert english in run(*asked)
    assert japanese in run(*asked, LANG="ja_JP.UTF-8")
    assert english in run(*asked, LANG="ja_JP.UTF-8", R1LOCAL_LANG="en")
    run("config", "set", "lang", "ja")
    assert japanese in run(*asked)
    assert english in run(*asked, R1LOCAL_LANG="auto")


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield the calls that mark messages."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and mark(node) in MARKS:
            yield node


def mark(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else ""


def messages_of(call: ast.Call) -> list[ast.expr]:
    return call.args[: 2 if mark(call) == "_n" else 1]


def marked(tree: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """Yield each mark's name and message."""
    for call in calls(tree):
        for message in messages_of(call):
            yield mark(call), message


def values(text: str) -> set[str]:
    """Return the names of a message's values."""
    return {
        name
        for _before, name, _spec, _conversion in Formatter().parse(text)
        if name and name.isidentifier()
    }


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_messages_can_be_gathered_and_translated(path: Path) -> None:
    """What is marked is a whole text, and what errors say is marked."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for name, message in marked(tree):
        assert not isinstance(message, ast.JoinedStr | ast.BinOp), ast.unparse(message)
        assert name == "_" or isinstance(message, ast.Constant), ast.unparse(message)
        assert not any(marked(message)), f"not gathered: {ast.unparse(message)}"
    for text in ast.walk(tree):
        if isinstance(text, ast.JoinedStr):  # gettext's tools don't look into these
            inside = [each for each in marked(text) if isinstance(each[1], ast.Constant)]
            assert not inside, ast.unparse(text)
    for call in calls(tree):
        given = {keyword.arg for keyword in call.keywords}
        given |= {"count"} if mark(call) == "_n" else set()
        for message in messages_of(call):
            if given and isinstance(message, ast.Constant) and isinstance(message.value, str):
                assert values(message.value) <= given, message.value
                assert not any(str(name)[-1:].isdecimal() for name in given), message.value
                assert given - {"count"} <= values(message.value), message.value
    if path.relative_to(ROOT).as_posix().startswith(ENGLISH):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and is_error(ast.unparse(node.func)):
            for argument in node.args:
                assert not is_words(argument), f"line {node.lineno}: {ast.unparse(argument)}"


def test_no_message_is_translated_before_the_language_is_known() -> None:
    """A module's own statements run when it is imported; they use `N_`."""
    for path in SOURCES:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
                node.body = []
        early = [ast.unparse(message) for name, message in marked(tree) if name != "N_"]
        assert not early, path


def is_error(name: str) -> bool:
    kind = getattr(errors, name, None)
    return isinstance(kind, type) and issubclass(kind, errors.R1LocalError)


def is_words(node: ast.expr) -> bool:
    """Tell whether an expression is a text with words in it."""
    if isinstance(node, ast.JoinedStr):
        return any(is_words(part) for part in node.values)
    text = node.value if isinstance(node, ast.Constant) else ""
    return isinstance(text, str) and any(len(word) > 2 and word.isalpha() for word in text.split())


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["run", "--help"],
        ["pull", "--help"],
        ["sessions", "rm", "--help"],
        ["doctor"],
        ["config"],
        ["list", "--available"],
        ["show", "nano"],
        ["completion", "tcsh"],
        ["show", "nano", "again"],
    ],
)
def test_nothing_is_left_in_english(arguments: list[str]) -> None:
    """Words between spaces are names, of which few stand side by side."""
    shown = run(*arguments, LANG="ja_JP.UTF-8", COLUMNS="80")
    english = re.compile(r"(?:(?<=\s)[a-z]{2,}\s+){3,}")
    told = [line for line in shown.splitlines() if english.search(f"{line} ")]
    assert told == []


@pytest.mark.parametrize("form", FAULTS)
def test_faults_of_arguments_are_known_by_their_form(form: str) -> None:
    told = form.format_map({name: f"'{name}'" for name in values(form)})
    assert translated_fault(told) == told
    language.use("ja")
    translated = translated_fault(told)
    assert translated != told
    assert values(form) <= set(re.findall(r"'(\w+)'", translated))


def test_findings_stand_in_columns_of_cells(capsys: pytest.CaptureFixture[str]) -> None:
    language.use("ja")
    print_findings(console_for(sys.stdout), [ok("versions", "(1)"), ok("llama.cpp", "(2)")])
    first, second = capsys.readouterr().out.splitlines()
    assert cell_len(first.partition("(")[0]) == cell_len(second.partition("(")[0])


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_japanese_help_is_as_wide_as_the_terminal(columns: int) -> None:
    shown = run("--help", LANG="ja_JP.UTF-8", COLUMNS=str(columns))
    widest = max(map(cell_len, shown.splitlines()))
    assert widest <= min(columns, 80)
    assert not any(line.strip().startswith(("、", "。", "）")) for line in shown.splitlines())
