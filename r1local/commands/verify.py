"""`r1local verify`: check that files on the disk are still what was downloaded."""

import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from r1local.config.options import ModelFormat
from r1local.config.paths import is_missing, user_models
from r1local.errors import EXIT_ERROR, EXIT_OK, ModelNotInstalled
from r1local.language import _
from r1local.models.catalog import Catalog, load_catalog
from r1local.models.references import parse_reference
from r1local.models.store.checksums import expected_sha256, sha256
from r1local.models.store.installed import Installed
from r1local.models.store.search import copies, installed_models
from r1local.ui.console import console_for, print_notice
from r1local.ui.models.verification import VerificationProgress, print_verified, verifying
from r1local.ui.safe_text import visible_json

Verdict: TypeAlias = Literal["ok", "damaged", "unreadable", "no checksum"]
_BAD: tuple[Verdict, ...] = ("damaged", "unreadable")


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """The arguments of `verify`; without a `reference`, all models are checked."""

    reference: str | None
    output_format: ModelFormat


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of checking one file."""

    reference: str
    file: str
    state: Verdict


def verify(options: VerifyOptions) -> int:
    """Hash files and print each result; return the exit code: 1 if a file is damaged.

    Raises:
        UnknownModel: the reference matches no model.
        ModelNotInstalled: the model is not, or not completely, on this machine.
        KeyboardInterrupt: the user pressed Ctrl-C.
    """
    entries = _entries(options.reference, load_catalog(user_models()))
    out, err = console_for(sys.stdout), console_for(sys.stderr)
    results = []
    with verifying(err, _bytes_to_read(entries)) as progress:
        for result in _verified(entries, progress):
            results.append(result)
            if options.output_format == "text":
                progress.clear()
                print_verified(out, result.state, result.reference, Path(result.file))
    if options.output_format == "json":
        print(visible_json(json.dumps([asdict(each) for each in results], ensure_ascii=False)))
    bad = {each.reference: each for each in results if each.state in _BAD}
    for entry in entries:
        if entry.reference in bad:
            print_notice(err, _advice(entry, bad[entry.reference]))
    return EXIT_ERROR if bad else EXIT_OK


def _entries(reference: str | None, models: Catalog) -> list[Installed]:
    if reference is None:
        return [entry for entry in installed_models(models) if entry.whole]
    found = [entry for entry in copies(parse_reference(reference, models), models) if entry.whole]
    if not found:
        raise ModelNotInstalled(
            _("{name} is not on this machine", name=reference),
            _("see what is: r1local list"),
        )
    return found


def _bytes_to_read(entries: Sequence[Installed]) -> int:
    return sum(entry.size for entry in entries if expected_sha256(entry.path))


def _verified(entries: Sequence[Installed], progress: VerificationProgress) -> Iterator[Verified]:
    for entry in entries:
        for part in entry.parts:
            yield Verified(entry.reference, str(part), _state(entry, part, progress))


def _state(entry: Installed, path: Path, progress: VerificationProgress) -> Verdict:
    if not os.access(path, os.R_OK):
        return "unreadable"
    expected = expected_sha256(path)
    if expected is None:
        return "no checksum"
    try:
        found = sha256(path, lambda size: progress.read(size, entry.name))
    except OSError:
        return "unreadable"
    return "ok" if found == expected else "damaged"


def _advice(entry: Installed, bad: Verified) -> str:
    """Return a sentence with what repairs or removes a model; one that may be whole is kept."""
    if bad.state == "unreadable" and not is_missing(Path(bad.file)):
        return _(
            "{reference} is unreadable: check the disk, and the permissions of {path}",
            reference=entry.reference,
            path=bad.file,
        )
    if entry.home == "Ollama":
        command = f"ollama rm {entry.name} && ollama pull {entry.name}"
    elif entry.home == "Hugging Face":
        command = f"r1local rm --yes {entry.reference} && r1local pull {entry.reference}"
    else:
        command = f"r1local rm {entry.reference}"
    return _(
        "{reference} is {state}: {command}",
        reference=entry.reference,
        state=_(bad.state),
        command=command,
    )
