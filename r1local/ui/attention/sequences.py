"""What terminals are told besides text, as control sequences.

Texts are made harmless first: nothing in them can end a sequence or begin another one.
"""

import base64

from r1local.ui.attention.terminal import Abilities, Protocol
from r1local.ui.safe_text import visible_line

#: The bell; what ends an Operating System Command; and what xterm's title stack is told (ctlseqs,
#: XTWINOPS 22 and 23), in which the title of before is kept.
BELL, _ST = "\x07", "\x1b\\"
KEEP_TITLE, RESTORE_TITLE = "\x1b[22;0t", "\x1b[23;0t"
NO_PROGRESS = f"\x1b]9;4;0;0{BELL}"
_APP = "r1local"
#: Most cells of a notification: desktops cut longer ones.
_LONGEST = 160


def title(text: str) -> str:
    """Return what gives the terminal's window a title."""
    return f"\x1b]2;{one_line(text)}{BELL}"


def progress(share: float | None) -> str:
    """Return what shows how much is done, from 0 to 1; None shows that something is being done."""
    return f"\x1b]9;4;3;0{BELL}" if share is None else f"\x1b]9;4;1;{100 * share:.0f}{BELL}"


def notification(text: str, abilities: Abilities) -> str:
    """Return what has the terminal show a notification, by the way that it knows."""
    told = _told(one_line(text), abilities.protocol)
    if abilities.in_tmux and told != BELL:
        told = "\x1bPtmux;" + told.replace("\x1b", "\x1b\x1b") + _ST
    return told + BELL if abilities.rings and told != BELL else told


def restoring(abilities: Abilities) -> str:
    """Return what a program that was killed would still have said."""
    return (RESTORE_TITLE if abilities.titled else "") + (NO_PROGRESS if abilities.progress else "")


def one_line(text: str) -> str:
    """Return a text as one harmless line that isn't too long."""
    from r1local.ui.cells import cell_len, cut  # nothing has to be told when a reply begins

    line = " ".join(visible_line(" ".join(text.split())).split())
    return line if cell_len(line) <= _LONGEST else cut(line, _LONGEST - 1).rstrip() + "…"


def _told(line: str, protocol: Protocol) -> str:
    match protocol:
        case "osc9":  # what begins with a number might be one of ConEmu's commands
            return f"\x1b]9;{_APP}: {line}{BELL}"
        case "osc777":
            return f"\x1b]777;notify;{_APP};{line.replace(';', ',')}{BELL}"
        case "osc99":  # `o`: not while the window has the focus, which kitty itself knows best
            return (
                f"\x1b]99;i={_APP}:o=unfocused:e=1:d=0;{_encoded(_APP)}{_ST}"
                f"\x1b]99;i={_APP}:e=1:p=body;{_encoded(line)}{_ST}"
            )
        case "bell":
            return BELL


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
