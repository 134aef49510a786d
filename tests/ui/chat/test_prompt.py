"""What people type in: pastes that stay whole, history, and completion."""

from functools import partial
from pathlib import Path

import pytest
from prompt_toolkit.completion import CompleteEvent
from prompt_toolkit.document import Document
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.layout import BufferControl
from prompt_toolkit.layout.processors import TransformationInput

from r1local.ui.chat.prompt import Pastes, SlashCompleter, VisibleInput, Words, history_in


def test_short_pastes_are_shown_and_long_ones_named() -> None:
    pastes = Pastes()
    assert pastes.shown("a\r\nb\rc") == "a\nb\nc"
    long, lines = "x" * 2001, "\n" * 31
    shown = f"{pastes.shown(long)} and {pastes.shown(lines)}"
    assert shown == "[paste 1: 2,001 characters] and [paste 2: 31 characters]"
    assert pastes.whole(shown) == f"{long} and {lines}"
    assert pastes.whole("[paste 3: 9 characters]") == "[paste 3: 9 characters]"


def test_what_was_pasted_is_not_searched_for_other_pastes() -> None:
    pastes = Pastes()
    nested = "[paste 2: 2,001 characters]" + "y" * 2000
    first, second = pastes.shown(nested), pastes.shown("x" * 2001)
    assert pastes.whole(first) == nested
    assert pastes.whole(second + first) == "x" * 2001 + nested


@pytest.fixture
def completer(tmp_path: Path) -> SlashCompleter:
    for name in ("two words.txt", "数学.md", "src/a.py", "src/b.py", "src/notes/c.py", ".hidden"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    told = {"resume": "go on", "rename": "give a name", "file": "send files"}
    words = {
        "resume": {"primes": "Which numbers?", "evil\x1b[2J": "\u202e"},
        "set": {"effort": "how hard", "effort low": "", "effort high": "", "seed": "of luck"},
        "model": {"nano": ""},
        "file": {"-1": "two words.txt", "none": ""},
    }
    arguments: dict[str, Words] = {name: partial(dict, each) for name, each in words.items()}
    return SlashCompleter(told, arguments, ("file",), ("model",))


def completed(completer: SlashCompleter, text: str) -> list[str]:
    document = Document(text)
    return [each.text for each in completer.get_completions(document, CompleteEvent())]


def test_commands_and_arguments_are_completed(completer: SlashCompleter, tmp_path: Path) -> None:
    assert completed(completer, "/re") == ["resume", "rename"]
    assert completed(completer, "/resume p") == ["primes"]
    assert completed(completer, f"/model {tmp_path}/two") == [f"{tmp_path}/two words.txt"]
    assert completed(completer, "/model n") == ["nano"]
    assert completed(completer, "/resume WHICH num") == ["primes"]
    assert completed(completer, "/set ") == ["effort", "seed"]
    assert completed(completer, "/set effort ") == ["effort low", "effort high"]
    for text in ("re", "what /re", "a\n/re", "/rename p", "/nonsense "):
        assert completed(completer, text) == []


def test_paths_are_completed_as_words_of_a_line(
    completer: SlashCompleter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    here = ["src/", "'two words.txt'", "数学.md"]
    assert completed(completer, "/file ") == ["-1", "none", *here]
    assert completed(completer, "/file -") == ["-1"]
    assert completed(completer, "/file 'two words.txt' s") == ["src/"]
    for typed in ("two", "'two w", '"two w', "two\\ w", "'two w'o"):
        assert completed(completer, f"/file src {typed}") == ["'two words.txt'"]
    assert completed(completer, "/file src/") == ["src/a.py", "src/b.py", "src/notes/"]
    assert completed(completer, "/file ~/s") == ["~/src/"]
    assert completed(completer, "/file ~/src/a") == ["~/src/a.py"]
    assert completed(completer, "/file ~/two") == ["'~/two words.txt'"]
    assert completed(completer, "/file .h") == [".hidden"]
    assert completed(completer, "/file nosuch/ x/y '") == here
    assert completed(completer, "/file \0/") == []


def test_a_pattern_completes_to_itself_and_to_each_file(
    completer: SlashCompleter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert completed(completer, "/file src/*.py") == ["src/*.py", "src/a.py", "src/b.py"]
    assert completed(completer, "/file ~/src/[a]*") == ["~/src/[a]*", "~/src/a.py"]
    assert completed(completer, "/file t*") == ["t*", "'two words.txt'"]
    pattern, *_files = completer.get_completions(Document("/file src/*.py"), CompleteEvent())
    assert pattern.display_meta_text == "2 files"
    (tmp_path / "a[1].txt").touch()
    assert completed(completer, "/file a[") == ["a[1].txt"]
    for none in ("*.rs", "src/**", "[", "nosuch/*"):
        assert completed(completer, f"/file {none}") == []


def test_names_in_the_menu_are_harmless(completer: SlashCompleter) -> None:
    (found,) = completer.get_completions(Document("/resume ev"), CompleteEvent())
    assert "\x1b" not in found.display_text and "\u202e" not in found.display_meta_text


def test_the_input_shows_what_hides() -> None:
    document = Document("a\u202eb❤\ufe0f")
    fragments: StyleAndTextTuples = [("", document.text)]
    shown = VisibleInput().apply_transformation(
        TransformationInput(BufferControl(), document, 0, lambda place: place, fragments, 80, 1)
    )
    assert "".join(text for _, text, *_ in shown.fragments) == "a<U+202E>b❤\ufe0f"
    places = [shown.source_to_display(place) for place in range(6)]
    assert places == [0, 1, 9, 10, 11, 12]
    assert [shown.display_to_source(place) for place in (0, 1, 5, 9, 10)] == [0, 1, 1, 2, 3]


def test_history_is_private_and_holds_whole_pastes(tmp_path: Path) -> None:
    path, pastes = tmp_path / "state" / "history", Pastes()
    history = history_in(path, pastes)
    shown = pastes.shown("word " * 500)
    history.store_string(f"read {shown}")
    history.store_string(f"read {pastes.shown('word ' * 50_000)}")
    assert list(history_in(path, Pastes()).load_history_strings()) == ["read " + "word " * 500]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_history_that_cannot_be_written_is_memory(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    history = history_in(tmp_path / "state" / "history", Pastes())
    history.append_string("a question")
    assert history.get_strings() == ["a question"]
    kept = history_in(tmp_path / "history", Pastes())
    (tmp_path / "history").unlink()
    (tmp_path / "history").mkdir()
    kept.append_string("a question")
    assert kept.get_strings() == ["a question"]
