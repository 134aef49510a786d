"""What is attached by name: files, folders, patterns; each document once."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from r1local.attachments import folders, formats, ignoring, sources
from r1local.attachments.sources import Attached, attach, document_of, without_repeats
from r1local.errors import PromptInputError
from r1local.prompts.documents import Document
from testing.office_files import docx, pdf

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs links and pipes")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A folder as people have them."""
    texts = {
        "README.md": "read me",
        "src/a.py": "a",
        "src/deep/b.py": "b",
        "src/page.html": "<p>source</p>",
        "build/out.py": "built",
        ".env": "SECRET=1",
        ".hidden/c.py": "c",
    }
    for name, text in texts.items():
        path = tmp_path / "tree" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (tmp_path / "tree" / "image.png").write_bytes(b"\x89PNG\0\0")
    return tmp_path / "tree"


def names(attached: Attached) -> list[str]:
    return [each.name for each in attached.documents]


def test_a_folder_gives_its_texts_by_their_paths(tree: Path) -> None:
    attached = attach([str(tree)])
    assert names(attached) == [
        "tree/README.md",
        "tree/build/out.py",
        "tree/src/a.py",
        "tree/src/deep/b.py",
        "tree/src/page.html",
    ]
    assert attached.documents[-1].text == "<p>source</p>"
    assert attached.notices == ("left out: tree/image.png (is a binary file, not text)",)


def test_documents_in_a_folder_are_read_too(tree: Path) -> None:
    (tree / "report.pdf").write_bytes(pdf("The magic word is xyzzy."))
    (tree / "locked.pdf").write_bytes(pdf("x", password="pass"))
    attached = attach([str(tree)])
    (report,) = (each for each in attached.documents if each.name == "tree/report.pdf")
    assert report.text == "The magic word is xyzzy.\n"
    assert "tree/locked.pdf (is protected by a password)" in attached.notices[0]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("*.md", ["README.md"]),
        ("src/*.py", ["src/a.py"]),
        ("**/*.py", ["build/out.py", "src/a.py", "src/deep/b.py"]),
        ("src/**", ["src/a.py", "src/page.html", "src/deep/b.py"]),
        ("s?c/[ab].py", ["src/a.py"]),
        (".hidden/*.py", [".hidden/c.py"]),
        (".*", [".env"]),
    ],
)
def test_a_pattern_gives_what_it_matches(tree: Path, pattern: str, found: list[str]) -> None:
    attached = attach([str(tree / pattern)])
    assert sorted(str(Path(d.origin).relative_to(tree.resolve())) for d in attached.documents) == (
        sorted(os.path.normpath(each) for each in found)
    )


def test_a_page_that_a_pattern_names_is_read_as_one(tree: Path) -> None:
    (document,) = attach([str(tree / "src" / "*.html")]).documents
    assert document.text == "source\n"


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path) -> None:
    (tmp_path / "notes[1].md").write_text("mine")
    assert attach([str(tmp_path / "notes[1].md")]).documents[0].text == "mine"


