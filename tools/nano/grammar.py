"""Random text from small grammars: `[a|b|]` picks one alternative, nested to any depth."""

from __future__ import annotations

import random
import re
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).with_name("phrasing")

Node = str | list["Node"] | tuple["Node", ...]  # a list is a choice, a tuple a sequence


@cache
def blocks(name: str) -> dict[str, str]:
    """Return the grammars of `phrasing/NAME.txt` by heading; a line can yield many texts."""
    text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8")
    parts = re.split(r"^## (\w+)\n", text, flags=re.M)[1:]
    return {head: body.strip("\n") for head, body in zip(parts[::2], parts[1::2], strict=True)}


@cache
def words(name: str, head: str) -> list[str]:
    """Return the words of a block that is a plain list."""
    return blocks(name)[head].split()


def _parse(text: str, position: int, closing: bool) -> tuple[list[Node], int]:
    """Read alternatives up to the matching `]` (or the end) from `position`."""
    alternatives: list[Node] = []
    parts: list[Node] = []
    while position < len(text) and text[position] != "]":
        character = text[position]
        if character == "[":
            inner, position = _parse(text, position + 1, closing=True)
            parts.append(inner)
        elif character == "|" and closing:
            alternatives.append(tuple(parts))
            parts = []
        else:
            parts.append(character)
        position += 1
    return [*alternatives, tuple(parts)], position


@cache
def compiled(text: str) -> Node:
    """Return the parsed form of one line, cached for the next use."""
    alternatives, end = _parse(text, 0, closing=False)
    if end != len(text):
        raise ValueError(f"unbalanced brackets: {text}")
    return alternatives[0]


def _render(node: Node, rng: random.Random, out: list[str]) -> None:
    if isinstance(node, str):
        out.append(node)
    elif isinstance(node, list):
        _render(node[int(rng.random() * len(node))], rng, out)
    else:
        for part in node:
            _render(part, rng, out)


def expand(text: str, rng: random.Random) -> str:
    """Return one random expansion of a grammar line; `\\n` in the line means a line break."""
    out: list[str] = []
    _render(compiled(text), rng, out)
    return "".join(out)


@cache
def lines(block: str) -> tuple[tuple[str, ...], tuple[float, ...]]:
    """Return the lines of a block, and cumulative weights that slightly favour the richer ones."""
    found = tuple(re.sub(r"\\n", "\n", line) for line in block.strip("\n").split("\n") if line)
    total, weights = 0.0, []
    for line in found:
        total += (1 + line.count("|")) ** 0.35
        weights.append(total)
    return found, tuple(weights)


def pick(block: str, rng: random.Random) -> str:
    """Return a random expansion of a random line of the block."""
    found, weights = lines(block)
    return expand(rng.choices(found, cum_weights=weights)[0], rng)


def fill(template: str, values: dict[str, str]) -> str:
    """Insert values at `{name}` marks; braces with other names (LaTeX) stay as they are."""
    for name, value in values.items():
        mark = "{" + name + "}"
        if mark in template:
            template = template.replace(mark, value)
    return template
