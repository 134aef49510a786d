"""Models whose catalog entry names a file: embedded in r1local, or imported by the user."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from r1local.config.paths import from_home, user_models
from r1local.config.user_files import changing, read_toml, replace_text
from r1local.errors import CatalogError, InvalidSetting, StoreError
from r1local.gguf.file import file_type, read_gguf
from r1local.gguf.parts import part_name
from r1local.gguf.quantization import quantization_of
from r1local.language import _, reason_of
from r1local.models.catalog import Catalog, read_catalog
from r1local.models.store.installed import Installed, StoredFile, quantization_in, stored_file

_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}")
_HEADER = re.compile(r"\s*\[(?P<key>[^\[\]]+)\]\s*(?:#.*)?")


def scan(catalog: Catalog) -> Iterator[Installed]:
    """Yield the models whose entry names a file, even if the file no longer exists."""
    for model in catalog.models.values():
        if model.file is None or model.path is None:
            continue
        there = stored_file(model.path, model.path.name)
        file = there or StoredFile(model.path.name, model.path, model.path, 0, 0.0)
        quantization = quantization_of(file.name)
        if quantization is None and model.default_quantization in model.sizes:
            quantization = model.default_quantization
        yield Installed(
            name=model.name,
            reference="",
            home="imported" if Path(model.file).is_absolute() else "embedded",
            path=model.path,
            parts=(model.path,),
            size=file.size,
            last_used=file.used,
            quantization=quantization or (quantization_in(file) if there else None),
            known=model,
        )


def register(path: Path, name: str | None) -> str:
    """Add a GGUF file to the user's models file; return its name, made from the file's if None.

    Raises:
        ModelFileError: the file is not a whole, sound GGUF file.
        InvalidSetting: the name is invalid or taken.
        CatalogError: the user's models file can't be read.
        StoreError: the user's models file can't be written.
    """
    path = from_home(str(path)).absolute()
    gguf = read_gguf(path)
    quantization = quantization_of(path.name) or file_type(gguf)
    with changing(user_models()):
        catalog = read_catalog(user_models())
        name = _free_name(path, catalog) if name is None else _checked_name(name, catalog)
        lines = [
            f"[models.{_key(name)}]",
            f"display_name = {_toml_text(gguf.name or path.stem)}",
            f"file = {_toml_text(str(path))}",
        ]
        if quantization:
            lines.append(f"default_quantization = {_toml_text(quantization)}")
            lines.append(f"sizes = {{ {_key(quantization)} = [{gguf.model_size}] }}")
        own = _read()
        gap = "\n" * (not own.endswith("\n")) + "\n" if own else ""
        _write(own, own + gap + "\n".join(lines) + "\n", name)
    return name


def forget(name: str) -> None:
    """Remove a model's entry from the user's models file; the model's file stays where it is.

    Raises:
        CatalogError: the models file can't be read, or has the entry in an unusual form.
        StoreError: the models file can't be written.
    """
    with changing(user_models()):
        own = _read()
        _write(own, _without_entry(own, name), name)


def _without_entry(own: str, name: str) -> str:
    """Return the text of a models file without an entry and the tables inside it."""
    kept: list[str] = []
    between: list[str] = []  # lines after an entry's last one; they may belong to the next entry
    inside = False
    for line in own.splitlines(keepends=True):
        header = _HEADER.fullmatch(line.rstrip("\r\n"))
        if header:
            was_inside, inside = inside, _is_of(header["key"], name)
            kept += [] if was_inside and inside else between
            between = []
        if not inside:
            kept.append(line)
        elif line.strip() and not line.lstrip().startswith("#"):
            between = []
        else:
            between.append(line)
    return "".join(kept + between)


def _is_of(key: str, name: str) -> bool:
    """Tell whether a table's header belongs to a model or to a table inside it."""
    wanted = rf"\s*models\s*\.\s*([\"']?){re.escape(name)}\1\s*(\..*)?"
    return re.fullmatch(wanted, key) is not None


def _free_name(path: Path, catalog: Catalog) -> str:
    """Return a name made from the file's, numbered if another model has it."""
    for model in catalog.models.values():
        if model.path == path:
            raise InvalidSetting(
                _("{name} is already imported as {model}", name=path.name, model=model.name),
                _("run it: r1local run -m {name}", name=model.name),
            )
    part = part_name(path.name)
    stem = part.stem if part else path.stem
    base = re.sub(r"[^a-z0-9.]+", "-", stem.lower())[:60].strip("-.") or "model"
    numbered = (f"{base}-{number}" for number in range(2, 10_000))
    return next(name for name in (base, *numbered) if catalog.find(name) is None)


def _checked_name(name: str, catalog: Catalog) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidSetting(
            _("{name!r} can't be a model's name", name=name),
            _("use lower-case letters, digits, dots and hyphens, starting with a letter or digit"),
        )
    taken = catalog.find(name)
    if taken:
        alias = "" if taken.name == name else _(": it is another name of {name}", name=taken.name)
        raise InvalidSetting(
            _("the name {name} is taken{alias}", name=name, alias=alias),
            _("give another --name, or leave it out"),
        )
    return name


def _key(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z0-9_-]+", name) else f'"{name}"'


def _toml_text(text: str) -> str:
    """Return a TOML string: JSON's, with the one character escaped that only TOML forbids."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidSetting(_("the path is not valid UTF-8"), _("rename the file")) from error
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _read() -> str:
    return read_toml(user_models(), CatalogError).text


def _write(old: str, new: str, name: str) -> None:
    """Replace the models file, provided that `name`'s entry is all that was added or removed."""
    path = user_models()
    before = tomllib.loads(old)
    try:
        after = tomllib.loads(new)
        there = [name in _models(entries) for entries in (before, after)]
        edited = there[0] != there[1] and _without(before, name) == _without(after, name)
    except tomllib.TOMLDecodeError:
        edited = False
    if not edited:
        raise CatalogError(
            _("{path} is written in a way that r1local can't edit", path=path),
            _("edit the entry of {name} by hand", name=name),
        )
    try:
        replace_text(path, new)
    except OSError as error:
        raise StoreError(
            _("{path} can't be written: {reason}", path=path, reason=reason_of(error)),
            _("check its permissions"),
        ) from error


def _models(entries: dict[str, Any]) -> dict[str, Any]:
    models = entries.get("models", {})
    return models if isinstance(models, dict) else {}


def _without(entries: dict[str, Any], name: str) -> dict[str, Any]:
    models = {key: entry for key, entry in _models(entries).items() if key != name}
    return entries | {"models": models}
