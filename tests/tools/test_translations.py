"""Translated pages keep step with the English ones, and what doesn't is found."""

from pathlib import Path

import pytest

from tools.translations import differences, faults, main, parsed

ORIGINAL = """# Chat

English | [日本語](ja/chat.md)

Type `/help`, or read [votes](votes.md).

```console
$ r1local chat --resume    # the last one
$ r1local chat             # a new one
```

## Keys

| key | does |
|---|---|
| `F1` | help |

- one
- two
"""
TRANSLATION = """# チャット

[English](../chat.md) | 日本語

[投票](votes.md#集計)を読むか、`/help` と入力してください。

```console
$ r1local chat --resume  # 最後のセッション
$ r1local chat  # 新しいセッション
```

## キー

| キー | 働き |
|---|---|
| `F1` | ヘルプ |

- ひとつ
- ふたつ
"""


def test_translations_are_in_step(capsys: pytest.CaptureFixture[str]) -> None:
    assert main() == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("## キー", "キー", "a table row in line 14 instead of a heading (h2) in line 12"),
        ("## キー", "### キー", "a heading (h3) in line 12 instead of a heading (h2) in line 12"),
        ("--resume", "--rename", "a block of console in line 7 instead of a block of console"),
        ("```console", "```text", "a block of text in line 7 instead of a block of console"),
        ("| `F1` | ヘルプ |\n", "", "`F1` is missing"),
        ("- ふたつ\n", "", "the end instead of a list item in line 19"),
        ("- ひとつ", "## 付録\n\n- ひとつ", "a heading (h2) in line 18 instead of a list item"),
        ("`/help`", "`/hilfe`", "`/hilfe` isn't in the original"),
        ("[English](../chat.md) | ", "", "doesn't link to"),
        ("votes.md#集計", "vote.md", "vote.md doesn't exist"),
        ("votes.md#集計", "votes.md#票", "is no heading there"),
        ("votes.md#集計", "../votes.md", "../votes.md should lead to votes.md"),
    ],
)
def test_what_is_out_of_step_is_found(old: str, new: str, told: str, tmp_path: Path) -> None:
    assert old in TRANSLATION
    assert list(_faults(tmp_path, TRANSLATION)) == []
    assert told in "\n".join(_faults(tmp_path, TRANSLATION.replace(old, new)))


def test_only_comments_of_code_may_differ() -> None:
    original = parsed("```toml\n# why\ncolour = '#fff'  # white\n```")
    assert not list(differences(original, parsed("```toml\n# 理由\ncolour = '#fff' # 白\n```")))
    assert list(differences(original, parsed("```toml\n# 理由\ncolour = '#eee' # 白\n```")))


def test_a_page_that_is_not_there_is_told(tmp_path: Path) -> None:
    page = tmp_path / "none.md"
    assert list(faults(page, page, {})) == [f"{page} doesn't exist"]


def _faults(root: Path, translation: str) -> list[str]:
    pages = {root / f"{name}.md": root / "ja" / f"{name}.md" for name in ("chat", "votes")}
    (root / "ja").mkdir(exist_ok=True)
    for original, translated in pages.items():
        original.write_text(ORIGINAL, encoding="utf-8")
        translated.write_text("# 集計\n", encoding="utf-8")
    page = root / "ja" / "chat.md"
    page.write_text(translation, encoding="utf-8")
    return list(faults(root / "chat.md", page, pages))
