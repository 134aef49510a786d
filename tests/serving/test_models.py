"""The set of loaded models: on demand, kept for a while, given up for others, never while used."""

import asyncio
import io
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from r1local.config.editing import set_in_table
from r1local.conversation import Message
from r1local.errors import ModelFileError, UnknownModel
from r1local.events.reply import AnswerDelta, Finished, ThinkingDelta
from r1local.opening import Room
from r1local.replies.control import Control
from r1local.replies.engine import Happening, prepared
from r1local.replies.settings import ReplySettings
from r1local.serving import models as room
from r1local.serving.failures import Unavailable, sentence
from r1local.serving.gateway import Mailbox, merged
from r1local.serving.log import Log
from r1local.serving.models import Models
from testing.models import write_scripted_model
from testing.waiting import PATIENCE_S

QUESTION = (Message("user", "What is 1 + 1?"),)


async def come_true(holds: Callable[[], bool]) -> None:
    """Let the others run until something holds."""
    async with asyncio.timeout(PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.01)


class Served:
    """Models on a machine with room for so many of them."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch, holds: int = 9) -> None:
        self.log = io.StringIO()
        one, two = (
            write_scripted_model(folder / f"{name}.gguf", "Hm.</think>Yes.")
            for name in ("one", "two")
        )
        self.models = Models(str(one), {}, 2, Log(self.log))
        self.one = self.models.default
        self.two = Models(str(two), {}, 2, Log(io.StringIO())).default

        def room_for(*_args: object, **_more: object) -> Room:
            return "enough" if len(self.models.loaded) < holds else "none"

        monkeypatch.setattr(room, "room_for", room_for)

    @property
    def events(self) -> list[tuple[str, str]]:
        lines = [json.loads(line) for line in self.log.getvalue().splitlines()]
        return [(line["event"], line["model"]) for line in lines if line["event"] != "notice"]

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        async def whole() -> None:
            try:
                await work
            finally:
                await self.models.close()

        asyncio.run(whole())


def test_one_that_is_asked_for_is_loaded_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(tmp_path, monkeypatch)

    async def use() -> None:
        async with served.models.using(served.one):
            await asyncio.sleep(0.01)

    async def work() -> None:
        await asyncio.gather(*(use() for _ in range(3)))
        (loaded,) = served.models.loaded.values()
        assert not loaded.users

    served.run(work())
    assert served.events == [("loaded", "one"), ("unloaded", "one")]


def test_it_goes_when_nobody_has_used_it_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(tmp_path, monkeypatch)

    async def work() -> None:
        async with served.models.using(served.one, keep_alive=0.1):
            await asyncio.sleep(0.3)
            assert served.models.loaded
        await come_true(lambda: not served.models.loaded)

    served.run(work())


def test_one_in_use_goes_as_soon_as_it_is_unused_if_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(tmp_path, monkeypatch)

    async def work() -> None:
        async with served.models.using(served.one):
            await served.models.unload_soon(served.one)
            assert served.models.loaded
        await come_true(lambda: not served.models.loaded)
        await served.models.unload_soon(served.one)

    served.run(work())
    assert served.events == [("loaded", "one"), ("unloaded", "one")]


def test_an_unused_one_makes_room_and_a_used_one_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(tmp_path, monkeypatch, holds=1)

    async def work() -> None:
        async with served.models.using(served.one):
            with pytest.raises(Unavailable, match="no room"):
                async with served.models.using(served.two):
                    pass
            assert not await served.models.unload(served.one)
        async with served.models.using(served.two):
            assert [each.name for each in served.models.loaded.values()] == ["two"]

    served.run(work())
    assert served.events[:3] == [("loaded", "one"), ("unloaded", "one"), ("loaded", "two")]


def test_who_leaves_while_it_is_loaded_leaves_it_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(tmp_path, monkeypatch)

    async def use() -> None:
        async with served.models.using(served.one):
            pass

    async def work() -> None:
        task = asyncio.ensure_future(use())
        await asyncio.sleep(0.005)
        task.cancel()
        await asyncio.wait([task])
        await come_true(lambda: bool(served.models.loaded))
        (loaded,) = served.models.loaded.values()
        assert not loaded.users

    served.run(work())


def test_a_file_that_is_none_is_an_error_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(tmp_path, monkeypatch)

    async def work() -> None:
        served.one.path.write_bytes(b"no model")
        for _ in range(2):
            with pytest.raises(ModelFileError):
                async with served.models.using(served.one):
                    pass

    served.run(work())
    assert not served.events


def test_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    models = Served(tmp_path, monkeypatch).models
    assert models.find(None) is models.find("one") is models.find("one:latest") is models.default
    assert models.find("nano").name == "nano"
    for name in ("", "nobody", str(tmp_path / "two.gguf"), "~/x.gguf", "\0"):
        with pytest.raises(UnknownModel):
            models.find(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for there, missing in (("one.gguf", "a.gguf"), ("folder", "nobody"), ("folder/..", "a/..")):
        told = []
        for name in (there, missing):
            with pytest.raises(UnknownModel) as raised:
                models.find(name)
            told.append(sentence(raised.value).replace(name, "NAME"))
        assert told[0] == told[1]  # whether there is such a file isn't a request's to know
    set_in_table(["aliases", "Second"], str(tmp_path / "two.gguf"))
    assert models.find("second").path == tmp_path / "two.gguf"


def test_unloading_ends_replies_with_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = Served(tmp_path, monkeypatch)
    heard: list[Happening] = []

    async def work() -> None:
        async with served.models.using(served.models.find("nano")) as loaded:
            runner = loaded.runner
            settings = ReplySettings()
            prompt = await asyncio.wrap_future(
                runner.call(lambda e: prepared(e, QUESTION, settings))
            )
            taken = runner.reply(lambda _: prompt, settings, Control(), heard.append)
            await asyncio.wrap_future(taken)
            await served.models.close()
            assert isinstance(heard[-1], Finished | Exception)
            with pytest.raises(Exception, match="unloaded"):
                runner.call(lambda e: e.name).result(5)

    served.run(work())


def test_what_a_slow_reader_has_not_read_is_told_in_one_piece() -> None:
    async def work() -> None:
        mailbox = Mailbox()
        for token in range(1_000):
            mailbox.put(0, ThinkingDelta("a", token))
        mailbox.put(0, AnswerDelta("b", 1))
        told = list(merged(await mailbox.get(1)))
        assert told == [(0, ThinkingDelta("a" * 1_000, 999)), (0, AnswerDelta("b", 1))]
        assert await mailbox.get(0.01) == []

    asyncio.run(work())
