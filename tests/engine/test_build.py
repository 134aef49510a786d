"""How llama.cpp was built, as a process of its own says."""

import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from r1local.engine.build import Build, Device, build, build_of, compilers


def test_the_process_says_what_is() -> None:
    command = [sys.executable, "-m", "r1local.engine.build"]
    printed = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    found = build_of(json.loads(printed))
    assert found == build()
    assert "CPU" in found.backends
    assert found.package.startswith("0.")


def test_devices_survive_json() -> None:
    device = Device("NVIDIA H200", "CUDA", 1, 2)
    made = Build("0.3.36", "0.5.0", ("CUDA", "CPU"), ("AVX2",), (), ("GCC 13.3",), True, (device,))
    assert build_of(json.loads(json.dumps(asdict(made)))) == made


def test_a_llama_cpp_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "llama_cpp"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "llama_cpp.py").write_text("raise OSError('libllama.so: cannot open')")
    path = f"{tmp_path}:{Path(__file__).parents[2]}"
    monkeypatch.setenv("PYTHONPATH", path)
    command = [sys.executable, "-m", "r1local.engine.build"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert told["error"] == "llama.cpp's library can't be loaded"
    assert "libllama.so: cannot open" in told["hint"]


@pytest.mark.parametrize(
    ("comment", "named"),
    [
        (b"GCC: (Debian 12.2.0-14+deb12u1) 12.2.0", ("GCC 12.2.0",)),
        (b"Ubuntu clang version 18.1.3 (1ubuntu1)", ("clang 18.1.3",)),
        (b"GCC: (GNU) 14.1.1\0GCC: (GNU) 14.1.1\0GCC: (GNU) 9.4", ("GCC 14.1.1", "GCC 9.4")),
        (b"", ()),
    ],
)
def test_compilers(comment: bytes, named: tuple[str, ...], tmp_path: Path) -> None:
    (tmp_path / "libggml-cpu.so").write_bytes(b"\x7fELF" + comment + b"\0")
    assert compilers(tmp_path) == named


def test_no_library_names_no_compiler(tmp_path: Path) -> None:
    assert compilers(tmp_path) == ()
