"""Everything that is looked at, in the order in which it is told."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial

from r1local.diagnosis import network, settings, storage
from r1local.diagnosis.gpus import judged_gpus
from r1local.diagnosis.installation import described_build, judged_build, versions_found
from r1local.diagnosis.resources import resources
from r1local.diagnosis.self_test import self_test
from r1local.diagnosis.terminal import TerminalFacts, judged_terminal
from r1local.events.finding import Finding, broken
from r1local.language import _, reason_of
from r1local.machine.gpus import installed_gpus


@dataclass(frozen=True, slots=True)
class Check:
    """One thing to look at: what it is, in words for who waits, and how."""

    what: str
    look: Callable[[], Iterator[Finding]]

    def findings(self) -> list[Finding]:
        """Look, and return what was found.

        What the system refuses meanwhile is a finding too.
        """
        try:
            return list(self.look())
        except OSError as error:
            text = _("looking at {what} fails: {reason}", what=self.what, reason=reason_of(error))
            return [broken("system", text, "df -h", _("is there room in the temporary folder?"))]


def checks(terminal: TerminalFacts) -> tuple[Check, ...]:
    """Return everything to look at; llama.cpp is asked once how it was built."""
    build = cache(described_build)
    return (
        Check(_("versions"), versions_found),
        Check("llama.cpp", lambda: judged_build(build())),
        Check(_("cores and memory"), resources),
        Check(_("GPUs"), lambda: judged_gpus(build(), *installed_gpus())),
        Check(_("the disk"), storage.cache_space),
        Check(_("the hub"), network.hub),
        Check(_("proxies"), network.proxies),
        Check(_("sessions"), storage.session_permissions),
        Check(_("the terminal"), partial(judged_terminal, terminal)),
        Check(_("settings"), settings.settings),
        Check(_("a reply"), lambda: self_test(build())),
    )
