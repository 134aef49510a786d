"""The results of verifying files are whole in every language."""

from pathlib import Path

import pytest

from r1local import language
from r1local.ui.cells import cell_len
from r1local.ui.models.verification import print_verified
from testing.terminals import Terminal, console_on


@pytest.mark.parametrize(("code", "said"), [("en", "no checksum"), ("ja", "チェックサムなし")])
def test_a_result_is_whole_and_files_stand_below_each_other(
    code: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal(60, 4)
    console = console_on(terminal, monkeypatch)
    language.use(code)
    try:
        print_verified(console, "no checksum", "nano", Path("nano.gguf"))
        print_verified(console, "ok", "nano", Path("nano.gguf"))
    finally:
        language.use("en")
    first, second = terminal.rows[:2]
    assert first.split() == [*said.split(), "nano", "nano.gguf"]
    first_column, second_column = (cell_len(row.partition("nano")[0]) for row in (first, second))
    assert first_column == second_column
