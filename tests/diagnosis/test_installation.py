"""Versions and llama.cpp's build: each thing that can be wrong has its line."""

from dataclasses import replace

from r1local.diagnosis.children import Died
from r1local.diagnosis.installation import described_build, judged_build, versions_found
from r1local.engine.build import Build

BUILD = Build("0.3.36", "0.5.0", ("CPU",), ("AVX", "AVX2"), (), ("GCC 13.3.0",), False, ())
HAS = {"AVX": True, "AVX2": True, "AVX512": False}


def test_versions() -> None:
    (found,) = versions_found()
    assert found.state == "ok"
    assert "r1local 0." in found.text
    assert "Python 3." in found.text


def test_a_build_that_fits() -> None:
    (found,) = judged_build(BUILD, HAS)
    assert found.state == "ok"
    assert found.text == (
        "0.5.0 (llama-cpp-python 0.3.36) · for CPU · GCC 13.3.0"
        " · all that this processor has: AVX, AVX2"
    )
    assert found.facts["processor_features"] == HAS


def test_a_processor_that_nothing_is_known_of() -> None:
    (found,) = judged_build(replace(BUILD, compilers=()), {})
    assert found.state == "ok"
    assert found.text.endswith("for CPU · compiler unknown · AVX, AVX2")


def test_features_that_were_not_compiled_in() -> None:
    base, found = judged_build(BUILD, HAS | {"AVX512": True})
    assert (base.state, found.state) == ("ok", "warning")
    assert "all that" not in base.text
    assert found.text == "built without AVX512, which this processor has"
    assert "-DGGML_NATIVE=on" in found.command


def test_features_that_the_processor_lacks() -> None:
    _base, found = judged_build(BUILD, HAS | {"AVX2": False})
    assert found.state == "broken"
    assert found.text == "built for AVX2, which this processor lacks"
    assert "--force-reinstall" in found.command


def test_features_that_this_system_does_not_tell_of_are_not_judged() -> None:
    found = list(judged_build(replace(BUILD, features=("AVX", "AVX2", "NEW")), HAS))
    assert [each.state for each in found] == ["ok"]


def test_amx_that_is_left_out() -> None:
    _base, found = judged_build(replace(BUILD, amx_left_out=True), HAS)
    assert found.state == "warning"
    assert "GCC before 13.3" in found.text
    assert found.command.startswith("CC=gcc-14 CXX=g++-14 ")


def test_a_llama_cpp_that_can_not_be_loaded() -> None:
    (found,) = judged_build(Died("it crashes (SIGILL)"))
    assert (found.state, found.text) == ("broken", "llama.cpp can't be loaded: it crashes (SIGILL)")
    assert "--force-reinstall" in found.command


def test_this_build_is_described() -> None:
    found = described_build()
    assert isinstance(found, Build)
    assert "CPU" in found.backends
