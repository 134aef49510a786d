"""The download of a file in ranges over several connections, hashed on the way, and resumable."""

import errno
import hashlib
import os
import random
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Condition, Event, Thread
from typing import BinaryIO, TypeAlias

from r1local.errors import (
    ChecksumMismatch,
    DownloadError,
    HubUnreachable,
    MalformedAnswer,
    ModelFileError,
)
from r1local.events.download import DownloadNotice, Progress
from r1local.hub import client as hub
from r1local.hub.client import Interrupted, LinkExpired, RangeResponse, RemoteFile
from r1local.hub.contents import expect_content, expect_no_other_beginning
from r1local.hub.errors import disk_errors
from r1local.hub.journal import BLOCK, JOURNAL, PART, Identity, Journal, partials
from r1local.hub.layout import BeingDownloaded, remove_partial
from r1local.hub.limits import LEAST_SPEED, PACE_S
from r1local.hub.regular_files import regular
from r1local.language import _
from r1local.machine.hardware import boot_id

#: Blocks per request; each request costs a round trip.
_RUN = 8
#: Failures in a row after which a download is given up. The count restarts if an attempt brought
#: more bytes than a connection at the least speed would. Fewer don't restart it, or a server that
#: drops each connection after a byte could go on for ever.
_ATTEMPTS = 8
_PROGRESS = int(LEAST_SPEED * PACE_S)
#: Seconds of the first pause after a failure, which doubles each time up to the longest; and the
#: longest pause that a server may ask for.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S, _LONGEST_ASKED_S = 0.5, 30.0, 300.0
#: Seconds between two reports, and between two flushes to the disk.
_REPORT_S, _FLUSH_S = 0.1, 2.0
#: Seconds above which the user is told about a pause.
_NOTABLE_PAUSE_S = 4.0


Report: TypeAlias = Callable[[Progress | DownloadNotice], None]


class Cancelled(Exception):
    """The user stopped the download; what has arrived is kept."""


class _Changed(Exception):
    """The file on the hub has changed since the download started."""


def fetch(
    remote: RemoteFile,
    target: Path,
    connections: int,
    report: Report,
    cancelled: Callable[[], bool],
) -> None:
    """Download a file to `target`, which appears only when the file is complete and verified.

    A partial file from an earlier download is resumed; one of another version is removed.

    Raises:
        Cancelled: `cancelled` returned True; the partial file is kept.
        ChecksumMismatch: the file arrived damaged twice.
        DownloadError: the network or the disk failed; the partial file is kept.
        HubError: the hub refuses the file.
        ModelFileError: it should be a GGUF file by its name, and is something else.
    """
    _remove_other_versions(remote, target, report)
    for last in (False, True):
        transfer = _Transfer(remote, target, connections, report, cancelled)
        try:
            if remote.sha256 in (None, transfer.run()):
                transfer.finish()
                return
        except _Changed:
            transfer.discard()
            if last:
                raise DownloadError(
                    _("{filename} keeps changing on the hub", filename=remote.filename),
                    _("try again later"),
                ) from None
            report(
                DownloadNotice(
                    _("{filename} has changed on the hub: starting again", filename=remote.filename)
                )
            )
            continue
        except ModelFileError:
            transfer.discard()
            raise
        transfer.discard()
        if not last:
            report(
                DownloadNotice(
                    _("{filename} arrived damaged: fetching it again", filename=remote.filename)
                )
            )
    raise ChecksumMismatch(
        _(
            "{filename} arrived damaged twice: its SHA-256 is not the hub's",
            filename=remote.filename,
        ),
        _("something alters the data on the way: try another network, or check disk and memory"),
    )


def _remove_other_versions(remote: RemoteFile, target: Path, report: Report) -> None:
    for partial in partials(target.parent):
        if partial.filename == remote.filename and partial.path.stem != target.name:
            message = _(
                "{filename} has changed on the hub since: starting again", filename=remote.filename
            )
            with suppress(BeingDownloaded):  # another revision, which somebody wants too
                remove_partial(remote.repo_id, partial)
                report(DownloadNotice(message))


