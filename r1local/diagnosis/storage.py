"""Room for models on the disk, and who can read the conversations."""

import os
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from shlex import quote

from r1local.config.paths import hub_cache_folder, is_missing, sessions_folder, state_folder
from r1local.events.finding import Finding, broken, ok, warning
from r1local.language import _
from r1local.units import disk_size

#: Bytes that the model which `pull 7b` brings takes, and below which nothing is of use.
_A_MODEL, _NOTHING = 4_700_000_000, 100_000_000
#: What may be granted to the group and to others.
_READ_OR_WRITE = stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH
_WRITE = stat.S_IWGRP | stat.S_IWOTH
_ENTER = stat.S_IXGRP | stat.S_IXOTH
_MOVE = "mkdir -p ~/huggingface && export HF_HOME=~/huggingface"


def cache_space() -> Iterator[Finding]:
    """Yield what is to say of the disk that models are downloaded to."""
    folder = hub_cache_folder()
    here = next((each for each in (folder, *folder.parents) if each.is_dir()), Path("/"))
    yield judged_space(folder, shutil.disk_usage(here).free, os.access(here, os.W_OK))


def judged_space(folder: Path, free: int, writable: bool) -> Finding:
    """Return what is to say of a cache with so many free bytes."""
    text = _("{free} free for models in {folder}", free=disk_size(free), folder=folder)
    facts = {"folder": str(folder), "free": free, "writable": writable}
    if not writable:
        hint = _("get write access, or keep models in another folder")
        return broken(
            "disk", _("{folder} can't be written", folder=folder), _MOVE, hint, facts=facts
        )
    if free < _NOTHING:
        hint = _(
            "remove models you don't need with r1local rm, or use another disk through HF_HOME"
        )
        return broken("disk", text, "r1local list", hint, facts=facts)
    if free < _A_MODEL:
        hint = _("7b takes {a_model}: remove models with r1local rm", a_model=disk_size(_A_MODEL))
        return warning("disk", text, hint, "r1local list", facts=facts)
    return ok("disk", text, facts=facts)


def session_permissions() -> Iterator[Finding]:
    """Yield who can read and write the sessions, and the questions typed before."""
    folder = sessions_folder()
    facts = {"folder": str(folder), "exists": not is_missing(folder)}
    places = [each for each in (folder, state_folder() / "history") if not is_missing(each)]
    refused = [each for each in places if not os.access(each, os.R_OK | os.W_OK)]
    exposed = [
        each for each in places if _granted(each) & _READ_OR_WRITE and sys.platform != "win32"
    ]
    writable = [each for each in exposed if _granted(each) & _WRITE]
    if refused:
        names, command = _named(refused, "chmod -R u+rwX")
        yield broken(
            "sessions", _("{names} can't be read and written", names=names), command, facts=facts
        )
    elif writable:
        names, command = _named(exposed, "chmod -R go=")
        yield broken("sessions", _("others can change {names}", names=names), command, facts=facts)
    elif exposed:
        names, command = _named(exposed, "chmod -R go=")
        hint = _("keep your conversations to yourself")
        yield warning("sessions", _("others can read {names}", names=names), hint, command, facts)
    else:
        yield ok(
            "sessions",
            _("private, in {folder}", folder=folder)
            if places
            else _("none yet in {folder}", folder=folder),
            facts,
        )


def _granted(place: Path) -> int:
    """Return the permissions that others have: on a folder that they can enter, on any file too."""
    modes = place.stat().st_mode
    if place.is_dir() and modes & _ENTER:
        with suppress(OSError):
            for path in place.iterdir():
                modes |= path.lstat().st_mode if path.is_file() else 0
    return modes


def _named(places: list[Path], command: str) -> tuple[str, str]:
    """Return the paths in words, and the command for all of them."""
    paths = [str(place) for place in places]
    return _(" and ").join(paths), " ".join([command, *map(quote, paths)])
