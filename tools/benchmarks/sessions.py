"""Sessions: resuming, listing and searching them."""

import os
import random
import tempfile
from functools import partial
from pathlib import Path
from time import perf_counter

from r1local.conversation import Reply
from r1local.engine.load_settings import LoadSettings
from r1local.engine.model import Model
from r1local.events.reply import AnswerDelta, ThinkingDelta
from r1local.sessions.browser import SessionBrowser
from r1local.sessions.folder import saved_sessions
from r1local.sessions.kv_cache import restore_state, save_state
from r1local.sessions.records import Question, Setting, ended
from r1local.sessions.search import search_texts
from r1local.sessions.session import Session
from testing.models import smollm2
from tools.benchmarks.harness import (
    R1LOCAL,
    Options,
    alternate,
    medians,
    never,
    seconds_of,
    seconds_of_call,
)

_TOKENS = 4000
_SETTINGS = LoadSettings(context_window=5120, gpu_layers=0, threads=2, kv_cache="f16")
_ENGLISH = "So the next term is the sum of both, which I should check once more. "
_JAPANESE = "したがって次の項は両方の和であり、もう一度確かめるべきである。"


def compare_resume(options: Options) -> None:
    """Measure SmolLM2-135M in Q4_1 on two threads."""
    draw = random.Random(1)
    tokens = [draw.randrange(1000, 40_000) for _ in range(_TOKENS)]
    with tempfile.TemporaryDirectory() as folder, Model(smollm2(), _SETTINGS, never) as model:
        path = Path(folder, "state.kv")

        def measure() -> tuple[float, ...]:
            model.rewind(0)
            evaluating = seconds_of_call(lambda: model.evaluate(tokens, never))
            saving = seconds_of_call(lambda: save_state(model, path))
            model.rewind(0)
            restoring = seconds_of_call(lambda: restore_state(model, path))
            assert model.position == _TOKENS
            return evaluating, saving, restoring

        evaluating, saving, restoring = medians(options.rounds, measure, warm_up=False)
        size = path.stat().st_size / 10**6
    print(
        f"{_TOKENS:,} tokens, {size:.0f} MB: evaluated in {evaluating:.2f} s, kept in"
        f" {saving:.3f} s, restored in {restoring:.3f} s, {restoring / evaluating:.4f}"
    )


def fill(folder: Path, count: int, size: int, sentence: str) -> None:
    """Write `count` sessions with `size` bytes of thought each, as a chat would."""
    for number in range(count):
        session = Session.create(f"session-{number}", folder=folder)
        session.append(Question(f"What comes after {number}?"))
        for piece in range(20):
            session.append(ThinkingDelta(sentence * (size // len(sentence.encode()) // 20), piece))
            # This ends the record, as half a second does.
            session.append(Setting("seed", str(piece)))
        session.append(AnswerDelta(str(number + 1), 1))
        session.append(ended(Reply("", "", "stop", False, "nano"), streamed=True))
        session.close()


def time_list(options: Options) -> None:
    """Measure listing in this process, and as a command."""
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home, ".local/share/r1local/sessions")
        fill(folder, 200, 100_000, _ENGLISH)
        variables = {**os.environ, "HOME": home, "XDG_DATA_HOME": f"{home}/.local/share"}
        inside, whole = alternate(
            options.rounds,
            partial(seconds_of_call, lambda: saved_sessions(folder)),
            partial(seconds_of, [*R1LOCAL, "sessions"], variables),
        )
    print(f"200 sessions: {inside:.3f} s, and {whole:.3f} s as a command")


def time_search(options: Options) -> None:
    """Measure searching for words that don't occur, so everything is read."""
    for language, sentence in (("English", _ENGLISH), ("Japanese", _JAPANESE)):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            fill(folder, 100, 1_000_000, sentence)
            size = sum(path.stat().st_size for path in folder.glob("*.jsonl")) / 10**6
            (time,) = alternate(
                options.rounds, partial(seconds_of_call, partial(_find_nothing, folder))
            )
        print(f"{size:.0f} MB of {language}: {time:.2f} s")


def time_finding(options: Options) -> None:
    """Measure the picker's search in a thousand sessions, each time with nothing read before."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        fill(folder, 1_000, 20_000, _ENGLISH)
        words = ("", "session-7", "comes after 500", "next term", "absent words")
        for query in words:
            first, whole = medians(
                options.rounds, partial(_first_and_all, folder, query), warm_up=False
            )
            print(f"{query or 'all of them':16}: the first after {first:.3f} s, all {whole:.3f} s")


def _first_and_all(folder: Path, query: str) -> tuple[float, ...]:
    began = perf_counter()
    found = SessionBrowser(folder).search(query, never)
    next(found, None)
    first = perf_counter() - began
    for _ in found:
        pass
    return first, perf_counter() - began


def _find_nothing(folder: Path) -> None:
    assert not list(search_texts(["absent", "words"], folder))
