"""AMX code that a compiler broke is known by the compiler's name, and not run."""

from pathlib import Path

import pytest

from r1local.engine.amx import compiled_wrongly


@pytest.mark.parametrize(
    ("comment", "wrongly"),
    [
        (b"GCC: (Debian 12.2.0-14+deb12u1) 12.2.0", True),
        (b"GCC: (Ubuntu 11.4.0-1ubuntu1~22.04) 11.4.0", True),
        (b"GCC: (Ubuntu 13.2.0-23ubuntu4) 13.2.0", True),
        (b"GCC: (Ubuntu 13.3.0-6ubuntu2~24.04) 13.3.0", False),
        (b"GCC: (GNU) 14.1.1 20240522", False),
        (b"GCC: (GNU) 14.1.1\0GCC: (GNU) 12.2.0", True),
        (b"Ubuntu clang version 18.1.3 (1ubuntu1)", False),
        (b"", False),
    ],
)
def test_the_compiler_decides(comment: bytes, wrongly: bool, tmp_path: Path) -> None:
    library = tmp_path / "libggml-cpu.so"
    library.write_bytes(b"\x7fELF" + bytes(100) + comment + b"\0" + bytes(100))
    assert compiled_wrongly(library) == wrongly
