"""Check that translated pages keep step with the English ones.

python -m tools.translations    fail if one of them doesn't, and say where

A translation has the headings, code blocks, table rows and list items of the English page, in its
order, and the code spans of it, in any order. Code is the same but for comments (`# …`). Links
lead to what exists, and to a translation where there is one; both pages link to each other.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[1]
LANGUAGES = ("ja",)
#: Each English page that is translated, and where its translation into {} is.
PAGES = {
    "README.md": "README.{}.md",
    "docs/first-minutes.md": "docs/{}/quick-start.md",
    "docs/chat.md": "docs/{}/chat.md",
    "docs/thinking.md": "docs/{}/thinking.md",
    "docs/votes.md": "docs/{}/votes.md",
}
MARKDOWN = MarkdownIt("commonmark").enable("table")
COMMENT = re.compile(r"(^|[ \t]+)# .*$", re.MULTILINE)
HTML_LINK = re.compile(r'\b(?:href|src|srcset)="([^"]+)"')
KINDS = {"tr_open": "a table row", "list_item_open": "a list item"}


@dataclass(frozen=True)
class Part:
    """A part of a page that its translation has in the same place."""

    kind: str
    code: str = ""
    line: int = field(default=0, compare=False)


def main() -> int:
    """Print what is out of step; return the exit code."""
    faults = [fault for language in LANGUAGES for fault in _faults(language)]
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


def _faults(language: str) -> Iterator[str]:
    translations = {ROOT / page: ROOT / name.format(language) for page, name in PAGES.items()}
    for original, translation in translations.items():
        yield from faults(original, translation, translations)


def faults(original: Path, translation: Path, translations: Mapping[Path, Path]) -> Iterator[str]:
    """Yield what is out of step in a translation, or leads nowhere."""
    for page in (original, translation):
        if not page.exists():
            yield f"{page} doesn't exist"
            return
    theirs, ours = (_tokens(page) for page in (original, translation))
    yield from (f"{translation}: {fault}" for fault in differences(theirs, ours))
    yield from (f"{translation}: {fault}" for fault in _misled(original, translation, translations))
    if translation not in _linked(original):
        yield f"{original} doesn't link to {translation}"
    if original not in _linked(translation):
        yield f"{translation} doesn't link to {original}"


def differences(original: list[Token], translation: list[Token]) -> Iterator[str]:
    """Yield the first part that differs, and the code spans that only one of two pages has."""
    for theirs, ours in zip_longest(_parts(original), _parts(translation)):
        if theirs != ours:
            yield f"{_told(ours)} instead of {_told(theirs)}"
            break
    spans, translated = _code_spans(original), _code_spans(translation)
    yield from (f"`{span}` is missing" for span in sorted(spans - translated))
    yield from (f"`{span}` isn't in the original" for span in sorted(translated - spans))


def _parts(tokens: list[Token]) -> Iterator[Part]:
    for token in tokens:
        line = token.map[0] + 1 if token.map else 0
        if token.type == "fence":
            code = COMMENT.sub("", token.content)
            yield Part(f"a block of {token.info or 'code'}", code, line)
        elif token.type == "heading_open":
            yield Part(f"a heading ({token.tag})", line=line)
        elif token.type in KINDS:
            yield Part(KINDS[token.type], line=line)


def _told(part: Part | None) -> str:
    return f"{part.kind} in line {part.line}" if part else "the end"


def _code_spans(tokens: list[Token]) -> set[str]:
    spans = (child for token in tokens for child in token.children or ())
    return {" ".join(span.content.split()) for span in spans if span.type == "code_inline"}


def _misled(original: Path, page: Path, translations: Mapping[Path, Path]) -> Iterator[str]:
    """Yield the links that lead nowhere, or to a page whose translation they should lead to."""
    for link in _links(page):
        target = _target(page, link)
        anchor = urlsplit(link).fragment
        if not target.exists():
            yield f"{link} doesn't exist"
        elif anchor and unquote(anchor) not in _anchors(target):
            yield f"{link} is no heading there"
        elif target in translations and target != original:
            yield f"{link} should lead to {os.path.relpath(translations[target], page.parent)}"


def _linked(page: Path) -> set[Path]:
    return {_target(page, link) for link in _links(page)}


def _links(page: Path) -> Iterator[str]:
    """Yield the links and pictures of a page that don't lead to the web."""
    for token in _tokens(page):
        children = token.children or ()
        links = [str(each.attrs.get("href") or each.attrs.get("src") or "") for each in children]
        links += HTML_LINK.findall(token.content) if token.type == "html_block" else []
        yield from (link for link in links if link and not urlsplit(link).scheme)


def _target(page: Path, link: str) -> Path:
    path = unquote(urlsplit(link).path)
    return (page.parent / path).resolve() if path else page


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    tokens = _tokens(page)
    titles = [tokens[i + 1].content for i, each in enumerate(tokens) if each.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def _tokens(page: Path) -> list[Token]:
    return parsed(page.read_text(encoding="utf-8"))


def parsed(text: str) -> list[Token]:
    """Return the tokens of a page's Markdown."""
    return MARKDOWN.parse(text)


if __name__ == "__main__":
    sys.exit(main())
