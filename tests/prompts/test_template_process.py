"""Templates in a process of their own: what they can't do to r1local, and when they end."""

import gc
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from r1local.errors import ChatTemplateError
from r1local.gguf.file import read_gguf, read_header
from r1local.prompts import template_process
from r1local.prompts.template_process import TemplateProgram
from testing.command import ROOT
from testing.models import r1_header
from testing.waiting import PATIENCE_S, processor_within

MESSAGES = [{"role": "user", "content": "hi"}]
#: What a process of its own can't stop from inside: a call into C takes for ever.
DEAF = "{{ ('a' * 10000000 ~ 'b').rfind('a' * 5000000 ~ 'c' ~ 'a' * 4000000) }}"


@pytest.fixture(autouse=True)
def no_process_of_others() -> None:
    """End the processes of templates that only a caught exception's frames still know."""
    gc.collect()


def text_of(program: TemplateProgram, **variables: object) -> str:
    (rendered,) = program.run([variables | {"messages": MESSAGES}])["rendered"]
    if error := rendered.get("error"):
        raise ChatTemplateError(*error)
    return str(rendered["text"])


def workers(process: psutil.Process | None = None) -> list[psutil.Process]:
    children = (process or psutil.Process()).children()
    return [child for child in children if any("template_worker" in arg for arg in child.cmdline())]


def test_a_process_is_kept_and_goes_with_its_template() -> None:
    others = workers()
    program = TemplateProgram("{{ messages[0].content }}!")
    (worker,) = (each for each in workers() if each not in others)
    assert [text_of(program) for _ in range(3)] == ["hi!"] * 3
    assert workers() == [*others, worker]
    del program
    assert workers() == others


def test_known_templates_need_no_process() -> None:
    others = workers()
    nano = read_gguf(ROOT / "r1local" / "nano.gguf").chat_template
    assert nano
    assert "<｜User｜>hi" in text_of(
        TemplateProgram(nano), bos_token="", add_generation_prompt=True
    )
    assert workers() == others


def test_those_of_r1_are_known() -> None:
    others = workers()
    january = read_header(r1_header()).chat_template
    assert january
    opens = january[::-1].replace("｜>'}}"[::-1], "｜><think>\\n'}}"[::-1], 1)[::-1]
    programs = [TemplateProgram(source) for source in (january, opens)]
    texts = [text_of(each, bos_token="", add_generation_prompt=True) for each in programs]
    assert texts == ["<｜User｜>hi<｜Assistant｜>", "<｜User｜>hi<｜Assistant｜><think>\n"]
    assert workers() == others


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "message"),
    [
        (DEAF, "did not end"),
        ("{{ ([[1] * 1000] * 100000) | sum(start=[]) | length }}", "did not end"),
        ("{{ 'a' * 3000000000 }}", "too much memory"),
    ],
)
def test_what_takes_for_ever_or_everything_is_ended(source: str, message: str) -> None:
    program = TemplateProgram(source)
    with processor_within(15), pytest.raises(ChatTemplateError, match=message) as caught:
        text_of(program)
    assert "--chat-template" in caught.value.hint


@pytest.mark.skipif(sys.platform == "win32", reason="the signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL])
def test_a_process_that_dies_is_an_error_and_the_next_one_works(number: signal.Signals) -> None:
    program = TemplateProgram("{{ messages[0].content }}")
    assert text_of(program) == "hi"
    workers()[0].send_signal(number)
    with pytest.raises(ChatTemplateError, match="crashed the process"):
        text_of(program)
    assert text_of(program) == "hi"


@pytest.mark.skipif(sys.platform == "win32", reason="the signals are POSIX's")
def test_a_process_that_stops_is_killed_by_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("r1local.confined.process.clock_for", lambda _seconds: -2.5)
    program = TemplateProgram("{{ messages[0].content }}")
    assert text_of(program) == "hi"
    (worker,) = workers()
    worker.send_signal(signal.SIGSTOP)
    with pytest.raises(ChatTemplateError, match="did not end"):
        text_of(program)
    assert not worker.is_running()


def test_memory_is_watched_where_the_system_has_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(template_process, "memory_for", lambda _size: 0)
    with pytest.raises(ChatTemplateError, match="too much memory"):
        text_of(TemplateProgram(DEAF))


def test_an_answer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    program = TemplateProgram("{{ 'a' * 9999 }}")
    assert len(text_of(program)) == 9999
    monkeypatch.setattr(template_process, "answer_for", lambda _size: 5000)
    monkeypatch.setattr(template_process, "_GRACE_S", 0.1)
    with pytest.raises(ChatTemplateError, match="too much memory"):
        text_of(program)


def test_where_no_process_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(ROOT / "no-python"))
    with pytest.raises(ChatTemplateError, match="no process can be started"):
        TemplateProgram("x")


def test_threads_take_turns() -> None:
    program = TemplateProgram("{{ n }}")
    found: dict[int, str] = {}

    def ask(number: int) -> None:
        found[number] = text_of(program, n=number)

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: str(number) for number in range(8)}


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="needs /proc")
def test_the_process_knows_no_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    program = TemplateProgram("x")
    assert text_of(program) == "x"
    environment = Path(f"/proc/{workers()[0].pid}/environ").read_bytes()
    assert b"secret" not in environment


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX's")
@pytest.mark.parametrize("source", ["{{ messages[0].content }}", DEAF])
def test_the_process_does_not_outlive_r1local(source: str) -> None:
    code = (
        "import sys, time\n"
        "from r1local.prompts.template_process import TemplateProgram\n"
        "program = TemplateProgram(sys.argv[1])\n"
        "program._worker._requests.put(program._request([{'messages': [{'role': 'user',"
        " 'content': 'hi'}]}]))\n"
        "print('started', flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, source], cwd=ROOT, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        assert parent.stdout.readline() == b"started\n"
        (worker,) = workers(psutil.Process(parent.pid))
        os.kill(parent.pid, signal.SIGKILL)
    worker.wait(timeout=PATIENCE_S)


def test_a_turn_costs_little() -> None:
    program = TemplateProgram("{% for m in messages %}{{ m.content }}{% endfor %}")
    text_of(program)

    def seconds() -> float:
        started = time.perf_counter()
        text_of(program)
        return time.perf_counter() - started

    assert min(seconds() for _ in range(50)) < 0.02, "less than it takes to start a process"


def test_variables_are_what_they_were() -> None:
    given: dict[str, Any] = {"a": None, "b": True, "c": 1.5, "d": {"e": ["é\ud800"[0]]}}
    assert text_of(TemplateProgram("{{ [a, b, c, d] }}"), **given) == str(list(given.values()))
