"""Variables that look like r1local's own."""

import pytest

from r1local.cli.variables import warn_of_unknown_variables


def test_an_unknown_variable_is_told_with_the_one_that_was_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("R1LOCAL_TOP_K", "5")
    monkeypatch.setenv("R1LOCAL_TEMPERATUR", "1")
    monkeypatch.setenv("R1LOCAL_XYZZY", "1")
    warn_of_unknown_variables()
    assert capsys.readouterr().err == (
        "R1LOCAL_TEMPERATUR has no effect: did you mean R1LOCAL_TEMPERATURE?\n"
        "R1LOCAL_XYZZY has no effect: r1local config lists what there is\n"
    )


def test_nothing_is_said_without_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("R1LOCAL_MODEL", "nano")
    warn_of_unknown_variables()
    assert capsys.readouterr().err == ""
