"""Do held-out phrasings occur in training? `python -m tools.nano.leaks` lists any that do."""

from __future__ import annotations

import random
import re

from tools.nano.chat import any_kind
from tools.nano.heldout_phrasing import HELD_OUT
from tools.nano.surface import LANGUAGES
from tools.nano.tasks import make

NUMBER = r"[0-9０-９a-z零一二三四五六七八九十百\\-]{1,40}"
NAME = r".{1,20}"


def _bare(text: str) -> str:
    """Return a text in lower case, without blanks and punctuation."""
    return re.sub(r"[\s?？。．.,，、!！:：;]", "", text.lower())


def _pattern(template: str) -> re.Pattern[str]:
    pattern = re.escape(_bare(template))
    for mark, stands_for in (("a", NUMBER), ("b", NUMBER), ("p", NAME), ("n", NAME)):
        pattern = pattern.replace(rf"\{{{mark}\}}", stands_for)
    return re.compile(pattern)


def main(samples: int = 40_000, seed: int = 77) -> None:
    """Search generated questions for each held-out phrasing."""
    rng = random.Random(seed)
    patterns = {
        template: _pattern(template) for phrasings in HELD_OUT.values() for _, template in phrasings
    }
    texts = [_bare(make(any_kind(rng), rng.choice(LANGUAGES), rng).text) for _ in range(samples)]
    for template, pattern in patterns.items():
        found = [text for text in texts if pattern.search(text)]
        if found:
            print(f"{len(found)} of {samples}: {template!r}, such as {found[0]!r}")


if __name__ == "__main__":
    main()
