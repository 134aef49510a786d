"""The laws of the house: imports go down only, libraries have one room, the door is light."""

import ast
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from r1local.commands import run
from r1local.gguf.file import read_gguf
from r1local.prompts.template_process import TemplateProgram
from testing.command import ROOT, Scripted

PACKAGE = ROOT / "r1local"
SOURCES = sorted(PACKAGE.rglob("*.py"))

#: Rooms from the ground up: a module imports modules of its own room, and of rooms named earlier.
FLOORS = (
    "language",
    "errors",
    "units",
    "conversation",
    "kv_state",
    "events",
    "confined",
    "config",
    "answers",
    "thinking",
    "gguf",
    "engine",
    "prompts",
    "attachments",
    "machine",
    "hub",
    "models",
    "replies",
    "endpoints",
    "warm",
    "opening",
    "voting",
    "measuring",
    "sessions",
    "diagnosis",
    "ui",
    "chat",
    "api",
    "serving",
    "commands",
    "cli",
    "__main__",
)
#: All that some rooms may reach, directly or through others: screens and files know no engine.
REACHES = {
    "sessions": {"language", "errors", "conversation", "kv_state", "units", "config", "events"},
    "ui": {
        "language",
        "errors",
        "conversation",
        "units",
        "config.options",
        "config.loading_options",
        "config.asking_options",
        "config.replying_options",
        "config.number_kinds",
        "config.option",
        "config.kinds",
        "config.keys",
        "config.theme",
        "answers.boxed",
        "events",
    },
}
#: The only rooms and modules that may know a library.
KNOWN_BY = {
    "bs4": {"attachments.converter"},
    "filelock": {"config.user_files", "hub.layout", "sessions"},
    "httpx2": {"attachments.web", "hub", "endpoints.client", "endpoints.faults"},
    "huggingface_hub": {"hub"},
    "jinja2": {"prompts.template_sandbox"},
    "jsonschema": {"replies.json_validation", "serving.schemas"},
    "llama_cpp": {"engine"},
    "mammoth": {"attachments.converter"},
    "markdown_it": {"sessions.export", "ui.markdown"},
    "markdownify": {"attachments.converter"},
    "math_verify": {"answers.algebra"},
    "pathspec": {"attachments.ignoring"},
    "platformdirs": {"config.paths", "cli.error_handler"},
    "prompt_toolkit": {"ui"},
    "psutil": {"confined.process", "machine.hardware"},
    "pypdf": {"attachments.converter"},
    "referencing": {"replies.json_validation"},
    "pygments": {"ui"},
    "rich": {"ui"},
    "starlette": {"serving.app", "serving.connection", "serving.guard", "serving.server"},
    "sympy": {"answers.algebra"},
    "tomlkit": {"config.editing"},
    "typer": {"cli"},
    "uvicorn": {"serving.server"},
    "wcwidth": {"ui.cells"},
}


def module_name(path: Path) -> str:
    """A module's dotted name within the package; that of its folder for an `__init__`."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in SOURCES}


@cache
def imported_names(module: str) -> frozenset[str]:
    """Dotted names that a module imports, also within functions."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(MODULES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


@cache
def imported_modules(module: str) -> frozenset[str]:
    """Modules of the package that a module imports; a package counts only as `from it import x`."""
    found = set()
    for name in imported_names(module):
        package, _, rest = name.partition(".")
        if package == "r1local":
            found.add(rest if rest in MODULES else rest.rpartition(".")[0])
    return frozenset(found - {module, ""})


def closure(module: str) -> set[str]:
    """Everything that importing a module may load of the package."""
    reached, waiting = set[str](), [module]
    while waiting:
        for each in imported_modules(waiting.pop()) - reached:
            reached.add(each)
            waiting.append(each)
    return reached


def within(module: str, rooms: set[str]) -> bool:
    return any(module == room or module.startswith(f"{room}.") for room in rooms)


#: Those to whom every engine is the same, and what only `opening` and engines themselves may know.
KNOW_NO_ENGINE = {
    "chat",
    "commands.run",
    "commands.vote",
    "commands.chat",
    "voting",
    "sessions",
    "serving",
}
OF_ENGINES = {
    "endpoints",
    "engine",
    "models.loading",
    "replies.generation",
    "replies.local",
    "replies.request",
    "replies.scheduler",
    "warm.engine",
    "warm.starting",
}


@pytest.mark.parametrize("module", [module for module in MODULES if within(module, KNOW_NO_ENGINE)])
def test_nobody_above_knows_which_engine_replies(module: str) -> None:
    assert {each for each in imported_modules(module) if within(each, OF_ENGINES)} == set()


def test_the_protocol_loads_no_llama_cpp() -> None:
    code = "import sys, r1local.replies.engine; assert 'llama_cpp' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("module", ["replies.engine", "replies.abilities"])
def test_the_protocol_of_an_engine_knows_none(module: str) -> None:
    assert {each for each in closure(module) if within(each, OF_ENGINES - {"engine"})} == set()


def test_every_room_has_a_floor() -> None:
    assert {module.partition(".")[0] for module in MODULES} - {""} == set(FLOORS)


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_down(module: str) -> None:
    # The package's own module has the names of the Python API, which nobody below may use.
    floor = FLOORS.index(module.partition(".")[0] or "api")
    rooms = {each.partition(".")[0] for each in imported_modules(module)}
    assert {room for room in rooms if FLOORS.index(room) > floor} == set()


@pytest.mark.parametrize("module", MODULES)
def test_no_module_reaches_itself(module: str) -> None:
    assert module not in closure(module)


