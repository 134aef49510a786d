"""Make the pictures in docs/images/ anew, or check that what they show is what the program prints.

python -m tools.screenshots            run every scene and draw it, on a dark and a light background
python -m tools.screenshots --check    fail if the text in a picture isn't the program's any more
"""

import sys
from pathlib import Path

from tools.screenshots.scenes import SCENES, Scene, played
from tools.screenshots.svg import PALETTES, drawn, text_in
from tools.screenshots.wording import steady

IMAGES = Path(__file__).parents[2] / "docs" / "images"


def main() -> int:
    """Draw or check each scene; return the exit code."""
    if "--check" not in sys.argv[1:]:
        for scene in SCENES:
            draw(scene)
        return 0
    stale = [name for scene in SCENES for name in stale_pictures(scene)]
    for name in stale:
        print(f"docs/images/{name} is stale: run python -m tools.screenshots", file=sys.stderr)
    return 1 if stale else 0


def draw(scene: Scene) -> None:
    """Play a scene in each theme, and write its pictures."""
    IMAGES.mkdir(exist_ok=True)
    for theme, palette in PALETTES.items():
        picture = drawn(played(scene, theme), scene.title, palette)
        path_of(scene, theme).write_text(picture, encoding="utf-8")


def stale_pictures(scene: Scene) -> list[str]:
    """Play a scene once, and return the names of its pictures that show another text."""
    rows = steady(row.text for row in played(scene, "dark"))
    paths = [path_of(scene, theme) for theme in PALETTES]
    return [
        path.name
        for path in paths
        if not path.exists() or steady(text_in(path.read_text(encoding="utf-8"))) != rows
    ]


def path_of(scene: Scene, theme: str) -> Path:
    """Return where the picture of a scene is."""
    return IMAGES / f"{scene.name}-{theme}.svg"


if __name__ == "__main__":
    sys.exit(main())
