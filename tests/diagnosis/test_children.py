"""Results of modules that run in processes of their own, and how those die."""

import os
import sys
from pathlib import Path

import pytest

from r1local.config.paths import config_file
from r1local.diagnosis.children import Died, result_of
from testing.command import ROOT
from testing.waiting import PATIENCE_S


@pytest.fixture(autouse=True)
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def outcome(code: str, modules: Path, seconds: float = PATIENCE_S) -> object:
    (modules / "child.py").write_text(f"import os, sys\n{code}\n")
    return result_of("child", "argument", seconds=seconds)


def test_the_last_line_is_the_result(modules: Path) -> None:
    code = "print('other words'); print('{\"a\": [\"%s\"]}' % sys.argv[1])"
    assert outcome(code, modules) == {"a": ["argument"]}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals")
@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("os.abort()", "crashes (SIGABRT)"),
        ("os.kill(os.getpid(), 4)", "crashes (SIGILL)"),
        (
            "print('/build/llama-model.cpp:1: GGML_ASSERT(n > 0) failed', file=sys.stderr)\n"
            "print('more', file=sys.stderr, flush=True); os.abort()",
            "crashes (SIGABRT): GGML_ASSERT(n > 0) failed",
        ),
        ("sys.exit('no such thing')", "ends with exit code 1: no such thing"),
        ("sys.exit(3)", "ends with exit code 3"),
        ("", "ends with exit code 0"),
        ("print('words')", "ends with exit code 0"),
        ("print('[]')", "ends with exit code 0"),
    ],
)
def test_how_it_died(code: str, why: str, modules: Path) -> None:
    assert outcome(code, modules) == Died(why)


def test_what_hangs(modules: Path) -> None:
    found = outcome("import time; time.sleep(6000)", modules, seconds=0.5)
    assert found == Died("hangs: no result within 0 s")


def test_modules_in_the_current_folder_are_not_taken(
    modules: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    trap = tmp_path_factory.mktemp("trap")
    (trap / "json.py").write_text("raise SystemExit(9)")
    monkeypatch.chdir(trap)
    assert outcome("import json; print(json.dumps({'ok': 1}))", modules) == {"ok": 1}


def test_no_python(modules: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(modules / "none"))
    assert outcome("", modules) == Died("no process can be started")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has its own folder for settings")
def test_the_users_settings_are_out_of_reach(
    modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", f"{modules}{os.pathsep}{ROOT}")
    monkeypatch.setenv("R1LOCAL_THREADS", "many")
    config_file().parent.mkdir(parents=True)
    config_file().write_text("vi = 3")
    code = "from r1local.config.preferences import settings_in_force\n"
    code += "print('{\"set\": %d}' % len(settings_in_force()))"
    assert outcome(code, modules) == {"set": 0}