@pytest.mark.parametrize("module", [module for module in MODULES if within(module, set(REACHES))])
def test_screens_and_sessions_know_events_and_plain_values_alone(module: str) -> None:
    room = module.partition(".")[0]
    assert {each for each in closure(module) if not within(each, REACHES[room] | {room})} == set()


# The package's own has the names of the Python API; tests/api/test_interface.py is about those.
@pytest.mark.parametrize(
    "module", [m for m, path in MODULES.items() if path.stem == "__init__" and m]
)
def test_packages_hold_no_code(module: str) -> None:
    body = ast.parse(MODULES[module].read_text(encoding="utf-8")).body
    assert body
    assert all(isinstance(node, ast.Expr) for node in body)


@pytest.mark.parametrize("module", MODULES)
def test_libraries_are_known_in_one_room(module: str) -> None:
    libraries = {name.partition(".")[0] for name in imported_names(module)}
    assert {lib for lib in libraries if not within(module, KNOWN_BY.get(lib, {module}))} == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["run"],
        ["pull"],
        ["list"],
        ["bench"],
        ["sessions"],
        ["sessions", "search"],
        ["doctor"],
        ["ps"],
    ],
)
def test_help_is_light(arguments: list[str]) -> None:
    code = (
        "import sys; from r1local.__main__ import main\n"
        f"sys.argv = ['r1local', *{arguments}, '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'llama_cpp', 'numpy', 'huggingface_hub', 'prompt_toolkit', 'jinja2', 'psutil'}\n"
        "heavy |= {'jsonschema', 'referencing'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_first_help_waits_for_next_to_nothing() -> None:
    code = (
        "import os, sys; from r1local.__main__ import main\n"
        "sys.argv = ['r1local', '--help']\n"
        "os._exit = lambda code: sys.exit(code)\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'typer', 'pydantic', 'rich'}\n"
        "heavy |= {'r1local.config.options', 'r1local.config.user_files'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


@pytest.mark.parametrize("words", [["run", "-m", ""], ["sessions", "show", ""], ["pull", ""]])
def test_completion_is_light(words: list[str]) -> None:
    code = (
        "import sys; from r1local.cli.completing import print_completions\n"
        f"print_completions(['fish', *{words}])\n"
        "heavy = {'llama_cpp', 'numpy', 'huggingface_hub', 'httpx2', 'jinja2', 'psutil'}\n"
        "heavy |= {'pydantic', 'rich', 'prompt_toolkit', 'filelock', 'jsonschema'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_a_plain_question_waits_for_nothing_it_does_not_need() -> None:
    code = (
        "import sys; from r1local.cli.plain import plain_command\n"
        "assert plain_command(['run', 'Hi']) and plain_command(['list'])\n"
        "import r1local.commands.run\n"
        "heavy = {'typer', 'pydantic', 'rich', 'jinja2', 'jsonschema', 'wcwidth'}\n"
        "heavy |= {'pypdf', 'mammoth', 'markdownify', 'bs4', 'pathspec'}\n"
        "assert not heavy & sys.modules.keys(), heavy & sys.modules.keys()\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


#: What neither `list` nor a question needs in a pipe: whole rooms, modules and libraries. The
#: libraries of Python's own take 1 to 5 ms each.
UNNEEDED = {
    *("r1local.api", "r1local.attachments", "r1local.chat", "r1local.diagnosis"),
    *("r1local.endpoints", "r1local.serving", "r1local.sessions", "r1local.voting", "r1local.warm"),
    *("r1local.events.vote", "r1local.hub.client", "r1local.replies.structured_output"),
    *("r1local.ui.attention", "r1local.ui.live_rows", "r1local.ui.replies.thinking"),
    *("asyncio", "concurrent", "difflib", "gettext", "logging", "statistics"),
    *("filelock", "huggingface_hub", "jsonschema", "prompt_toolkit", "pydantic", "pygments"),
    *("markdown_it", "rich", "typer", "wcwidth"),
}


@pytest.mark.parametrize(
    "arguments, needed, unneeded",
    [
        (["list"], "r1local.ui.tables", {"hashlib", "jinja2", "platform", "r1local.replies"}),
        (["run", "-m", "nano", "--max-tokens", "1", "Hi"], "jinja2", set[str]()),
        (["run", "--max-tokens", "1", "Hi", "-m"], "r1local.replies.local", {"jinja2"}),
    ],
    ids=["list", "nano", "a model with a template that nobody has read"],
)
def test_a_command_in_a_pipe_imports_nothing_that_it_does_not_need(
    arguments: list[str], needed: str, unneeded: set[str], scripted: Scripted
) -> None:
    if arguments[-1] == "-m":
        arguments = [*arguments, str(scripted("Yes."))]
    code = (
        "import os, sys; before, leave = set(sys.modules), os._exit\n"
        "def tell(code): print(*(sys.modules.keys() - before)); sys.stdout.flush(); leave(code)\n"
        "os._exit = tell\n"
        "from r1local.__main__ import main\n"
        f"sys.argv = ['r1local', *{arguments}]\n"
        "main()\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    imported = set(told.stdout.splitlines()[-1].split())
    assert needed in imported
    assert {each for each in imported if within(each, UNNEEDED | unneeded)} == set()


def test_what_a_reply_needs_is_there_to_be_imported() -> None:
    names = {*run._NEEDED_TO_REPLY, *run._NEEDED_ON_A_TERMINAL, *run._NEEDED_FOR_MARKDOWN}
    nano = read_gguf(PACKAGE / "nano.gguf").chat_template
    names |= set(TemplateProgram(nano or "").modules)
    assert len(names) > len(run._NEEDED_TO_REPLY)
    assert {name.removeprefix("r1local.") for name in names} <= MODULES.keys()
