"""How long a model can be used: closed while it replies, twice, in vain, or in another process."""

import gc
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

import r1local
from r1local.engine.background import uninterrupted
from r1local.errors import (
    GrammarError,
    InvalidSetting,
    OutOfMemory,
    PromptInputError,
    R1LocalError,
    UsageError,
)
from r1local.replies.local import LocalEngine
from testing.command import ROOT, Scripted
from testing.waiting import PATIENCE_S

LONG = "".join(f"Case {n}: {n * n} is {n} squared. " for n in range(60)) + "</think>done"


@pytest.mark.parametrize(
    "use",
    [
        lambda model: model.reply("Go"),
        lambda model: model.vote("Go", 2),
        lambda model: model.count_tokens("Go"),
        lambda model: model.chat(),
    ],
)
def test_a_closed_model_says_so(scripted: Scripted, use: Any) -> None:
    model = r1local.load(scripted("Hm.</think>yes"))
    chat = model.chat()
    model.close()
    model.close()
    for ask in (use, lambda _model: chat.ask("Go")):
        with pytest.raises(UsageError, match="is closed"):
            ask(model)


def test_closing_ends_the_stream_that_is_open_and_then_frees_the_model(scripted: Scripted) -> None:
    with r1local.load(scripted(LONG)) as model:
        stream = model.stream("Go")
        next(stream)
    assert not model._shared.engine.closed
    assert stream.finish().reason == "cancelled"
    assert model._shared.engine.closed


def test_a_stream_that_nobody_has_any_more_keeps_no_model(scripted: Scripted) -> None:
    model = r1local.load(scripted(LONG))
    next(model.stream("Go"))
    gc.collect()
    model.close()
    assert model._shared.engine.closed


def test_another_thread_may_close_a_model_that_replies(scripted: Scripted) -> None:
    model = r1local.load(scripted(LONG))
    stream = model.stream("Go")
    next(stream)
    closing = threading.Thread(target=model.close)
    closing.start()
    closing.join()
    assert stream.finish().reason == "cancelled"
    assert model._shared.engine.closed


def test_a_vote_for_which_there_is_no_room_leaves_the_model_as_it_was(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = LocalEngine.open

    def without_room(path: Any, options: Any, cancelled: Any) -> LocalEngine:
        if options.sequences > 1:
            raise OutOfMemory("there is no room", "make some")
        return opened(path, options, cancelled)

    with r1local.load(scripted("Hm.</think>yes")) as model:
        monkeypatch.setattr(LocalEngine, "open", without_room)
        with pytest.raises(OutOfMemory):
            model.vote("Go", 4)
        assert model.reply("Go").answer == "yes"


def test_a_vote_that_is_cancelled_while_it_loads_ends_regularly(scripted: Scripted) -> None:
    with r1local.load(scripted("Hm.</think>yes")) as model:
        votes = model.stream_vote("Go", 4)
        votes.cancel()
        assert votes.finish().ended == "cancelled"
        assert model.reply("Go").answer == "yes"


def test_a_vote_that_was_closed_has_no_result(scripted: Scripted) -> None:
    with r1local.load(scripted("Hm.</think>yes")) as model:
        votes = model.stream_vote("Go", 2)
        votes.close()
        with pytest.raises(UsageError, match="closed"):
            votes.finish()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows doesn't fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_process_has_no_threads_for_the_model(scripted: Scripted) -> None:
    with r1local.load(scripted("Hm.</think>yes"), threads=2) as model:
        if (child := os.fork()) == 0:
            try:
                model.reply("Go")
            except UsageError:
                os._exit(5)
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
        assert model.reply("Go").answer == "yes"


@pytest.mark.skipif(sys.platform == "win32", reason="there, waiting can't be interrupted")
def test_ctrl_c_ends_what_a_thread_does_and_frees_what_it_made() -> None:
    class Made:
        def __init__(self) -> None:
            self.closed = threading.Event()

        def close(self) -> None:
            self.closed.set()

    made = Made()

    def work(given_up: Any) -> Made:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
        while not given_up():
            time.sleep(0.01)
        return made

    with pytest.raises(KeyboardInterrupt):
        uninterrupted(work)
    assert made.closed.wait(PATIENCE_S)


@pytest.mark.parametrize(
    "prompt",
    [None, 3, b"Go", ["Go"], [{"role": "user", "content": "Go"}], [r1local.Message("x", "Go")]],  # type: ignore[arg-type]
)
def test_what_is_no_message_is_named(scripted: Scripted, prompt: Any) -> None:
    with (
        r1local.load(scripted("Hm.</think>yes")) as model,
        pytest.raises(UsageError, match="is no"),
    ):
        model.reply(prompt)


def test_what_is_no_text_or_number_is_refused(scripted: Scripted) -> None:
    with r1local.load(scripted("Hm.</think>yes")) as model:
        for votes in (2.5, "3", True):
            with pytest.raises(InvalidSetting):
                model.vote("Go", votes)  # type: ignore[arg-type]
        with pytest.raises(PromptInputError):
            model.reply([r1local.Message("user", 3)])  # type: ignore[arg-type]
        with pytest.raises(PromptInputError):
            model.chat().ask(None)  # type: ignore[arg-type]
        with pytest.raises(GrammarError):
            model.reply("Go", grammar=3)  # type: ignore[arg-type]
        assert model.reply("Go").answer == "yes"


def test_errors_can_be_sent_to_another_process() -> None:
    error = pickle.loads(pickle.dumps(UsageError("there is none", "make one")))
    assert isinstance(error, R1LocalError)
    assert (str(error), error.message, error.hint) == ("there is none", "there is none", "make one")


def test_several_threads_may_load_the_first_model_at_once(scripted: Scripted) -> None:
    code = f"""
import sys, threading, r1local
def use():
    with r1local.load({str(scripted("Hm.</think>yes"))!r}) as model:
        sys.stdout.write(model.reply("Go").answer + "\\n")  # print writes the line's end apart
threads = [threading.Thread(target=use) for _ in range(6)]
[each.start() for each in threads]
[each.join() for each in threads]
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, ["yes"] * 6, "")
