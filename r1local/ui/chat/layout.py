"""Where the thinking pane is, how large, and when it shows: remembered from chat to chat."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeVar, get_args

from r1local.language import N_, _

Place = Literal["auto", "right", "below"]
#: `auto` folds the pane when the answer starts; `open` keeps it; `hidden` never shows it.
Showing = Literal["auto", "open", "hidden"]

Choice = TypeVar("Choice")
_PLACES: tuple[Place, ...] = get_args(Place)
_SHOWINGS: tuple[Showing, ...] = get_args(Showing)

_SHOWING_WORDS: Mapping[Showing, str] = {
    "auto": N_("folds when the answer starts"),
    "open": N_("stays open"),
    "hidden": N_("hidden"),
}

#: The number of columns from which `auto` puts the panes side by side.
WIDE = 100
_LEAST_SHARE, _MOST_SHARE, _STEP = 20, 80, 10


@dataclass(frozen=True, slots=True)
class PaneLayout:
    """The user's choice; `share` is the thinking pane's part of the screen in percent."""

    place: Place = "auto"
    showing: Showing = "auto"
    share: int = 40

    def side_by_side(self, columns: int) -> bool:
        """Return whether the panes are side by side on a screen with this number of columns."""
        return self.place == "right" or (self.place == "auto" and columns >= WIDE)

    @property
    def showing_words(self) -> str:
        """When the thinking pane shows, in words."""
        return _(_SHOWING_WORDS[self.showing])

    def moved(self) -> "PaneLayout":
        """Return the layout with the pane in the next place."""
        return replace(self, place=_next(_PLACES, self.place))

    def shown(self) -> "PaneLayout":
        """Return the layout with the next way of showing the pane."""
        return replace(self, showing=_next(_SHOWINGS, self.showing))

    def resized(self, steps: int) -> "PaneLayout":
        """Return the layout with a larger thinking pane, or a smaller one."""
        share = min(max(self.share + steps * _STEP, _LEAST_SHARE), _MOST_SHARE)
        return replace(self, share=share)


def read_layout(path: Path) -> PaneLayout:
    """Return the choice as remembered, or the default if it can't be read."""
    with suppress(OSError, ValueError, TypeError, KeyError, OverflowError):
        kept = json.loads(path.read_text(encoding="utf-8"))
        layout = PaneLayout(kept["place"], kept["showing"], int(kept["share"]))
        if layout.place in _PLACES and layout.showing in _SHOWINGS:
            return layout.resized(0)
    return PaneLayout()


def keep_layout(path: Path, layout: PaneLayout) -> None:
    """Remember the choice; ignore a failure to write it."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.write_text(json.dumps(asdict(layout)) + "\n", encoding="utf-8")


def _next(choices: tuple[Choice, ...], current: Choice) -> Choice:
    return choices[(choices.index(current) + 1) % len(choices)]
