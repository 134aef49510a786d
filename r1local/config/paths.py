"""Where things lie on this machine: the user's own files, and the places for models."""

import os
import re
import sys
from pathlib import Path

from platformdirs import user_cache_path, user_config_path, user_data_path, user_state_path

#: Characters of a name with its folders, and bytes of each of them, which is what Linux's file
#: systems allow (NAME_MAX, limits.h).
_LONGEST_NAME, _LONGEST_PART = 512, 255
_FORBIDDEN_IN_NAMES = re.compile(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff\\:*?"<>|]')
#: What Windows considers devices, whatever follows after a point.
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)


def config_folder() -> Path:
    """Return the folder of the user's preferences and own models; it need not exist."""
    return user_config_path("r1local")


def config_file() -> Path:
    """Return the file of the user's preferences; it need not exist."""
    return config_folder() / "config.toml"


def user_models() -> Path:
    """Return the user's own `models.toml`, which overlays the shipped one; it need not exist."""
    return config_folder() / "models.toml"


def sessions_folder() -> Path:
    """Return the folder of sessions; it need not exist."""
    return user_data_path("r1local") / "sessions"


def state_folder() -> Path:
    """Return the folder of state kept between runs, such as typed questions; it need not exist."""
    return user_state_path("r1local")


def engines_folder() -> Path:
    """Return the folder of the sockets of engines that stay in memory; it need not exist."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if os.path.isabs(runtime):  # noqa: PTH117  (empty is no path)
        return Path(runtime, "r1local")
    return cache_folder() / "engines"


def cache_folder() -> Path:
    """Return the folder of what can be found out again, such as speeds; it need not exist."""
    return user_cache_path("r1local")


def hub_cache_folder() -> Path:
    """Return Hugging Face's cache, found like in huggingface_hub, which is slow to import."""
    cache = os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))
    home = _expanded(os.environ.get("HF_HOME", str(Path(cache, "huggingface"))))
    older = os.environ.get("HUGGINGFACE_HUB_CACHE", str(Path(home, "hub")))
    return Path(_expanded(os.environ.get("HF_HUB_CACHE", older)))


def ollama_folders() -> tuple[Path, ...]:
    """Return where Ollama keeps models: the user's store and, on Linux, its system service's."""
    own = os.environ.get("OLLAMA_MODELS", "").strip(" \"'")
    folders = [Path(own) if own else Path.home() / ".ollama/models"]
    if sys.platform == "linux":
        folders.append(Path("/usr/share/ollama/.ollama/models"))
    return tuple(folders)


def lm_studio_folders() -> tuple[Path, ...]:
    """Return where LM Studio keeps models, now and in versions before 0.3.6."""
    return (Path.home() / ".lmstudio/models", Path.home() / ".cache/lm-studio/models")


def is_safe_name(name: str) -> bool:
    """Return whether a name from outside, with its folders, stays below the folder it is put in.

    It also has to be one that every system can give a file.
    """
    if _FORBIDDEN_IN_NAMES.search(name) or len(name) > _LONGEST_NAME:
        return False
    return all(map(_is_safe_part, name.split("/")))


def _is_safe_part(part: str) -> bool:
    if not part or part[-1] in ". " or len(part.encode()) > _LONGEST_PART:
        return False
    return not _DEVICES.fullmatch(part)


def from_home(text: str) -> Path:
    """Return a path in which `~` is the user's home; a user who isn't known stays as written."""
    try:
        return Path(os.path.expanduser(text))  # noqa: PTH111  (its own raises for unknown users)
    except ValueError:  # a zero byte, which no user's name contains
        return Path(text)


def is_missing(path: Path) -> bool:
    """Return whether it is certain that nothing is at a path.

    It isn't where the folder may not be entered, or where links lead in a circle: whoever then
    opens the file is told why that fails. `Path.exists` raises an error instead.
    """
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a zero byte
        return True
    except OSError:
        return False
    return False


def real_path(path: Path) -> Path:
    """Return a path with its links followed, as far as they lead anywhere.

    `Path.resolve` would raise an error for links in a circle, before Python 3.13.
    """
    try:
        return Path(os.path.realpath(path))
    except ValueError:  # a zero byte, which no file's name contains
        return path


def _expanded(path: str) -> str:
    return os.path.expandvars(from_home(path))
