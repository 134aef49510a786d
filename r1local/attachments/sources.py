"""What people attach by name: a file, a folder, a pattern, an address; and what comes of it."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from glob import has_magic
from pathlib import Path

from r1local.attachments.folders import Search, split_pattern
from r1local.attachments.formats import Kind, check_readable, kind_of, stopped, text_of
from r1local.errors import PromptInputError
from r1local.language import _, reason_of
from r1local.prompts.documents import (
    DOCUMENT_SIZE_LIMIT,
    Document,
    read_file,
    shown_name,
    text_in,
)

_ADDRESS = re.compile(r"([a-z][a-z0-9+.-]+)://", re.IGNORECASE)  # C:// is a drive
#: Names that a notice lists before it counts.
_MOST_NAMES = 5

Cancelled = Callable[[], bool]


@dataclass(frozen=True, slots=True)
class Attached:
    """The documents that were attached, and what the user should know about it."""

    documents: tuple[Document, ...]
    notices: tuple[str, ...] = ()


def attach(
    sources: Sequence[str],
    waiting: Sequence[Document] = (),
    *,
    private: bool = False,
    cancelled: Cancelled = lambda: False,
) -> Attached:
    """Return what waits with a question once the sources are attached to it, each document once.

    Args:
        sources: paths of files and folders, patterns, and addresses of the web.
        waiting: the documents that are attached already.
        private: fetch from addresses of this machine and its networks as well.
        cancelled: called meanwhile; True ends it.

    Raises:
        PromptInputError: a source can't be read; nothing is attached then.
    """
    read = [_found(source, private, cancelled) for source in sources]
    new = [document for each in read for document in each.documents]
    once = without_repeats(new, waiting)
    return Attached(once.documents, (*(n for each in read for n in each.notices), *once.notices))


def without_repeats(new: Iterable[Document], waiting: Iterable[Document] = ()) -> Attached:
    """Return all documents, but each only once: none twice from one file, or with one text."""
    kept = list(waiting)
    places = {each.origin: place for place, each in enumerate(kept) if each.origin}
    names = {each.text: each.name for each in kept}
    again, notices = list[str](), list[str]()
    for document in new:
        place = places.get(document.origin)
        if document.text in names:
            again.append(_same(document.name, names[document.text]))
        elif place is not None:
            notices.append(_("{name} has changed, and is sent as it is now", name=document.name))
            names.pop(kept[place].text, None)
            kept[place] = document
        else:
            places |= {document.origin: len(kept)} if document.origin else {}
            kept.append(document)
        names.setdefault(document.text, document.name)
    if again:
        notices.append(_("sent only once: {again}", again=_listed(again)))
    return Attached(tuple(kept), tuple(notices))


def document_of(
    data: bytes,
    name: str,
    origin: str = "",
    *,
    told: str = "",
    kind: Kind | None = None,
    charset: str | None = None,
    cancelled: Cancelled = lambda: False,
) -> Document:
    """Return the document that bytes hold; PDF and Word are known by them.

    Args:
        told: what errors call it, if not by its name.
        kind: what it is, if it isn't known by its bytes.
        charset: the encoding of a web page, if its server says so.
        cancelled: called meanwhile; True ends it.

    Raises:
        PromptInputError: they are no text, or can't be made one.
    """
    kind = kind or kind_of(data)
    told = told or name
    text = text_of(data, kind, told, charset, cancelled) if kind else text_in(data, told)
    return Document(name, text, origin)


def _found(source: str, private: bool, cancelled: Cancelled) -> Attached:
    if not source:
        raise PromptInputError(
            _("an empty name was given to attach"), _("a dot is the present folder")
        )
    try:
        return _read(source, private, cancelled)
    except (OSError, ValueError, RuntimeError) as error:
        # Names that no file can have, users that aren't known, links in circles, closed folders.
        reason = reason_of(error)
        raise PromptInputError(
            _("{source} can't be read: {reason}", source=source[:200], reason=reason),
            _("check its name and its permissions"),
        ) from error


def _read(source: str, private: bool, cancelled: Cancelled) -> Attached:
    if scheme := _ADDRESS.match(source):
        return Attached((_from_web(source, scheme[1], private, cancelled),))
    path = Path(source).expanduser()
    if path.is_dir():
        search = Search(path, cancelled)
        found = search.all_files()
        return _several(
            found, search, _("{path} has no file to attach", path=path), cancelled, in_folder=True
        )
    if path.exists() or not has_magic(source):
        return Attached((_from_file(path, shown_name(path.name), cancelled),))
    base, pattern = split_pattern(path)
    search = Search(base, cancelled)
    found = search.matching(pattern) if search.base.is_dir() else []
    return _several(found, search, _("no file matches {source}", source=source), cancelled)


def _from_file(path: Path, name: str, cancelled: Cancelled, *, as_source: bool = False) -> Document:
    data = read_file(path)
    kind = kind_of(data, "" if as_source else path.name)
    return document_of(data, name, str(path.resolve()), kind=kind, cancelled=cancelled)


def _several(
    paths: Sequence[Path],
    search: Search,
    none: str,
    cancelled: Cancelled,
    *,
    in_folder: bool = False,
) -> Attached:
    """Read several files; what isn't text is left out, and said."""
    documents, left_out, size = list[Document](), list[str](), 0
    above = search.base.parent if in_folder else search.base
    for path in paths:
        name = shown_name(path.relative_to(above).as_posix())
        if cancelled():
            raise stopped()
        try:
            check_readable(path, name)
            documents.append(_from_file(path, name, cancelled, as_source=in_folder))
        except PromptInputError as error:
            if cancelled():
                raise
            left_out.append(f"{name} ({error.message.removeprefix(name).strip()})")
            continue
        size += len(documents[-1].text)
        if size > DOCUMENT_SIZE_LIMIT:
            raise PromptInputError(
                _(
                    "the files in {base} have more than {document_size_limit} MiB",
                    base=search.base,
                    document_size_limit=DOCUMENT_SIZE_LIMIT // 2**20,
                ),
                _("no context window holds that much; name the part that matters"),
            )
    if in_folder:
        left_out += [f"{shown_name(each.name)} ({why})" for each, why in search.left_out.items()]
    notices = (_("left out: {left_out}", left_out=_listed(left_out)),) if left_out else ()
    if not documents:
        raise PromptInputError(none, *(notices or (_("hidden and ignored ones don't count"),)))
    return Attached(tuple(documents), notices)


