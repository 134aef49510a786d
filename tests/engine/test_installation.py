"""The command that builds llama.cpp again."""

import importlib.util
import shlex
import sys

import pytest

from r1local.engine.installation import reinstall_command


@pytest.mark.skipif(sys.platform == "win32", reason="PowerShell's command is another one")
def test_the_command_is_for_this_python() -> None:
    command = reinstall_command("-DGGML_CUDA=on", "CC=gcc-14 CXX=g++-14")
    words = shlex.split(command)
    assert words[:3] == ["CC=gcc-14", "CXX=g++-14", "CMAKE_ARGS=-DGGML_CUDA=on"]
    assert words[3:7] == [sys.executable, "-m", "pip", "install"]
    assert words[-1].startswith("llama-cpp-python")
    assert ">=0.3.36" in words[-1]


def test_environments_without_pip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setattr(sys, "platform", "linux")
    assert reinstall_command().startswith(f"uv pip install --python {shlex.quote(sys.executable)}")


def test_powershell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert reinstall_command("-DGGML_CUDA=on").startswith('$env:CMAKE_ARGS = "-DGGML_CUDA=on"; & ')
    assert reinstall_command().startswith("& ")
