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
    pages = ["# The command line\n\nGenerated from `--help` by `python -m tools.docs`.\n"]
    for command in COMMANDS:
        title = " ".join(("r1local", *command))
        pages.append(f"## {title}\n\n```text\n{_help(command)}\n```\n")
    return "\n".join(pages)


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
    environment = os.environ | {"COLUMNS": "96", "TERM": "dumb"}
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