def _from_web(url: str, scheme: str, private: bool, cancelled: Cancelled) -> Document:
    if scheme.lower() not in ("http", "https"):
        raise PromptInputError(
            _("{scheme}:// can't be fetched", scheme=scheme),
            _("give a path, or an address with https:// or http://"),
        )
    from r1local.attachments.web import fetch, shown

    got = fetch(url, private=private, cancelled=cancelled)
    name = shown_name(got.url)
    if got.content_type in ("text/html", "application/xhtml+xml"):
        kind: Kind | None = "html"
    else:
        kind = kind_of(got.data)
    if kind or not got.charset:
        return document_of(
            got.data, name, shown(url), kind=kind, charset=got.charset, cancelled=cancelled
        )
    try:
        return Document(name, got.data.decode(got.charset), shown(url))
    except (LookupError, UnicodeError) as error:
        raise PromptInputError(
            _(
                "{name} is not text in {charset}, as its server says",
                name=name,
                charset=got.charset,
            ),
            _("attach it as a file"),
        ) from error


def _same(name: str, first: str) -> str:
    return name if name == first else _("{name} (the same as {first})", name=name, first=first)


def _listed(names: Sequence[str]) -> str:
    """Return names in a row, and how many more there are."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (_(" and {more:,} more", more=more) if more > 0 else "")
