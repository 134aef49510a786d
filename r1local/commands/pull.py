"""`r1local pull`: download models from the hub."""

import os
import shlex
import shutil
import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from r1local.config.options import ModelFormat
from r1local.config.paths import is_missing, user_models
from r1local.config.preferences import value_of
from r1local.errors import EXIT_OK, DiskFull, UsageError
from r1local.hub.client import RemoteFile
from r1local.hub.journal import partials
from r1local.hub.layout import (
    blob_path,
    cache_folder,
    cached_path,
    link_into_snapshot,
    locked,
    snapshot_path,
)
from r1local.hub.limits import call_within
from r1local.hub.regular_files import is_whole
from r1local.hub.transfer import Cancelled, fetch
from r1local.language import _
from r1local.machine.memory import Machine
from r1local.machine.planner import plan
from r1local.machine.this_machine import survey_machine
from r1local.measuring.estimates import Speeds
from r1local.models.catalog import Catalog, facts_of_known, load_catalog
from r1local.models.preferred import of_model, preferred_request
from r1local.models.references import CatalogReference, Reference, parse_reference
from r1local.models.remote_files import HubModel, fits, on_hub, some_names
from r1local.replies.control import Control
from r1local.replies.interruption import interruptible
from r1local.ui.console import console_for
from r1local.ui.models.downloads import DownloadDisplay, Offer, ask_which, display_for
from r1local.units import disk_size

#: Bytes of disk space to leave free: a full disk troubles every other program.
_DISK_MARGIN = 2**30


@dataclass(frozen=True, slots=True)
class PullOptions:
    """The arguments of `pull`; if `connections` is None, the preference applies.

    `with_draft` has each model followed by the first draft model that the catalog names for it.
    """

    references: tuple[str, ...]
    force: bool
    connections: int | None
    output_format: ModelFormat
    with_draft: bool = False


def pull(options: PullOptions) -> int:
    """Download models, one after another; return the exit code.

    Raises:
        R1LocalError: a model can't be downloaded; earlier models and partial files are kept.
    """
    models = load_catalog(user_models())
    references = options.references or _ask(models, options)
    if options.with_draft:
        references = tuple(_with_drafts(references, models))
    machine = survey_machine(measure_bandwidth=True)
    display = display_for(options.output_format)
    with interruptible() as interruption, display:
        for number, reference in enumerate(references):
            try:
                pull_one(reference, models, machine, options, display, interruption)
            except Cancelled:
                display.notify(
                    _(
                        "stopped; resume with: {command}",
                        command=_command(references[number:], options),
                    )
                )
                return 128 + (interruption.signal or signal.SIGINT)
    return EXIT_OK


def _with_drafts(references: Sequence[str], models: Catalog) -> Iterator[str]:
    """Yield each reference, and that of a draft model.

    Raises:
        UsageError: the catalog names none for one of them.
    """
    for reference in references:
        meant = parse_reference(reference, models)
        if not isinstance(meant, CatalogReference) or not meant.model.drafts:
            raise UsageError(
                _("no draft model is known for {reference}", reference=reference),
                _("leave --with-draft out; r1local show NAME tells which ones are known"),
            )
        yield reference
        yield meant.model.drafts[0]


def pull_one(
    reference: str,
    models: Catalog,
    machine: Machine,
    options: PullOptions,
    display: DownloadDisplay,
    control: Control,
) -> None:
    """Download a model.

    Args:
        control: ends it.

    Raises:
        R1LocalError: it can't be downloaded; partial files are kept.
        Cancelled: the control ended it.
    """
    meant = parse_reference(reference, models)
    if isinstance(meant, CatalogReference) and meant.note:
        display.notify(meant.note)
    model, remotes = _ask_hub(meant, models, machine, control)
    _pull(model, remotes, machine, options, display, control)


def _command(references: Sequence[str], options: PullOptions) -> str:
    """Return the command that resumes the downloads."""
    words = ["r1local", "pull", *references, *(["--force"] if options.force else [])]
    if options.connections:
        words += ["--connections", str(options.connections)]
    return shlex.join(words)


def _ask(models: Catalog, options: PullOptions) -> tuple[str, ...]:
    """Let the user choose a model from the catalog, on a terminal."""
    if not (sys.stdin and sys.stdin.isatty()) or options.output_format != "text":
        raise UsageError(_("no model is named"), _("name one: r1local pull 7b"))
    machine = survey_machine()
    offers = []
    for model in models.shown():
        facts = facts_of_known(model, model.default_quantization)
        if facts:
            request = preferred_request(of_model([model.name], model, model.default_quantization))
            made = plan(facts, machine, request)
            offers.append(Offer(model.name, model.summary, facts.weights, made.kind))
    chosen = ask_which(console_for(sys.stderr), offers)
    if chosen is None:
        raise UsageError(_("no model was chosen"), _("name one: r1local pull 7b"))
    return (chosen,)


