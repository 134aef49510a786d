"""What every test has: a home of its own, and the command as a person would start it."""

import os
import signal
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import settings

from testing.command import COMMAND, Completed, Run, Scripted
from testing.models import write_scripted_model
from testing.waiting import PATIENCE_S

# A clock says how busy the machine is, not whether a law holds.
settings.register_profile("r1local", deadline=None)
settings.load_profile("r1local")


def pytest_configure() -> None:
    """Let programs be stopped by signals that whoever started the tests ignores, as nohup does."""
    for number in (signal.SIGHUP, signal.SIGTERM):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _no_real_home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Move home for fixtures that outlive a test, too: they are made before a test's own home."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        _move_home(monkeypatch, tmp_path_factory.mktemp("home"))
        yield


@pytest.fixture(autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that nothing is in yet."""
    folder = tmp_path_factory.mktemp("home")
    _move_home(monkeypatch, folder)
    return folder


def _move_home(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Keep the real home directory, and the caller's terminal settings, out of reach."""
    for variable in ("HOME", "USERPROFILE", "LOCALAPPDATA", "APPDATA"):
        monkeypatch.setenv(variable, str(folder))
    for variable in ("CONFIG_HOME", "DATA_HOME", "STATE_HOME", "CACHE_HOME", "RUNTIME_DIR"):
        monkeypatch.delenv(f"XDG_{variable}", raising=False)
    for variable in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    for variable in [name for name in os.environ if name.startswith("R1LOCAL_")]:
        monkeypatch.delenv(variable)
    monkeypatch.delenv("OLLAMA_MODELS", raising=False)
    for variable in ("LC_ALL", "LC_MESSAGES", "LANGUAGE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    for variable in ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "LINES"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def run() -> Run:
    """`r1local run ARGUMENTS` in a process of its own, with pipes and no stdin."""

    def start(*arguments: str | Path, stdin: str | bytes | None = None) -> Completed:
        result = subprocess.run(
            [*COMMAND, "run", *map(str, arguments)],
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            stdin=subprocess.DEVNULL if stdin is None else None,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return subprocess.CompletedProcess(
            result.args,
            result.returncode,
            result.stdout.decode("utf-8", "surrogateescape"),
            result.stderr.decode("utf-8", "surrogateescape"),
        )

    return start


@pytest.fixture
def scripted(tmp_path: Path) -> Scripted:
    """A model that replies with the text given, inside an opened thought."""

    def write(reply: str | bytes | Sequence[int], **options: object) -> Path:
        return write_scripted_model(tmp_path / "scripted.gguf", reply, **options)  # type: ignore[arg-type]

    return write
