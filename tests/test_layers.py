"""The house's laws: imports go down only, and the door is light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "r1local"

#: Rooms by layer; a room may import rooms of lower layers, or of its own without a cycle.
LAYERS: dict[str, int] = {
    "__init__": 0,
    "errors": 0,
    "events": 0,
    "conversation": 0,
    "control": 0,
    "settings": 0,
    "thinking": 1,
    "thought_limits": 1,
    "reply_text": 1,
    "loop_guard": 1,
    "json_schema": 1,
    "json_validation": 1,
    "schema_shapes": 1,
    "special_tokens": 1,
    "template_sandbox": 1,
    "answers": 1,
    "maths_answers": 1,
    "tally": 1,
    "kept_reply": 1,
    "chat_template": 1,
    "catalog": 1,
    "costs": 1,
    "documents": 1,
    "quantization": 1,
    "references": 1,
    "gguf_format": 1,
    "gguf_check": 1,
    "gguf_file": 1,
    "gguf_header": 1,
    "offload": 1,
    "paths": 1,
    "preferences": 1,
    "streams": 1,
    "hardware": 2,
    "hub": 2,
    "download": 2,
    "store": 2,
    "symbolic_answers": 2,
    "engine": 2,
    "fit": 3,
    "generation": 3,
    "reply_settings": 3,
    "reply_stream": 3,
    "ballots": 3,
    "votes": 3,
    "structured_output": 3,
    "hub_models": 3,
    "selection": 3,
    "loading": 3,
    "interruption": 3,
    "sessions": 3,
    "dialogue": 3,
    "ui": 4,
    "commands": 5,
    "boundary": 6,
    "cli": 6,
    "__main__": 6,
}
#: The only rooms that may know a library.
KNOWN_BY = {
    "filelock": {"hub", "sessions"},
    "httpx2": {"hub"},
    "huggingface_hub": {"hub"},
    "llama_cpp": {"engine"},
    "jinja2": {"template_sandbox"},
    "jsonschema": {"json_validation"},
    "referencing": {"json_validation"},
    "math_verify": {"symbolic_answers"},
    "markdown_it": {"sessions", "ui"},
    "prompt_toolkit": {"ui"},
    "platformdirs": {"boundary", "paths"},
    "pygments": {"ui"},
    "typer": {"cli"},
    "rich": {"ui"},
    "psutil": {"hardware"},
}


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports_of(path: Path) -> set[str]:
    """Dotted names of the modules a file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def rooms_imported(path: Path) -> set[str]:
    parts = (name.split(".") for name in imports_of(path) if name.startswith("r1local."))
    rooms = {part[1] for part in parts}
    return {room for room in rooms if room in LAYERS} - {room_of(path)}


SOURCES = sorted(PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    layer = LAYERS[room_of(path)]
    assert not {room for room in rooms_imported(path) if LAYERS[room] > layer}


def test_there_are_no_cycles() -> None:
    graph: dict[str, set[str]] = {}
    for path in SOURCES:
        graph.setdefault(room_of(path), set()).update(rooms_imported(path))
    while leaves := {room for room, needed in graph.items() if not needed & graph.keys()}:
        for room in leaves:
            del graph[room]
    assert not graph


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_libraries_are_known_in_one_room(path: Path) -> None:
    libraries = {name.split(".")[0] for name in imports_of(path)}
    for library, rooms in KNOWN_BY.items():
        assert library not in libraries or room_of(path) in rooms


@pytest.mark.parametrize(
    "arguments", [[], ["run"], ["pull"], ["list"], ["sessions"], ["sessions", "search"]]
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
