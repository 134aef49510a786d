"""`r1local doctor`, as a person would start it, on machines with all kinds of faults."""

import json
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from r1local.config.paths import config_file, sessions_folder
from r1local.machine.gpus import installed_gpus
from testing.command import COMMAND, ROOT, Completed
from testing.homes import r1local
from testing.loopback_hub import Hub, loopback_hub
from testing.programs import FakePrograms, fake_programs
from testing.pseudo_terminal import PseudoTerminal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="the programs are shell scripts"),
]

TOKEN = "hf_secretsecretsecretsecret"
AREAS = (
    *("versions", "llama.cpp", "cores", "memory", "GPUs", "disk", "hub", "proxies"),
    *("sessions", "terminal", "settings", "self-test"),
)


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakePrograms:
    """Nothing of this machine's own programs, terminal and hub."""
    for name in ("HF_TOKEN", "HF_ENDPOINT", "TMUX", "HTTP_PROXY", "HTTPS_PROXY", "CC", "CXX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    return fake_programs(tmp_path / "bin", monkeypatch)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Any:
    with loopback_hub() as served:
        monkeypatch.setenv("HF_ENDPOINT", served.url)
        yield served


def examined(*arguments: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """Return the exit code, and the findings by area."""
    result = r1local("doctor", "--json", *arguments)
    assert result.stderr == ""
    document = json.loads(result.stdout)
    areas: dict[str, list[dict[str, Any]]] = {}
    for finding in document["findings"]:
        assert finding["hint"] or finding["state"] != "warning"
        assert finding["command"] or finding["state"] != "broken"
        areas.setdefault(finding["area"], []).append(finding)
    states = [each["state"] for found in areas.values() for each in found]
    assert document["broken"] == states.count("broken")
    assert document["warnings"] == states.count("warning")
    assert result.returncode == (1 if "broken" in states else 0)
    return result.returncode, areas


def only(areas: Mapping[str, list[dict[str, Any]]], area: str) -> dict[str, Any]:
    (finding,) = areas[area]
    return finding


def test_a_healthy_machine(hub: Hub) -> None:
    code, areas = examined()
    assert code == 0
    assert tuple(areas) == AREAS
    if not installed_gpus()[0]:
        assert only(areas, "GPUs")["text"] == "none found: models run on the CPU"
    assert only(areas, "hub")["state"] == "ok"
    assert only(areas, "self-test")["facts"]["right"] is True
    assert [path for _method, path, _headers in hub.requests][-1] == "/api/models"


@pytest.mark.usefixtures("hub")
def test_text_and_its_last_line() -> None:
    result = r1local("doctor")
    lines = result.stdout.splitlines()
    assert (result.returncode, result.stderr) == (0, "")
    starts = tuple(line[5:15].strip() for line in lines if line.startswith(("ok", "warn")))
    assert starts == AREAS
    if "warn" not in {line[:4] for line in lines}:  # a processor may have more than was built for
        assert lines[-1] == "Everything works."


def test_both_forms_of_json_and_no_others() -> None:
    assert json.loads(r1local("doctor", "--format", "json", "--offline").stdout)["broken"] == 0
    assert r1local("doctor", "--format", "xml").returncode == 2


@pytest.mark.parametrize("variable", [True, False])
def test_offline_nobody_is_asked(variable: bool, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    if variable:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    code, areas = examined(*([] if variable else ["--offline"]))
    assert code == 0
    assert "not asked, since you are offline · token from HF_TOKEN" in only(areas, "hub")["text"]
    assert hub.requests == []


def test_a_hub_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    code, areas = examined()
    assert code == 0
    assert only(areas, "hub")["state"] == "warning"


def test_no_secret_is_printed(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.faults.api_status = 401
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HTTPS_PROXY", "http://me:sesame@127.0.0.1:9")
    for arguments in ((), ("--json",)):
        result = r1local("doctor", *arguments)
        assert result.returncode == 1
        assert "hf auth login" in result.stdout
        assert TOKEN not in result.stdout + result.stderr
        assert "sesame" not in result.stdout + result.stderr


def test_gpus_that_the_build_can_not_use(programs: FakePrograms) -> None:
    programs.says("nvidia-smi", "NVIDIA GeForce RTX 4090, 24564, 23000, 570.86.15\n")
    programs.says("rocm-smi", "\x1b[2Jno GPUs", code=1)
    programs.says("vulkaninfo", "\x1b]0;evil\x07")
    code, areas = examined("--offline")
    assert code == 0
    *silent, card = areas["GPUs"]
    assert [each["text"] for each in silent] == ["rocm-smi fails: \x1b[2Jno GPUs"]
    assert card["state"] == "warning"
    assert card["command"].startswith(f'CMAKE_ARGS="-DGGML_CUDA=on" {sys.executable} -m pip ')
    assert "\x1b" not in r1local("doctor", "--json", "--offline").stdout


def broken_llama(folder: Path, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = folder / "broken/llama_cpp"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "llama_cpp.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(package.parent), str(ROOT)]))


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import os; os.abort()", "it crashes (SIGABRT)"),
        ("raise OSError('libllama.so: gone')", "the system says: libllama.so: gone"),
        ("raise RuntimeError('another system')", "the system says: another system"),
    ],
)
def test_a_llama_cpp_that_does_not_load(
    code: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken_llama(tmp_path, code, monkeypatch)
    exit_code, areas = examined("--offline")
    assert exit_code == 1
    assert tuple(areas) == AREAS
    for area in ("llama.cpp", "self-test"):
        assert only(areas, area)["state"] == "broken"
        assert "--force-reinstall" in only(areas, area)["command"]
    assert only(areas, "llama.cpp")["text"] == f"llama.cpp can't be loaded: {why}"


def test_the_last_lines_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken_llama(tmp_path, "import os; os.abort()", monkeypatch)
    monkeypatch.setenv("R1LOCAL_VII", "on")
    result = r1local("doctor", "--offline")
    assert result.returncode == 1
    head, _what, advice = result.stdout.partition("2 broken, 1 to improve. What to do:\n")
    assert "FAIL llama.cpp" in head
    assert "FAIL self-test" in head
    lines = advice.splitlines()
    assert lines[0] == "llama.cpp: build it again on this machine"
    assert lines[1].startswith(f"  {sys.executable} -m pip install --force-reinstall")
    assert lines[2:] == ["settings: did you mean R1LOCAL_VI?", "  unset R1LOCAL_VII"]


def test_no_room_on_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "linux":
        pytest.skip("needs a file system without any room")
    monkeypatch.setenv("HF_HUB_CACHE", "/proc/none")
    code, areas = examined("--offline")
    assert (code, only(areas, "disk")["state"]) == (1, "broken")


def test_sessions_that_others_can_read() -> None:
    sessions_folder().mkdir(parents=True, mode=0o755)
    code, areas = examined("--offline")
    found = only(areas, "sessions")
    assert (code, found["state"]) == (0, "warning")
    subprocess.run(["/bin/sh", "-c", f"PATH=/bin:/usr/bin {found['command']}"], check=True)
    assert stat.S_IMODE(sessions_folder().stat().st_mode) == 0o700


def test_a_broken_config_breaks_nothing_else() -> None:
    config_file().parent.mkdir(parents=True)
    config_file().write_text("model = \n")
    code, areas = examined("--offline")
    assert (code, only(areas, "settings")["command"]) == (1, "r1local config edit")
    assert only(areas, "self-test")["state"] == "ok"


def test_programs_that_hang_are_not_waited_for(programs: FakePrograms) -> None:
    programs.add("nvidia-smi", "/bin/sleep 300 & wait")
    _code, areas = examined("--offline")
    assert only(areas, "GPUs")["text"] == "nvidia-smi doesn't answer within 10 s"


def test_on_a_terminal_it_fits_one_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    command = [*COMMAND, "doctor", "--offline"]
    with tempfile.TemporaryDirectory() as home:  # as short as people's: a test's own is longer
        monkeypatch.setenv("HOME", home)
        with PseudoTerminal(command, columns=80, lines=24) as terminal:
            assert terminal.finish() == 0
            shown = terminal.shown
    assert shown.startswith("ok   versions")
    assert "ok   self-test 27 + 58 = 85" in shown


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/full")
def test_nothing_to_write_to() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        result: Completed = subprocess.run(
            [*COMMAND, "doctor", "--offline"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert result.returncode == 1
    assert "can't be written" in result.stderr
