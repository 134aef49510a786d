"""Every example of docs/api.md, run as it stands."""

import doctest

from testing.command import ROOT


def test_the_examples_do_what_they_show() -> None:
    found = doctest.testfile(str(ROOT / "docs" / "api.md"), module_relative=False)
    assert found.attempted > 20
    assert not found.failed
