"""Gather the messages that are translated, and compile their translations.

python -m tools.messages            bring the catalogues in `r1local/locale/` up to date
python -m tools.messages --check    fail if one is stale, incomplete or wrong

A translator edits `r1local/locale/LANGUAGE/LC_MESSAGES/r1local.po`; docs/translating.md tells more.
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from r1local.cli.app import command_of
from r1local.cli.translated import texts
from r1local.config.keys import ACTIONS
from r1local.config.options import OPTIONS
from r1local.language import CATALOGUES, DOMAIN, LANGUAGES, SOURCE
from r1local.models.catalog import load_catalog

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "r1local"
#: The functions that mark a message, and which of their arguments are messages.
KEYWORDS = {"_": None, "_n": (1, 2), "N_": None}


class _Undated(Catalog):
    """A catalogue whose header only says what its readers need.

    Babel's own has the time and its version, with which no file would be the same again.
    """

    @property  # type: ignore[misc]  # Babel's can be set as well
    def mime_headers(self) -> list[tuple[str, str]]:
        """What gettext has to know: the encoding, and which form a number takes."""
        return [("Content-Type", "text/plain; charset=utf-8"), ("Plural-Forms", self.plural_forms)]


def messages() -> Catalog:
    """Return all messages of the code, untranslated, with the files that they are in."""
    found = Catalog()
    for file, _line, message, _comments, _context in extract_from_dir(
        PACKAGE, method_map=[("**.py", "python")], keywords=KEYWORDS
    ):
        # Without line numbers, which every change of the code would change.
        found.add(message, locations=[(f"r1local/{file}", 0)])
    for text in filter(None, texts(command_of([])[0])):
        found.add(text, locations=[("r1local/cli", 0)])
    for action in ACTIONS.values():
        found.add(action.told, locations=[("r1local/config/keys.py", 0)])
    for option in OPTIONS:
        for text in filter(None, (option.help, option.otherwise)):
            found.add(text, locations=[("r1local/config/options.py", 0)])
    for model in load_catalog(None).models.values():
        for text in filter(None, (model.summary, str(model.scores.get("source", "")))):
            found.add(text, locations=[("models.toml", 0)])
    return found


def brought_up_to_date(language: str) -> Catalog:
    """Return a language's catalogue with the messages that the code has now, and no others."""
    catalog = _read(language)
    catalog.update(messages(), no_fuzzy_matching=True)
    catalog.obsolete.clear()
    for message in catalog:
        message.locations = sorted(set(message.locations))
        message.flags.discard("python-brace-format")
    return catalog


def faults(catalog: Catalog) -> Iterator[str]:
    """Yield what is wrong with translations: missing ones, and values that they lose or invent."""
    for message in catalog:
        if not message.id:
            continue
        for translated in _texts(message.string):
            if not translated:
                yield f"not translated: {_texts(message.id)[0]!r}"
            elif _values(translated) != _values(_texts(message.id)[-1]):
                yield f"other values than its message: {translated!r}"


def main() -> int:
    """Write or check every catalogue; return the exit code."""
    check, wrong = "--check" in sys.argv[1:], 0
    for language in LANGUAGES:
        if language == SOURCE:
            continue
        catalog = brought_up_to_date(language)
        problems = list(faults(catalog))
        for path, content in (
            (_path(language, "po"), _written_po(catalog)),
            (_path(language, "mo"), _written_mo(catalog)),
        ):
            if check and (not path.exists() or path.read_bytes() != content):
                problems.append(f"{path.relative_to(ROOT)} is stale: run python -m tools.messages")
            elif not check:
                path.write_bytes(content)
        for problem in problems:
            print(f"{language}: {problem}", file=sys.stderr)
        wrong += len(problems)
    return 1 if check and wrong else 0


def _read(language: str) -> Catalog:
    path = _path(language, "po")
    if not path.exists():
        return Catalog(language, project=DOMAIN)
    with path.open("rb") as file:
        return read_po(file, language)


def _path(language: str, ending: str) -> Path:
    return CATALOGUES / language / "LC_MESSAGES" / f"{DOMAIN}.{ending}"


def _written_po(catalog: Catalog) -> bytes:
    file = io.BytesIO()
    ordered = Catalog(catalog.locale, project=DOMAIN)
    for message in sorted(catalog, key=_order):
        if message.id:
            ordered[message.id] = message
    write_po(file, ordered, width=100, omit_header=True, include_lineno=False)
    header = 'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    plural = f'"Plural-Forms: {catalog.plural_forms}\\n"\n\n'
    return (header + plural).encode() + file.getvalue()


def _written_mo(catalog: Catalog) -> bytes:
    file = io.BytesIO()
    translated = _Undated(catalog.locale)
    for message in catalog:
        if message.id and all(_texts(message.string)):
            translated[message.id] = message
    write_mo(file, translated)
    return file.getvalue()


def _order(message: Message) -> tuple[list[tuple[str, int]], str]:
    """Order by the files that have it, so that messages that are read together stand together."""
    return message.locations, _texts(message.id)[0]


def _texts(text: object) -> list[str]:
    """Return a message's text or, if it depends on a number, its forms."""
    return [*text] if isinstance(text, tuple | list) else [str(text or "")]


def _values(text: str) -> set[str]:
    return {
        name
        for _text, name, _spec, _conversion in Formatter().parse(text)
        if name and name.isidentifier()
    }


if __name__ == "__main__":
    sys.exit(main())
