"""What a terminal can be told besides text, as far as its variables say which one it is.

Notifications (a terminal that isn't named here has its bell):

| terminal | protocol | source |
|---|---|---|
| iTerm2 | OSC 9 | iterm2.com/documentation-escape-codes.html |
| WezTerm | OSC 9 | wezterm.org/escape-sequences.html |
| ghostty | OSC 9 | ghostty.org/docs/vt/osc/conemu |
| kitty | OSC 99 | sw.kovidgoyal.net/kitty/desktop-notifications |
| foot | OSC 777 | foot-ctlseqs(7) |
| urxvt | OSC 777 | urxvt's perl extensions, `notify` |
| VTE (GNOME) | OSC 777 | Fedora's patch; without it VTE ignores this, so its bell rings too |

Progress, OSC 9;4 (conemu.github.io/en/AnsiEscapeCodes.html): Windows Terminal (microsoft/terminal
#8055), ConEmu, ghostty 1.2, WezTerm (#6581), VTE 0.79, and iTerm2 3.6.6, which says so by the `P`
of TERM_FEATURES (iterm2.com/feature-reporting). Others take it for a notification, as kitty and
older iTerm2 do: they get none. The conditions are those of cargo (docs.rs/anstyle-progress).

In tmux these go through `allow-passthrough` (tmux(1); it is off by default, and then tmux ignores
them), and tmux has the bell in any case. It has no progress: a pane's may be out of sight.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias, get_args

#: How a terminal is told something that its user should see elsewhere.
Protocol: TypeAlias = Literal["bell", "osc9", "osc99", "osc777"]
PROTOCOLS: tuple[Protocol, ...] = get_args(Protocol)

#: VTE_VERSION from which OSC 9;4 is known: 0.79.0.
_VTE_WITH_PROGRESS = 7_900


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a terminal can be told.

    Args:
        protocol: how it shows notifications.
        rings: whether its bell is rung as well, since the protocol may have no effect.
        progress: whether it shows progress.
        titled: whether it has a title, and keeps that of the program before.
        in_tmux: whether tmux stands between, which has to be asked to pass on what it doesn't know.
    """

    protocol: Protocol = "bell"
    rings: bool = False
    progress: bool = False
    titled: bool = True
    in_tmux: bool = False


def abilities_of(environ: Mapping[str, str]) -> Abilities | None:
    """Return what the terminal can be told; None if nothing may be written to it but text."""
    name = environ.get("TERM", "")
    if name in ("", "dumb") and "WT_SESSION" not in environ:
        return None
    if name == "linux" or ("STY" in environ and "TMUX" not in environ):
        return Abilities(titled=False)  # a console without a desktop, or GNU screen
    found = _of_emulator(name, environ)
    if "TMUX" in environ:
        return replace(found, rings=True, progress=False, in_tmux=True)
    return found


def _of_emulator(name: str, environ: Mapping[str, str]) -> Abilities:
    program = environ.get("TERM_PROGRAM", "")
    if name == "xterm-kitty" or "KITTY_WINDOW_ID" in environ:
        return Abilities("osc99")
    if program == "ghostty" or name == "xterm-ghostty" or "GHOSTTY_RESOURCES_DIR" in environ:
        return Abilities("osc9", progress=True)
    if program == "WezTerm" or "WEZTERM_PANE" in environ:
        return Abilities("osc9", progress=True)
    if program == "iTerm.app" or environ.get("LC_TERMINAL") == "iTerm2":
        return Abilities("osc9", progress=_has_feature("P", environ.get("TERM_FEATURES", "")))
    if name.startswith("foot"):
        return Abilities("osc777")
    if name.startswith("rxvt"):
        return Abilities("osc777", rings=True)
    if (version := environ.get("VTE_VERSION", "")).isdecimal():
        return Abilities("osc777", rings=True, progress=int(version) >= _VTE_WITH_PROGRESS)
    shows_progress = "WT_SESSION" in environ or environ.get("ConEmuANSI") == "ON"
    return Abilities(progress=shows_progress)


def _has_feature(code: str, features: str) -> bool:
    """Tell whether a code of one capital letter is in a list such as `T3CwLrMScPU`."""
    return re.search(f"{code}(?![a-z])", features) is not None
