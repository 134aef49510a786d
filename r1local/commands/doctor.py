"""`r1local doctor`: look at everything that r1local depends on, and say what to do."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from r1local.config.options import ModelFormat
from r1local.diagnosis.checkup import checks
from r1local.diagnosis.terminal import TerminalFacts
from r1local.errors import EXIT_ERROR, EXIT_OK
from r1local.events.finding import Finding
from r1local.language import _
from r1local.ui.chat.clipboard import clipboard_program, takes_osc52
from r1local.ui.console import console_for
from r1local.ui.doctor import print_advice, print_findings
from r1local.ui.progress import busy
from r1local.ui.safe_text import visible_json


@dataclass(frozen=True, slots=True)
class DoctorOptions:
    """The arguments of `doctor`."""

    offline: bool
    output_format: ModelFormat


def doctor(options: DoctorOptions) -> int:
    """Print what is right and wrong; return the exit code: 1 if something is broken."""
    if options.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"  # huggingface_hub reads it when it is imported
    out = console_for(sys.stdout)
    found: list[Finding] = []
    for check in checks(_terminal()):
        with busy(sys.stderr, _("looking at {what}", what=check.what)):
            new = check.findings()
        found += new
        if options.output_format == "text":
            print_findings(out, new)
    if options.output_format == "text":
        print_advice(out, found)
    else:
        print(_document(found))
    return EXIT_ERROR if _count(found, "broken") else EXIT_OK


def _terminal() -> TerminalFacts:
    console = console_for(sys.stdout)
    return TerminalFacts(
        interactive=console.is_terminal,
        name=os.environ.get("TERM", ""),
        colours="" if console.no_color else console.color_system or "",
        columns=console.width,
        lines=console.height,
        osc52=takes_osc52(),
        clipboard=clipboard_program(),
    )


def _count(findings: Sequence[Finding], state: str) -> int:
    return sum(finding.state == state for finding in findings)


def _document(findings: Sequence[Finding]) -> str:
    document = {
        "broken": _count(findings, "broken"),
        "warnings": _count(findings, "warning"),
        "findings": [asdict(finding) for finding in findings],
    }
    return visible_json(json.dumps(document, ensure_ascii=False, indent=2))
