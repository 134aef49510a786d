"""`r1local serve`: let other programs use models, by OpenAI's and Ollama's protocols."""

import os
import sys
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self

from r1local.config.paths import is_missing, user_models
from r1local.config.preferences import Settings, settings_in_force, value_in
from r1local.errors import EXIT_OK, DownloadStopped, UsageError
from r1local.events.download import DownloadNotice, Progress
from r1local.gguf.file import read_gguf
from r1local.hub.transfer import Cancelled
from r1local.language import _
from r1local.machine.this_machine import survey_machine
from r1local.models.catalog import Catalog, load_catalog
from r1local.models.references import CatalogReference, parse_reference
from r1local.opening import show_log
from r1local.replies.control import Control
from r1local.ui.console import console_for, print_log

_INSTALL = "pip install 'r1local[serve]'"


def serve(given: Mapping[str, Any]) -> int:
    """Serve until a signal ends it; return the exit code.

    Args:
        given: the values that the command line has, by the names of options.

    Raises:
        R1LocalError: it can't begin.
    """
    chosen = settings_in_force(given)
    _expect_libraries()
    from r1local.serving.app import make_app
    from r1local.serving.gateway import Gateway
    from r1local.serving.guard import Access
    from r1local.serving.log import Log
    from r1local.serving.models import Models
    from r1local.serving.server import listen, serve_on

    host, port = value_in(chosen, "host"), value_in(chosen, "port")
    access = Access(_key(chosen, host), _origins(chosen), host)
    at_once, queue = value_in(chosen, "parallel"), value_in(chosen, "queue")
    log, err = Log(), console_for(sys.stderr)
    show_log(partial(print_log, err) if value_in(chosen, "verbose") else None)
    models = Models(value_in(chosen, "model"), given, at_once, log)
    read_gguf(models.default.path)  # a file that can't be used is refused before anybody asks
    with listen(host, port) as listening:
        url = _url(*listening.getsockname()[:2])
        log("listening", url=url, model=models.default.name, key=access.key is not None)
        print(url, flush=True)

        def make() -> tuple[Any, Gateway]:
            gateway = Gateway(models, at_once, queue)
            return make_app(gateway, access, log, pull_for_program), gateway

        serve_on(listening, make, log)
    log("stopped")
    return EXIT_OK


def _expect_libraries() -> None:
    """Refuse to go on without the libraries of the extra `serve`.

    Raises:
        UsageError: they aren't installed.
    """
    missing = [name for name in ("starlette", "uvicorn") if find_spec(name) is None]
    if missing:
        raise UsageError(
            _("serving needs {missing}", missing=_(" and ").join(missing)),
            _("install what it needs with: {install}", install=_INSTALL),
        )


def _key(chosen: Settings, host: str) -> str | None:
    """Return the key that requests need, if they need one.

    Raises:
        UsageError: there is none where one is needed.
    """
    name = value_in(chosen, "api-key-env")
    if name:
        key = os.environ.get(name, "").strip()
        if not key:
            raise UsageError(
                _("the environment variable {name} has no key", name=name),
                _("set it: export {variable}=…", variable=name),
            )
        if not (key.isascii() and key.isprintable()):
            raise UsageError(
                _("the key in {name} has characters that no program can send", name=name),
                _("take letters, digits and signs of ASCII"),
            )
        return key
    if not value_in(chosen, "no-auth") and not _is_loopback(host):
        raise UsageError(
            _("at {host} other machines could use the models", host=host),
            _("set a key in a variable and name it with --api-key-env, or insist with --no-auth"),
        )
    return None


def _is_loopback(host: str) -> bool:
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _origins(chosen: Settings) -> tuple[str, ...]:
    text = value_in(chosen, "allow-origin") or ""
    return tuple(each.strip().rstrip("/").lower() for each in text.split(",") if each.strip())


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def pull_for_program(name: str, tell: Any, control: Control) -> None:
    """Download a model for a program, in the calling thread, unless it needs none.

    Args:
        name: the model's.
        tell: hears what happens, as `serving.pulling.Tell`.
        control: ends it.

    Raises:
        R1LocalError: it can't be downloaded; partial files are kept.
    """
    from r1local.commands.pull import PullOptions, pull_one
    from r1local.serving.models import expect_name

    catalog, name = load_catalog(user_models()), name.removesuffix(":latest")
    expect_name(name, catalog)
    if _lies_here(name, catalog):
        return
    options = PullOptions((name,), False, None, "json")
    machine = survey_machine(measure_bandwidth=True)
    try:
        pull_one(name, catalog, machine, options, _Told(tell), control)
    except Cancelled:
        raise DownloadStopped(_("the download was stopped"), _("ask again: it goes on")) from None


def _lies_here(name: str, catalog: Catalog) -> bool:
    """Return whether a model has a file of its own on this machine, as the one that is shipped."""
    meant = parse_reference(name, catalog)
    own = meant.model.path if isinstance(meant, CatalogReference) else None
    return own is not None and not is_missing(own)


class _Told:
    """A `DownloadDisplay` for a program, which hears each part of a percent."""

    def __init__(self, tell: Any) -> None:
        from r1local.serving.pulling import Pulled

        self._tell, self._pulled = tell, Pulled
        self._file, self._permille = "", -1

    def notify(self, message: str) -> None:
        """Tell a message."""
        self._tell(self._pulled(message))

    def begin(self, _files: Sequence[tuple[str, int]]) -> None:
        """Tell nothing yet."""

    def file(self, name: str) -> None:
        """Note whose progress follows."""
        self._file, self._permille = name, -1

    def report(self, event: Progress | DownloadNotice) -> None:
        """Tell progress, at most a thousand times for each file."""
        if isinstance(event, DownloadNotice):
            self.notify(event.message)
        elif (permille := 1000 * event.done // max(1, event.total)) != self._permille:
            self._permille = permille
            self._tell(self._pulled("", self._file, event.total, event.done))

    def done(self, _path: str) -> None:
        """Tell nothing: a path is this machine's own affair."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave nothing behind."""