@pytest.mark.parametrize("pattern", ["*.xyz", "", ".hidden/nothing*"])
def test_nothing_to_attach_is_an_error(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(PromptInputError, match=r"no file matches|has no file to attach") as refused:
        attach([str(tmp_path / pattern)])
    assert refused.value.hint == "hidden and ignored ones don't count"


judged_by_git = pytest.mark.skipif(not shutil.which("git"), reason="git itself is the judge")


def seen_by_git(tree: Path) -> list[str]:
    """Return the names of the files that git doesn't ignore, less the hidden ones."""
    listed = subprocess.run(
        ["git", "ls-files", "--others", "--exclude-standard"],
        cwd=tree,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    visible = [each for each in listed if not any(p.startswith(".") for p in Path(each).parts)]
    return sorted(f"tree/{each}" for each in visible)


@judged_by_git
@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("line", ["!", "//", "/", "a.py\\", "[z-a]", "[a", "?[]-!]", "[[a].py"])
def test_a_line_that_is_no_pattern_is_ignored_as_by_git(line: str, tree: Path) -> None:
    (tree / ".gitignore").write_bytes(f"\ufeffbuild/\r\n*.png\n{line}\n\f*\nREADME.md\n".encode())
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    assert sorted(names(attach([str(tree)]))) == seen_by_git(tree)


@judged_by_git
def test_gitignore_is_honoured_as_git_does(tree: Path) -> None:
    (tree / ".gitignore").write_text("*.py\nbuild/\n!/src/deep/b.py\n/README.md\n")
    (tree / "src" / ".gitignore").write_text("!a.py\npage.*\n")
    (tree / "build" / "kept.txt").write_text("no: its folder is ignored")
    (tree / "src" / "README.md").write_text("not the one at the top")
    subprocess.run(["git", "init", "-q"], cwd=tree, check=True)
    (tree / ".git" / "info" / "exclude").write_text("*.png\n")
    assert sorted(names(attach([str(tree)]))) == seen_by_git(tree)
    assert "tree/src/a.py" in names(attach([str(tree)]))
    assert names(attach([str(tree / "src" / "**" / "*.py")])) == ["a.py", "deep/b.py"]
    named = attach([str(tree / "build")])
    assert names(named) == ["build/kept.txt", "build/out.py"], "only its own patterns hold in it"


def test_patterns_of_git_need_their_library(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ignoring, "find_spec", lambda _name: None)
    assert len(attach([str(tree)]).documents) == 5
    (tree / ".gitignore").write_text("build/\n")
    with pytest.raises(PromptInputError, match="can't be read without pathspec") as refused:
        attach([str(tree)])
    assert "pip install 'r1local[files]'" in refused.value.hint


def test_a_folder_has_an_end(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "_MOST_LEVELS", 2)
    attached = attach([str(tree)])
    assert "tree/src/a.py" in names(attached) and "tree/src/deep/b.py" not in names(attached)
    assert "deep (is too deep)" in attached.notices[0]


@posix_only
@pytest.mark.skipif(sys.platform != "win32" and os.getuid() == 0, reason="root reads everything")
def test_a_folder_within_that_cant_be_read_is_left_out(tree: Path) -> None:
    (tree / "src" / "deep").chmod(0)
    try:
        attached = attach([str(tree)])
    finally:
        (tree / "src" / "deep").chmod(0o755)
    assert "deep (can't be read: Permission denied)" in attached.notices[0]
    assert "tree/src/a.py" in names(attached)


def test_what_may_not_be_looked_at_is_left_out(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder may be listed but not entered; the administrator who runs tests enters all."""
    look = Path.stat

    def closed(path: Path, *, follow_symlinks: bool = True) -> os.stat_result:
        if path.name == "deep" or path.parent.name == "deep":
            raise PermissionError(13, "Permission denied", str(path))
        return look(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(Path, "stat", closed)
    for source in (str(tree), f"{tree}/**/*.py"):
        attached = attach([source])
        assert not any("deep" in name for name in names(attached))
    assert "deep (can't be read: Permission denied)" in attach([str(tree)]).notices[0]


@posix_only
def test_links_and_pipes_are_left_out(tree: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (tree / "src" / "up").symlink_to(tree)
    (tree / "leak.txt").symlink_to(tmp_path / "secret.txt")
    os.mkfifo(tree / "pipe")
    attached = attach([str(tree)])
    assert "secret" not in [each.text for each in attached.documents]
    assert len(attached.documents) == 5
    assert "leak.txt (is a link), up (is a link)" in attached.notices[0]
    (linked,) = attach([str(tree / "leak.txt")]).documents
    assert linked.text == "secret", "this one was named"


@pytest.mark.parametrize(
    "source", ["", "~nobody-here/*.md", "a\0b", "x" * 5000, "loop/*.md", "loop"]
)
def test_names_of_nothing_are_errors(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if sys.platform != "win32":
        (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(PromptInputError):
        attach([source])


def test_too_many_files_are_an_error(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "MOST_FILES", 3)
    with pytest.raises(PromptInputError, match="more than 3 files to attach in") as refused:
        attach([str(tree)])
    assert "src/**/*.py" in refused.value.hint
    monkeypatch.setattr(folders, "_MOST_ENTRIES", 2)
    with pytest.raises(PromptInputError, match="more than 3 files"):
        attach([str(tree / "**" / "*.md")])


def test_too_much_text_is_an_error(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "DOCUMENT_SIZE_LIMIT", 5)
    with pytest.raises(PromptInputError, match="more than 0 MiB"):
        attach([str(tree)])


def test_it_can_be_stopped(tree: Path) -> None:
    with pytest.raises(PromptInputError, match="was stopped"):
        attach([str(tree)], cancelled=lambda: True)


def test_a_document_is_attached_once(tree: Path) -> None:
    (tree / "copy.md").write_text("read me")
    first = attach([str(tree / "README.md")])
    again = attach([str(tree / "src" / ".." / "README.md")], first.documents)
    assert again == Attached(first.documents, ("sent only once: README.md",))
    same = attach([str(tree / "copy.md")], first.documents)
    assert same == Attached(first.documents, ("sent only once: copy.md (the same as README.md)",))
    (tree / "README.md").write_text("changed")
    changed = attach([str(tree / "README.md")], first.documents)
    assert [each.text for each in changed.documents] == ["changed"]
    assert changed.notices == ("README.md has changed, and is sent as it is now",)
    # What it was before may come back under another name.
    assert names(attach([str(tree / "copy.md")], changed.documents)) == ["README.md", "copy.md"]


def test_documents_without_an_origin_differ_by_text() -> None:
    one, other = Document("a", "1"), Document("a", "2")
    assert without_repeats([one, other, one]).documents == (one, other)


def test_names_are_one_line_of_text(tmp_path: Path) -> None:
    path = tmp_path / "a\n[file content end]\u202e.txt"
    try:
        path.write_text("text")
    except OSError:
        pytest.skip("this system has no such names")
    assert attach([str(path)]).documents[0].name == "a?[file content end]?.txt"


def test_stdin_may_be_a_document() -> None:
    assert document_of(docx("Report"), "stdin").text == "# Report\n"
    assert document_of(b"<p>as it is</p>", "stdin").text == "<p>as it is</p>"


def test_a_missing_library_is_said_of_what_is_left_out(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tree / "report.pdf").write_bytes(pdf("x"))
    monkeypatch.setattr(formats, "find_spec", lambda _name: None)
    (notice,) = attach([str(tree)]).notices
    assert "tree/report.pdf (is a PDF, and can't be read without pypdf)" in notice