class _Transfer:
    """One attempt at a download: the partial file, the threads that fill it, and its hash."""

    def __init__(
        self,
        remote: RemoteFile,
        target: Path,
        connections: int,
        report: Report,
        cancelled: Callable[[], bool],
    ) -> None:
        self._remote = remote
        self._target = target
        self._connections = connections
        self._report = report
        self._cancelled = cancelled
        self._part = target.with_name(target.name + PART)
        self._stop = Event()
        self._news = Condition()
        self._failure: BaseException | None = None
        self._etag: str | None = None
        self._came = 0
        self._ranged = True
        self._taken_over = False
        self._notices: deque[DownloadNotice] = deque()
        self._digest = ""
        identity = Identity(remote.repo_id, remote.filename, remote.etag, remote.size)
        with self._disk_errors():
            target.parent.mkdir(parents=True, exist_ok=True)
            if target.is_dir():  # the complete file couldn't replace it
                raise IsADirectoryError(errno.EISDIR, _("it is a folder"), str(target))
            record = target.with_name(target.name + JOURNAL)
            with open(self._part, "ab", opener=regular) as stream:
                self._journal = Journal(record, self._part, identity, boot_id())
                stream.truncate(remote.size)
        self._blocks = identity.blocks
        self._left = deque(b for b in range(self._blocks) if b not in self._journal.done)
        self._came = identity.bytes_of(self._journal.done)

    def run(self) -> str:
        """Complete the partial file; return its SHA-256 in hexadecimal."""
        works = [self._hash, self._flush, *([self._work] * self._connections)]
        threads = [Thread(target=self._guard, args=(work,), daemon=True) for work in works]
        for thread in threads:
            thread.start()
        try:
            while not self._digest:
                if self._cancelled():
                    raise Cancelled
                if self._failure:
                    raise self._failure
                while self._notices:
                    self._report(self._notices.popleft())
                self._report(Progress(self._came, self._remote.size))
                with self._news:
                    self._news.wait(_REPORT_S)
        finally:
            self._stop.set()
            self._journal.close()
        for thread in threads:
            thread.join()
        self._report(Progress(self._remote.size, self._remote.size))
        return self._digest

    def finish(self) -> None:
        """Give the completed partial file its final name, if it is what its name says."""
        with self._disk_errors():
            with open(self._part, "r+b", opener=regular) as stream:
                os.fsync(stream.fileno())
                expect_content(self._remote, stream)
            self._part.replace(self._target)
            self._journal.remove()

    def discard(self) -> None:
        """Remove a partial file that is useless."""
        self._journal.remove()
        self._part.unlink(missing_ok=True)

    def _guard(self, work: Callable[[], None]) -> None:
        """Do a thread's work; an exception in it ends the transfer."""
        try:
            with self._disk_errors():
                work()
        except BaseException as error:
            self._failure = self._failure or error
            self._stop.set()
            self._wake_all()

    def _wake_all(self) -> None:
        with self._news:
            self._news.notify_all()

    def _work(self) -> None:
        """Fetch runs of blocks until none are left."""
        with open(self._part, "r+b", buffering=0, opener=regular) as stream:
            while self._ranged and not self._stop.is_set() and (run := self._next_run()):
                self._fetch(stream, _Span(run[0] * BLOCK, (run[-1] + 1) * BLOCK))
            if not self._ranged and self._takes_over():
                self._fetch(stream, _Span(0, self._remote.size, whole=True))

    def _next_run(self) -> list[int]:
        """Take the next blocks to fetch in one request: the first missing ones in a row."""
        with self._news:
            run: list[int] = []
            most = max(1, min(_RUN, len(self._left) // self._connections))
            while self._left and len(run) < most and (not run or self._left[0] == run[-1] + 1):
                run.append(self._left.popleft())
            return run

    def _takes_over(self) -> bool:
        """Tell whether this thread is the one to fetch a file that is only served whole."""
        with self._news:
            first, self._taken_over = not self._taken_over, True
            return first

    def _fetch(self, stream: BinaryIO, span: "_Span") -> None:
        """Fetch a span of the file; after a failure, resume where it stopped."""
        span.end = min(span.end, self._remote.size)
        failures = 0
        while span.at < span.end and not self._stop.is_set():
            furthest = span.furthest
            try:
                with hub.open_range(self._remote, span.at, span.end) as piece:
                    if not self._accepts(piece, span):
                        return
                    self._receive(stream, piece, span)
                if span.at < span.end and not self._stop.is_set():
                    raise Interrupted(_("the connection was closed early"))
            except LinkExpired:
                failures += 1
                self._pause(failures, self._relocate())
            except Interrupted as error:
                failures = 1 if span.furthest - furthest > _PROGRESS else failures + 1
                self._pause(failures, error)

    def _accepts(self, piece: RangeResponse, span: "_Span") -> bool:
        """Tell whether a response can be used; without ranges, a single thread starts over."""
        with self._news:
            self._etag = self._etag or piece.etag
            if piece.etag not in (None, self._etag):
                raise _Changed
        if not piece.ranged and not span.whole and (span.at, span.end) != (0, self._remote.size):
            self._ranged = False
            return False
        if piece.ranged and piece.start != span.at:
            raise Interrupted(_("the server sent another part of the file"))
        if not piece.ranged:
            span.at = 0
        return True

    def _receive(self, stream: BinaryIO, piece: RangeResponse, span: "_Span") -> None:
        """Write arriving data to its place, and record completed blocks."""
        stream.seek(span.at)
        for chunk in piece.chunks:
            if span.at == 0:
                expect_no_other_beginning(self._remote, chunk)
            data = memoryview(chunk)
            while data and span.at < span.end and not self._stop.is_set():
                data = data[self._take(stream, data, span) :]
            if span.at == span.end or self._stop.is_set():
                return

    def _take(self, stream: BinaryIO, data: memoryview, span: "_Span") -> int:
        """Write data up to the end of a block, or skip it if the block is there already.

        Returns the number of bytes written or skipped.
        """
        block = span.at // BLOCK
        end = min((block + 1) * BLOCK, span.end)
        size = min(len(data), end - span.at)
        there = block in self._journal.done
        if there:
            stream.seek(size, os.SEEK_CUR)
        else:
            size = stream.write(data[:size])
        new = 0 if there else max(0, span.at + size - max(span.at, span.furthest))
        span.at += size
        span.furthest = max(span.furthest, span.at)
        complete = not there and span.at == end
        if complete:
            self._journal.record(block)
        with self._news:
            self._came = min(self._remote.size, self._came + new)
            if complete:
                self._news.notify_all()
        return size

    def _relocate(self) -> Interrupted:
        """Ask the hub for the file's address again; return the reason to pause."""
        try:
            found = hub.locate(self._remote.repo_id, self._remote.filename, self._remote.commit)
        except (HubUnreachable, MalformedAnswer) as error:
            return Interrupted(error.message)
        if (found.etag, found.size) != (self._remote.etag, self._remote.size):
            raise _Changed
        with self._news:
            self._remote, self._etag = found, None  # another server may use another ETag
        return Interrupted(_("the server refuses the file's address"))

    def _pause(self, failures: int, error: Interrupted) -> None:
        """Wait before the next attempt, with jitter so that connections don't retry all at once.

        Raises:
            DownloadError: this was the last attempt.
        """
        if failures >= _ATTEMPTS:
            raise DownloadError(
                _(
                    "{filename} can't be downloaded: {reason}",
                    filename=self._remote.filename,
                    reason=error.reason,
                ),
                _(
                    "what has arrived is kept: run the same command again when the network is "
                    "better"
                ),
            )
        pause = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** (failures - 1))
        pause *= random.uniform(0.75, 1.25)
        if error.retry_after is not None:
            pause = min(_LONGEST_ASKED_S, error.retry_after)
        if pause > _NOTABLE_PAUSE_S:
            self._notices.append(
                DownloadNotice(
                    _("{reason}: trying again in {pause:.0f} s", reason=error.reason, pause=pause)
                )
            )
        self._stop.wait(pause)

    def _hash(self) -> None:
        """Hash blocks as they are completed, while the system still has them in memory."""
        digest = hashlib.sha256()
        with open(self._part, "rb", opener=regular) as stream:
            for block in range(self._blocks):
                with self._news:
                    while block not in self._journal.done and not self._stop.is_set():
                        self._news.wait(_REPORT_S)
                if self._stop.is_set():
                    return
                digest.update(stream.read(BLOCK))
        self._digest = digest.hexdigest()
        self._stop.set()
        self._wake_all()

    def _flush(self) -> None:
        """Flush the data to the disk every few seconds, so that a power cut loses no more."""
        with open(self._part, "r+b", opener=regular) as stream:
            while not self._stop.wait(_FLUSH_S):
                self._journal.flush(stream.fileno())

    def _missing(self) -> int:
        return self._remote.size - self._came

    def _disk_errors(self) -> AbstractContextManager[None]:
        return disk_errors(self._remote.filename, self._remote.size, self._missing)


@dataclass(slots=True)
class _Span:
    """The bytes to fetch in one request, and the progress; `whole` if ranges aren't supported."""

    at: int
    end: int
    whole: bool = False
    furthest: int = 0
