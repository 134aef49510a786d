"""What the pictures show: commands on a pseudo-terminal, with nothing prepared but a theme."""

import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from testing.pseudo_terminal import PseudoTerminal
from tools.screenshots.rows import Row, rows_of

ROOT = Path(__file__).parents[2]
_F2 = "\x1bOQ"
#: Rows of a screen on which a command's output is never scrolled away.
_TALL = 60
#: Seconds without anything new after which a screen is taken to be complete.
_STILL_S = 0.7


@dataclass(frozen=True, slots=True)
class Scene:
    """A picture: its file's name, what it shows, and what is typed.

    Args:
        name: of its files.
        title: what it shows, for people who don't see it.
        arguments: what is typed after `r1local`.
        columns: the terminal's width.
        lines: its height; by default as high as what is printed.
        act: types and waits for what is to be seen; by default the command ends by itself.
        notices: whether what goes to stderr is in the picture.
    """

    name: str
    title: str
    arguments: tuple[str, ...]
    columns: int
    lines: int = _TALL
    act: Callable[[PseudoTerminal], None] | None = None
    notices: bool = True


def _chat(terminal: PseudoTerminal) -> None:
    """Ask twice on an empty screen, and open the last thought."""
    terminal.wait_for(lambda: "Ctrl-D leaves" in terminal.shown)
    terminal.type("/clear\r")  # the first words tell how fast a model may be on this machine
    terminal.wait_for(lambda: "Ctrl-D leaves" not in terminal.shown)
    for question, answer in (
        ("What is 27 + 58?", "▐85▌"),
        ("りんごが12個あります。30個もらうと、全部で何個ですか。", "▐42▌"),
    ):
        terminal.type(f"{question}\r")
        terminal.wait_for(lambda answer=answer: answer in terminal.shown)  # type: ignore[misc]
        terminal.wait_for(lambda: terminal.shown.count("tokens/s"))
    terminal.type(_F2)
    terminal.wait_for(lambda: "Thought for" in terminal.shown)
    _wait_until_still(terminal)


def _wait_until_still(terminal: PseudoTerminal) -> None:
    """Wait until the screen has stayed the same for a while: it is painted in several steps."""
    seen, since = "", monotonic()

    def is_still() -> bool:
        nonlocal seen, since
        if terminal.stream != seen:
            seen, since = terminal.stream, monotonic()
        return monotonic() - since > _STILL_S

    terminal.wait_for(is_still)


SCENES = (
    Scene(
        "chat",
        "The chat: questions and answers on the left, the last thought on the right.",
        ("chat", "-m", "nano", "--session", "sums", "--temperature", "0"),
        columns=100,
        lines=15,
        act=_chat,
    ),
    Scene(
        "votes",
        "A vote: the answer that most of sixteen replies give, and how many gave each.",
        ("run", "-m", "nano", "--votes", "16", "--temperature", "1.6", "--seed", "7", "123 * 45"),
        columns=84,
    ),
    Scene(
        "show",
        "A model's card: facts, published scores, and which quantization fits this machine.",
        ("show", "7b"),
        columns=100,
        notices=False,  # that the hub isn't asked
    ),
)


def played(scene: Scene, theme: str) -> list[Row]:
    """Play a scene in a home of its own; return the rows of the screen at its end."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        terminal = stack.enter_context(_terminal(scene, home, theme))
        if scene.act is None:
            terminal.finish()
        else:
            terminal.wait_for(lambda: "❯" in terminal.shown)
            scene.act(terminal)
        rows = rows_of(terminal.screen)
    if scene.act is None:
        rows = [Row.plain(_command_line(scene)), *rows]
    while rows and not rows[-1].text.strip():
        rows.pop()
    return rows


def _terminal(scene: Scene, home: Path, theme: str) -> PseudoTerminal:
    """Start a scene's command where there is nothing but a configuration."""
    config = home / "config" / "r1local" / "config.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'[theme]\nbase = "{theme}"\n', encoding="utf-8")
    kinds = ("CONFIG", "DATA", "STATE", "CACHE")
    folders = {f"XDG_{kind}_HOME": str(home / kind.lower()) for kind in kinds}
    command = [sys.executable, "-m", "r1local", *scene.arguments]
    if not scene.notices:
        command = ["sh", "-c", 'exec "$@" 2>/dev/null', "sh", *command]
    return PseudoTerminal(
        command,
        columns=scene.columns,
        lines=scene.lines,
        HOME=str(home),
        HF_HOME=str(home / "hub"),
        HF_HUB_OFFLINE="1",  # the card's facts are the catalog's
        COLORTERM="truecolor",
        LC_ALL="C.UTF-8",  # whoever draws them, README is in English
        PYTHONPATH=str(ROOT),
        **folders,
    )


def _command_line(scene: Scene) -> str:
    words = (f'"{word}"' if " " in word else word for word in scene.arguments)
    return f"$ r1local {' '.join(words)}"
