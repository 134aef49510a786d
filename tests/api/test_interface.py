"""The interface that semantic versioning applies to: changing signatures.txt is a decision."""

import inspect
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import is_dataclass
from pathlib import Path

import pytest

import r1local
from r1local.api.options import ModelOptions, ReplyOptions, VoteOptions
from r1local.config.options import in_group
from testing.command import ROOT

SIGNATURES = Path(__file__).with_name("signatures.txt")


def shown(name: str, each: object) -> Iterator[str]:
    """The lines that describe one name of the interface."""
    if not inspect.isclass(each):
        yield f"{name}{inspect.signature(each)}"  # type: ignore[arg-type]
        return
    yield f"{name}{inspect.signature(each) if is_dataclass(each) else ''}"
    for member in sorted(vars(each) if is_dataclass(each) else dir(each)):
        value = inspect.getattr_static(each, member)
        if member.startswith("_") or member in dir(Exception):
            continue
        if isinstance(value, property):
            yield f"  {name}.{member}: {inspect.signature(value.fget).return_annotation}"  # type: ignore[arg-type]
        elif callable(value) or isinstance(value, staticmethod | classmethod):
            yield f"  {name}.{member}{inspect.signature(getattr(each, member))}"


def test_signatures_stay_as_they_are_written_down() -> None:
    lines = [line for name in r1local.__all__ for line in shown(name, getattr(r1local, name))]
    for options in (ReplyOptions, VoteOptions, ModelOptions):
        lines += [
            f"{options.__name__}.{key}: {kind}" for key, kind in options.__annotations__.items()
        ]
    assert "\n".join(lines) + "\n" == SIGNATURES.read_text(encoding="utf-8")


def test_every_option_of_replies_votes_and_loading_is_an_argument() -> None:
    keys = {each.key for group in ("reply", "loading", "vote") for each in in_group(group)}
    assert keys - ModelOptions.__annotations__.keys() == {"votes"}
    assert ModelOptions.__annotations__.keys() - keys == {"system"}


def test_importing_it_loads_nothing_but_itself() -> None:
    code = "import sys, r1local; print([m for m in sys.modules if m.startswith('r1local')])"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert loaded.stdout.strip() == "['r1local']"


def test_type_checkers_see_every_name(tmp_path: Path) -> None:
    names = "\n".join(f"reveal_type(r1local.{name})" for name in r1local.__all__)
    program = tmp_path / "program.py"
    program.write_text(f"import r1local\n{names}\n", encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--no-incremental", "--follow-imports=silent"]
    seen = subprocess.run(
        [*command, "--config-file=", str(program)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
        env={"PATH": "", "HOME": str(tmp_path)},
    )
    assert 'Revealed type is "Any"' not in seen.stdout
    assert seen.stdout.count("Revealed type") == len(r1local.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'reply_to'"):
        r1local.reply_to  # noqa: B018
    assert {"load", "Model"} <= set(dir(r1local))
