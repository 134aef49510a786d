"""Make the generated documents, or check that they are current.

python -m tools.docs            write docs/cli.md and docs/models.md
python -m tools.docs --check    fail if either is stale
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
COMMANDS = ((), ("run",))


def main() -> int:
    """Write or check each document; return the exit code."""
    checking = "--check" in sys.argv[1:]
    stale = []
    for name, text in (("cli.md", cli_page()), ("models.md", models_page())):
        path = ROOT / "docs" / name
        if checking and (not path.exists() or path.read_text(encoding="utf-8") != text):
            stale.append(name)
        elif not checking:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"docs/{name} is stale: run python -m tools.docs", file=sys.stderr)
    return 1 if stale else 0


def cli_page() -> str:
    """Every command's help."""
    pages = [
        "# The command line\n\nGenerated from `--help` by `python -m tools.docs`.\n\n" + EXIT_CODES
    ]
    for command in COMMANDS:
        title = " ".join(("r1local", *command))
        pages.append(f"## {title}\n\n```text\n{_help(command)}\n```\n")
    return "\n".join(pages)


EXIT_CODES = """## Exit codes

| code | meaning |
|---|---|
| 0 | the reply has an answer |
| 1 | an error: one sentence and a hint on stderr, nothing on stdout |
| 2 | wrong usage of the command line |
| 3 | the reply ended without an answer (or, with `--answer-only`, without a `\\boxed{}`) |
| 70 | a bug in r1local; the hint names a log file |
| 130 | stopped with Ctrl-C; what was generated until then was written |
| 141 | whoever read stdout stopped reading, as in `r1local run … \\| head -1` |
"""


def models_page() -> str:
    """The catalog as a table."""
    models = tomllib.loads((ROOT / "models.toml").read_text(encoding="utf-8"))
    rows = (
        f"| `{name}` | {entry['display_name']} | {entry['license']} | {entry['summary']} |"
        for name, entry in models.items()
    )
    return (
        "# Models\n\nGenerated from `models.toml` by `python -m tools.docs`.\n\n"
        "| name | model | licence | what it is |\n|---|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def _help(command: tuple[str, ...]) -> str:
    environment = os.environ | {"COLUMNS": "96", "NO_COLOR": "1", "TERM": "dumb"}
    result = subprocess.run(
        [sys.executable, "-m", "r1local", *command, "--help"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        cwd=ROOT,
        env=environment,
    )
    return "\n".join(line.rstrip() for line in result.stdout.strip("\n").splitlines())


if __name__ == "__main__":
    sys.exit(main())
