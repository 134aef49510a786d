"""All commands in groups: what `--help` shows, and the module that each is declared in.

`--help` and completion need no more than this, so that they import no other command. That each
summary is the first sentence of its command's own help is tested.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from r1local.language import N_, _, is_translated


class Entry(NamedTuple):
    """A command: what it does, and its module within `r1local.cli`."""

    summary: str
    module: str


ABOUT = N_("Think with DeepSeek-R1 on your own machine.")

#: The commands by their names, in the groups and the order of the help.
GROUPS: Mapping[str, Mapping[str, Entry]] = {
    N_("Ask and chat"): {
        "chat": Entry(N_("Chat, with thinking and answers in separate panes."), "chat"),
        "run": Entry(
            N_("Answer a question on stdout, with the thinking on stderr if that is a terminal."),
            "replies",
        ),
        "sessions": Entry(
            N_("List, show, search, rename and remove saved conversations."), "sessions"
        ),
    },
    N_("Models"): {
        "pull": Entry(N_("Download models, or resume interrupted downloads."), "models"),
        "list": Entry(
            N_(
                "List the models on this machine, other programs' too, and those of your endpoints."
            ),
            "models",
        ),
        "show": Entry(N_("Show a model's facts, memory needs and likely speed here."), "models"),
        "import": Entry(N_("Give a GGUF file a name; the file stays where it is."), "models"),
        "rm": Entry(N_("Remove a model, and print how much space that freed."), "models"),
        "verify": Entry(N_("Check models' files against their checksums."), "models"),
    },
    N_("Speed"): {
        "bench": Entry(
            N_("Measure how fast a model is here: prompts, generation by depth, loading, votes."),
            "speed",
        ),
        "tune": Entry(
            N_("Find a model's fastest settings here, and show what each is worth."), "speed"
        ),
    },
    N_("Other programs, and memory"): {
        "serve": Entry(
            N_("Let other programs use models: OpenAI's and Ollama's protocols over HTTP."), "serve"
        ),
        "ps": Entry(N_("List the models that are kept in memory."), "engines"),
        "stop": Entry(N_("Free the memory of a model that is kept there."), "engines"),
    },
    N_("Settings, and help"): {
        "config": Entry(N_("List, set or unset your preferences, or edit config.toml."), "config"),
        "presets": Entry(N_("List the presets and the models' aliases in config.toml."), "config"),
        "doctor": Entry(
            N_("Check the installation, and say what to do about what is wrong."), "doctor"
        ),
        "completion": Entry(
            N_("Print a script that completes commands in your shell."), "completion"
        ),
    },
}
COMMANDS: Mapping[str, Entry] = {
    name: entry for group in GROUPS.values() for name, entry in group.items()
}
OPTIONS: Mapping[str, str] = {
    "--version": N_("Show the versions of r1local and llama.cpp, and the backends compiled in."),
    "-h, --help": N_("Show this message and exit."),
}

#: Columns of text at most, as in the help of each command.
_WIDEST, _NARROWEST = 78, 38


def print_overview() -> int:
    """Print the help of `r1local` itself; return the exit code."""
    sys.stdout.write(overview())
    return 0


def overview() -> str:
    """Return the help of `r1local` itself, as wide as the terminal."""
    return "\n".join(_lines(help_width())) + "\n"


def help_width() -> int:
    """Return how many columns a help takes."""
    return min(max(_columns() - 2, _NARROWEST), _WIDEST)


def _lines(width: int) -> Iterator[str]:
    yield from _wrapped(_("Usage: r1local [OPTIONS] COMMAND [ARGS]..."), width)
    yield ""
    yield from _wrapped(f"  {_(ABOUT)}", width, 2)
    yield from _wrapped("  " + _("Without a command, it opens a chat."), width, 2)
    for title, group in GROUPS.items():
        yield f"\n{_(title)}:"
        for name, entry in group.items():
            yield from _wrapped(f"  {name:<12}{_(entry.summary)}", width, 14)
    yield "\n" + _("Options:")
    for flags, meaning in OPTIONS.items():
        yield from _wrapped(f"  {flags:<12}{_(meaning)}", width, 14)
    yield ""
    yield from _wrapped(_("r1local COMMAND --help describes a command and its options."), width)


def _wrapped(text: str, width: int, indent: int = 0) -> Iterator[str]:
    """Yield a text's lines, the later ones indented; `textwrap` is slow to import."""
    if is_translated():  # there may be no spaces, and characters of two columns
        from r1local.ui.markdown.wrapping import wrapped_lines

        first = wrapped_lines(text, width, by_phrase=True)[0]
        yield first
        if rest := text[len(first) :].strip():
            rows = wrapped_lines(rest, width - indent, by_phrase=True)
            yield from (" " * indent + row for row in rows)
        return
    while len(text) > width and (cut := text.rfind(" ", indent, width + 1)) > indent:
        yield text[:cut].rstrip()
        text = " " * indent + text[cut + 1 :]
    yield text


def _columns() -> int:
    """Return the terminal's width as `shutil` finds it, which is slow to import."""
    try:
        return int(os.environ["COLUMNS"])
    except (KeyError, ValueError):
        pass
    try:
        return os.get_terminal_size(sys.__stdout__.fileno()).columns if sys.__stdout__ else 80
    except (OSError, ValueError):
        return 80
