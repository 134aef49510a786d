"""What the system says of its processor."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from r1local.engine.build import build
from r1local.machine import processor
from r1local.machine.processor import processor_features, processor_name
from testing.programs import fake_programs

XEON = "model name\t: Intel(R)  Xeon(R) Platinum\nflags\t\t: fpu pni avx avx2 fma amx_int8\n"
ARM = "processor\t: 0\nFeatures\t: fp asimd asimddp i8mm\n"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    processor._cpuinfo.cache_clear()
    yield
    processor._cpuinfo.cache_clear()


def says(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cpuinfo").write_text(text)
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "cpuinfo")


def test_intel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(XEON, tmp_path, monkeypatch)
    features = processor_features()
    assert processor_name() == "Intel(R) Xeon(R) Platinum"
    assert {name for name, has in features.items() if has} == {
        *("SSE3", "AVX", "AVX2", "FMA", "AMX_INT8")
    }
    assert features["AVX512"] is False
    assert "NEON" not in features


def test_arm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    says(ARM, tmp_path, monkeypatch)
    features = processor_features()
    assert {name for name, has in features.items() if has} == {
        *("NEON", "ARM_FMA", "DOTPROD", "MATMUL_INT8")
    }
    assert "AVX" not in features


@pytest.mark.skipif(sys.platform == "win32", reason="sysctl is a shell script here")
def test_macos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "none")
    monkeypatch.setattr(sys, "platform", "darwin")
    lines = "hw.optional.arm.FEAT_DotProd: 1\nhw.optional.arm.FEAT_SME: 0\nhw.optional.x: 1\n"
    fake_programs(tmp_path / "bin", monkeypatch).says("sysctl", lines)
    assert processor_features() == {"DOTPROD": True, "SME": False}


def test_a_system_that_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "_CPUINFO", tmp_path / "none")
    assert processor_features() == {}
    assert processor_name()


@pytest.mark.skipif(sys.platform != "linux", reason="reads Linux's /proc")
def test_this_processor_has_what_runs_on_it() -> None:
    features = processor_features()
    assert all(features.get(each, True) for each in build().features)