def _ask_hub(
    reference: Reference, models: Catalog, machine: Machine, control: Control
) -> tuple[HubModel, list[RemoteFile]]:
    """Ask the hub about a model, while the user can interrupt.

    Raises:
        Cancelled: the user interrupted.
    """

    def ask() -> tuple[HubModel, list[RemoteFile]]:
        model = on_hub(reference, models, machine)
        return model, model.files()

    def poll() -> None:
        if control.cancelled():
            raise Cancelled

    return call_within(ask, poll=poll)


def _pull(
    model: HubModel,
    remotes: Sequence[RemoteFile],
    machine: Machine,
    options: PullOptions,
    display: DownloadDisplay,
    control: Control,
) -> None:
    """Download every file of a model that is not on this machine yet."""
    missing = [remote for remote in remotes if cached_path(remote) is None]
    size = sum(remote.size for remote in remotes)
    if not missing:
        display.notify(
            _(
                "{filename} is already here: {cached_path}",
                filename=remotes[0].filename,
                cached_path=cached_path(remotes[0]),
            )
        )
        return
    display.notify(
        _(
            "{filename}: {size} from {repo_id}",
            filename=remotes[0].filename,
            size=disk_size(size),
            repo_id=model.repository.repo_id,
        )
    )
    if model.passed_over:
        display.notify(
            _(
                "also in the repository, not fetched: {names}",
                names=some_names(model.passed_over),
            )
        )
    display.notify(_prospect(model, machine))
    _check_disk(missing, options, display)
    display.begin([(remote.filename, remote.size) for remote in missing])
    for remote in missing:
        _fetch(remote, model, options, display, control)
    display.done(str(cached_path(remotes[0])))


def _fetch(
    remote: RemoteFile,
    model: HubModel,
    options: PullOptions,
    display: DownloadDisplay,
    control: Control,
) -> None:
    notified = False

    def waiting() -> None:
        nonlocal notified
        if control.cancelled():
            raise Cancelled
        if not notified:
            display.notify(
                _(
                    "another program is downloading {filename}: waiting for it",
                    filename=remote.filename,
                )
            )
        notified = True

    with locked(remote, waiting):
        target = blob_path(remote)
        if not is_whole(target, remote.size):
            if not is_missing(target) or not is_missing(snapshot_path(remote)):
                display.notify(
                    _(
                        "{filename} here differs from the hub's: fetching it again",
                        filename=remote.filename,
                    )
                )
            display.file(remote.filename)
            connections = options.connections or value_of("connections")
            fetch(remote, target, connections, display.report, control.cancelled)
        link_into_snapshot(remote, model.revision)


def _prospect(model: HubModel, machine: Machine) -> str:
    """Say whether a model fits this machine, and how fast it should run."""
    facts = model.facts()
    if facts is None:
        fitting = fits(model.variant, model.known, machine)
        return _("it fits in memory") if fitting else _("it is larger than the free memory")
    of_it = of_model([model.name], model.known, model.variant.quantization)
    made = plan(facts, machine, preferred_request(of_it))
    if made.kind == "no":
        return _("it does not fit this machine: {reason}", reason=made.reason)
    told = [
        made.reason,
        _("{context_window:,} tokens of context", context_window=made.context_window),
    ]
    told += filter(None, [Speeds(machine).of(facts, made).words])
    return _("it fits: {told}", told=_(", ").join(told))


def _check_disk(
    missing: Sequence[RemoteFile], options: PullOptions, display: DownloadDisplay
) -> None:
    """Raise `DiskFull` if the disk lacks the space for what is still to be downloaded."""
    folder = _existing(cache_folder())
    free = shutil.disk_usage(folder).free
    needed = sum(remote.size - _bytes_there(remote) for remote in missing)
    display.notify(
        _(
            "{needed} to download, {free} free on the disk",
            needed=disk_size(needed),
            free=disk_size(free),
        )
    )
    if needed + _DISK_MARGIN > free and not options.force:
        raise DiskFull(
            _(
                "the disk has only {free} free for {needed} to download, after which {margin} "
                "should be left",
                free=disk_size(free),
                needed=disk_size(needed),
                margin=disk_size(_DISK_MARGIN),
            ),
            _("free some space, set HF_HOME to a folder on another disk, or insist with --force"),
        )


def _bytes_there(remote: RemoteFile) -> int:
    """Return the bytes of a file that an earlier download has left."""
    blob = blob_path(remote)
    if is_whole(blob, remote.size):
        return remote.size
    return sum(part.done for part in partials(blob.parent) if part.path.stem == remote.etag)


def _existing(folder: Path) -> Path:
    """Return the folder, or its nearest parent that exists."""
    return next(each for each in (folder, *folder.parents) if os.access(each, os.F_OK))
