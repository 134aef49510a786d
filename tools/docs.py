"""Generate documents from the code, or check that they are up to date.

python -m tools.docs            write docs/cli.md, config.md and models.md, and docs/man/
python -m tools.docs --check    fail if one of them is stale
"""

import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from typer.core import TyperGroup

from r1local.cli.app import command_of
from r1local.cli.overview import COMMANDS
from r1local.config.keys import ACTIONS
from r1local.config.option import Group, Option
from r1local.config.options import in_catalog, in_group
from r1local.config.theme import BASES, ROLES
from r1local.models.catalog import CatalogModel, load_catalog
from tools.man_pages import man_pages

ROOT = Path(__file__).parents[1]
MODELS_HEAD = """# Models

Generated from `models.toml` by `python -m tools.docs`. You can put a file of the same format and
name into r1local's configuration folder to add models, change their facts, or hide a model with
`hidden = true`.
"""
CONFIG_HEAD = """# Preferences

Generated from `r1local/config/options.py` by `python -m tools.docs`.

Put settings that should always apply into `config.toml`; `r1local config path` prints where it is.
What concerns a single question stays on the command line: the prompt and its files, the output
format, the number of votes, a chat template's variables.

```toml
# config.toml
model = "7b"
vi = true
think_budget = 2000

[models."7b"]
context = 16384
temperature = 0.5
```

A table `[models."NAME"]` applies to one model. NAME is what you type after `-m`, or one of the
catalog's names or aliases, in upper or lower case. The most specific name wins: `"7b:q5_k_m"`
overrides `"7b"`.

A table `[endpoints.NAME]` names a server elsewhere, and may have settings for all of its models;
see [remote.md](remote.md). Tables `[presets.NAME]` and `[aliases]` are [below](#presets).

`r1local config` lists every setting, its value, and where the value comes from. `r1local config
set think-budget 2000` writes a setting for you, and `r1local config unset think-budget` removes
it; add `--model 7b` to do so for that model only. The rest of the file, comments included, stays
as it is. `r1local config edit` opens the file in your editor.

A setting's value comes from the first of these places that has one:

1. the command line: `--think-budget 2000`. It can also turn off what config.toml turns on:
   `--no-vi`, `--think`, `--think-budget none`
2. the environment: `R1LOCAL_THINK_BUDGET=2000`
3. the preset that was chosen, with `-p NAME` or `/preset`
4. the model's table in `config.toml`
5. the rest of `config.toml`
6. the model's entry in `models.toml`, which may set CATALOG
7. the built-in default

`effort` and `think_budget` are two ways to set the same thing: the one set in the earlier place
wins, and if one place sets both, `think_budget` does. `system` applies to new conversations; a
session that you continue keeps its own. `no_save` is ignored when you name a session. A relative
path in `config.toml` is relative to the file's folder.

In the tables below, *a model* in the last column means that a model's table can set the key, and
`/set` that a chat can change it. In a chat and on the command line, keys are written with hyphens
(`--think-budget`).
""".replace("CATALOG", ", ".join(f"`{option.key}`" for option in in_catalog()))
CONFIG_FOOT = """## Presets

A preset has a name, and what you would otherwise type each time: a model, a system prompt,
settings, and the text of the question.

```toml
[presets.review]
model = "7b"
system = "You review code."
temperature = 0.3
effort = "medium"
prompt = '''
Review this {language} code. Answer with a list, as {{"line": number, "remark": text}}.

{input}'''

[presets.joke]
prompt = "Tell me a joke."
```

```console
$ git diff | r1local run -p review -F language=Python
$ r1local run -p review -F language=Rust "fn main() { loop {} }"
$ r1local chat -p review -F language=C
$ r1local presets                                    # and the aliases; --json for programs
$ r1local config set presets.review.temperature 0.2  # or edit the file: r1local config edit
$ r1local config unset presets.joke
```

A preset may set what `run` or `chat` can set by the tables above, and `prompt`. In a prompt,
`{input}` stands for your question: the argument, or what is piped in if there is no argument.
Every other `{name}` is a field that you fill in with `-F name=value`; one that lacks its value is
an error that says so. `{{` and `}}` are braces, as JSON in a prompt has them; braces in what you
ask and pipe in mean nothing. A prompt without `{input}` is a question by itself; an argument is
added below it, and what is piped in is a document that it is about.

In a chat, a prompt with `{input}` takes every question that you type, and one without is asked
first. `/preset` lists the presets, and `/preset review language=C` chooses one
([chat.md](chat.md)). A session keeps the preset's name, so that its system prompt and settings
hold when you go on; its prompt only where you name it again. `-p none` and `/preset none` leave a
session's preset.

A setting of the command line or of the environment counts more than a preset's, and a preset's
more than those for a model. So `R1LOCAL_MODEL` overrides the model of a preset; when you go on
with a session, a preset that you name counts more than the session's own model and settings.

## Aliases

```toml
[aliases]
fast = "1.5b:q4_k_m"
work = "lab:deepseek-r1"
```

An alias stands for a whole name of a model wherever one is taken: `-m fast`, `r1local show fast`,
`r1local pull fast`, `model = "fast"`, `/model fast`. It may not have the name of a model that the
catalog knows; if it does, that is an error as soon as the name is used. Tables `[models."NAME"]`
have the model's own name.
"""
THEME_HEAD = """## Colours

The table `[theme]` has a `base` and colours of your own on top of it. They hold for the chat and
for everything else on a terminal. `r1local config` lists all of them and all
keys below; `r1local config set theme.base dark` or `set keys.help f10` writes one.

```toml
[theme]
base = "dark"
thinking = "italic #a0a0ff"
error = "bold bright-red"
```

| base | what it is |
|---|---|
| `auto` | the default: the terminal's own colours, which suit its background |
| `dark` | for dark backgrounds, whatever the terminal's own colours are |
| `light` | for light ones |
| `high-contrast` | no colours, nothing dim: bold, italics, underlines, reverse tell things apart |
| `none` | no colours, and nothing dim |

The colours of `dark` and `light` have a contrast of at least 4.5 against usual backgrounds, as
WCAG 2.2 asks for; a test computes it. No colour has much more against both black and white, which
is why `high-contrast` has none.

A value is a colour, attributes, or both: `black`, `red`, `green`, `yellow`, `blue`, `magenta`,
`cyan`, `white`, each also with `bright-`, `#5fd7ff`, or `default`; `bold`, `dim`, `italic`,
`underline`, `reverse`. A terminal with fewer colours shows the nearest it has. With `NO_COLOR` or
`TERM=dumb` there are no colours, whatever is set here.
"""
KEYS_HEAD = """## Keys

The table `[keys]` gives the chat's actions other keys: one, a list of them, or `"none"`. The
chat's help and status line tell the keys that are bound.

```toml
[keys]
answer_now = "ctrl-t"
leave = ["ctrl-d", "f10"]
editor = "alt-e"
move_pane = "none"
```

A key is a character or one of `enter`, `tab`, `backspace`, `delete`, `insert`, `home`, `end`,
`pageup`, `pagedown`, `up`, `down`, `left`, `right`, `space`, `f1` to `f24`, after `ctrl-`, `alt-`
or `shift-`. Several with spaces between are pressed one after the other: `ctrl-x ctrl-e`.
prompt_toolkit's names (`c-t`) are understood too.

Refused are keys that a terminal can't send, such as `ctrl-i`, which is `tab` to it, keys that are
needed for typing, and a key for two actions, also where one begins with the other. `Ctrl-C` always
stops the reply. A key of yours counts before the editing keys of Emacs and vi.
"""
CONFIG_GROUPS: Mapping[Group, str] = {
    "program": "The program",
    "reply": "Replies",
    "loading": "Loading models",
    "vote": "Votes",
    "endpoint": "Servers elsewhere",
}
DRAFTS_HEAD = """\
Smaller models that can draft for a larger one ([run.md](run.md#drafts)): `r1local pull NAME
--with-draft` downloads the first of them as well. What isn't a name is a repository whose files
nobody has checked here; whether its vocabulary is the model's is checked when it is loaded.
"""
SCORES_HEAD = """DeepSeek measured these scores with full-precision weights; a quantization may
score lower. The models of May 2025 (0528) were measured on other editions of LiveCodeBench and
Codeforces; those scores are left out here because they aren't comparable.
"""
SCORES = {
    "aime_2024": "AIME 2024",
    "aime_2024_cons64": "majority of 64",
    "math_500": "MATH-500",
    "gpqa_diamond": "GPQA Diamond",
    "livecodebench": "LiveCodeBench",
    "codeforces": "Codeforces",
}


