"""Make the generated documents, or check that they are current.

python -m tools.docs            write docs/cli.md and docs/models.md
python -m tools.docs --check    fail if either is stale
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from r1local.models.catalog import CatalogModel, load_catalog

ROOT = Path(__file__).parents[1]
MODELS_HEAD = """# Models

Generated from `models.toml` by `python -m tools.docs`. A file of the same form in r1local's
configuration folder adds models, changes facts, or hides a model with `hidden = true`.
"""
SCORES_HEAD = """Of full-precision weights, by DeepSeek; a quantization may score lower. The models
of May 2025 (0528) were measured on other editions of LiveCodeBench and Codeforces, which are left
out here because they can't be compared.
"""
SCORES = {
    "aime_2024": "AIME 2024",
    "aime_2024_cons64": "majority of 64",
    "math_500": "MATH-500",
    "gpqa_diamond": "GPQA Diamond",
    "livecodebench": "LiveCodeBench",
    "codeforces": "Codeforces",
}
MODELS = ("pull", "list", "show", "rm", "import", "verify")
SESSIONS = ("list", "show", "export", "search", "rm")
COMMANDS = (
    (),
    ("chat",),
    ("run",),
    *((name,) for name in MODELS),
    ("sessions",),
    *(("sessions", name) for name in SESSIONS),
)


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
    """The catalog: what each model is, where it comes from, and what was published of it."""
    known = load_catalog()
    shown = list(known.shown())
    pages = [MODELS_HEAD, _table(("name", "also", "model", "what it is"), map(_named, shown))]
    pages += ["## Licences and sources\n"]
    heads = ("name", "base model", "licence", "licence of the base", "repository")
    pages.append(_table(heads, (_published(model) for model in shown if model.repo_id)))
    pages += ["## Published scores\n", SCORES_HEAD]
    scored = [(f"`{model.name}`", model.scores) for model in shown if model.scores]
    scored += [(str(entry["display_name"]), dict(entry)) for entry in known.compared.values()]
    pages.append(_table(("model", *SCORES.values()), (_scored(*entry) for entry in scored)))
    return "\n".join(pages)


def _named(model: CatalogModel) -> tuple[str, ...]:
    also = ", ".join(f"`{alias}`" for alias in model.aliases)
    return f"`{model.name}`", also, model.display_name, model.summary


def _published(model: CatalogModel) -> tuple[str, ...]:
    licences = (model.license or "", model.base_license or "")
    return f"`{model.name}`", model.base_model or "", *licences, f"`{model.repo_id}`"


def _scored(name: str, scores: Mapping[str, float | str]) -> tuple[str, ...]:
    return name, *(str(scores.get(key, "")) for key in SCORES)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, ("---",) * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


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
