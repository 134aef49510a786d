"""`r1local import`: give a GGUF file a name, leaving it where it is."""

import sys
from dataclasses import dataclass
from pathlib import Path

from r1local.errors import EXIT_OK
from r1local.language import _
from r1local.models.store.own_models import register
from r1local.ui.console import console_for, print_notice


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """The arguments of `import`; without a `name`, the model is named after the file."""

    path: Path
    name: str | None


def import_model(options: ImportOptions) -> int:
    """Add a file to the user's models file; return the exit code.

    Raises:
        R1LocalError: as `register`; nothing has changed then.
    """
    name = register(options.path, options.name)
    print_notice(
        console_for(sys.stderr),
        _('imported as {name}; run it with: r1local run -m {name} "…"', name=name),
    )
    return EXIT_OK