def main() -> int:
    """Write or check each document; return the exit code."""
    checking = "--check" in sys.argv[1:]
    stale = []
    pages = {"cli.md": cli_page(), "config.md": config_page(), "models.md": models_page()}
    pages |= {f"man/{name}": text for name, text in man_pages().items()}
    for path in (ROOT / "docs/man").glob("*"):
        if f"man/{path.name}" not in pages:
            stale.append(f"man/{path.name}")
    for name, text in pages.items():
        path = ROOT / "docs" / name
        if checking and (not path.exists() or path.read_text(encoding="utf-8") != text):
            stale.append(name)
        elif not checking:
            path.write_text(text, encoding="utf-8")
    for name in stale:
        print(f"docs/{name} is stale: run python -m tools.docs", file=sys.stderr)
    return 1 if stale else 0


def cli_page() -> str:
    """Return the page with every command's help."""
    pages = ["# The command line\n\nGenerated from `--help` by `python -m tools.docs`.\n"]
    for path in ((), *_commands(COMMANDS)):
        title = " ".join(("r1local", *path))
        pages.append(f"## {title}\n\n```text\n{_help(path)}\n```\n")
    return "\n".join(pages)


def _commands(names: Iterable[str], group: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words that lead to each command, those in groups included."""
    for name in names:
        path = (*group, name)
        yield path
        command, _path = command_of(path)
        if isinstance(command, TyperGroup):
            yield from _commands(command.commands, path)


def config_page() -> str:
    """Return the page of preferences: key, purpose, values, and where each can be set."""
    pages = [CONFIG_HEAD]
    heads = ("key", "what it does", "value", "built in", "command line", "also")
    for group, title in CONFIG_GROUPS.items():
        options = [option for option in in_group(group) if option.preference]
        pages += [f"## {title}\n", _table(heads, map(_preference, options))]
    pages += [CONFIG_FOOT, THEME_HEAD, _theme_table(), KEYS_HEAD, _keys_table()]
    return "\n".join(pages)


def _theme_table() -> str:
    """Return what has a colour of its own, and how it looks in the themes that have colours."""
    bases = ("auto", "dark", "light")
    rows = (
        (f"`{role}`", told, *(f"`{BASES[base][role]}`" for base in bases))
        for role, told in ROLES.items()
    )
    return _table(("key", "what it is for", *bases), rows)


def _keys_table() -> str:
    """Return what keys can do, and the keys that do it if none are set."""
    rows = (
        (f"`{name}`", f"`{each.key}`", each.told, "full screen" if each.full_screen else "every")
        for name, each in ACTIONS.items()
    )
    return _table(("key", "built in", "what it does", "chat"), rows)


def _preference(option: Option) -> tuple[str, ...]:
    also = {"a model": option.per_model, "`/set`": option.group == "reply"}
    return (
        f"`{option.key}`",
        option.help.rstrip("."),
        option.kind.range,
        option.default_words,
        ", ".join(f"`{command}`" for command in option.commands),
        ", ".join(place for place, can in also.items() if can),
    )


def models_page() -> str:
    """Return the page of the catalog: each model, its origin, and its published scores."""
    known = load_catalog()
    shown = list(known.shown())
    pages = [MODELS_HEAD, _table(("name", "also", "model", "what it is"), map(_named, shown))]
    pages += ["## Licences and sources\n"]
    heads = ("name", "base model", "licence", "licence of the base", "repository")
    pages.append(_table(heads, (_published(model) for model in shown if model.repo_id)))
    pages += ["## Draft models\n", DRAFTS_HEAD]
    drafts = ((f"`{each.name}`", _drafts(each)) for each in shown if each.drafts)
    pages.append(_table(("name", "draft models"), drafts))
    pages += ["## Published scores\n", SCORES_HEAD]
    scored = [(f"`{model.name}`", model.scores) for model in shown if model.scores]
    scored += [(str(entry["display_name"]), dict(entry)) for entry in known.compared.values()]
    pages.append(_table(("model", *SCORES.values()), (_scored(*entry) for entry in scored)))
    return "\n".join(pages)


def _named(model: CatalogModel) -> tuple[str, ...]:
    also = ", ".join(f"`{alias}`" for alias in model.aliases)
    return f"`{model.name}`", also, model.display_name, model.summary


def _drafts(model: CatalogModel) -> str:
    return ", ".join(f"`{draft}`" for draft in model.drafts)


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
