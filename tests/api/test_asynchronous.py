"""The same with asyncio: nothing blocks the loop, and cancelling a task ends its reply."""

import asyncio

import pytest

import r1local
from r1local.errors import InvalidSetting, ModelNotInstalled, UsageError
from testing.command import Scripted
from testing.waiting import processor_within

LONG = "".join(f"Case {n}: {n * n} is {n} squared. " for n in range(200)) + "</think>done"


def test_replies_votes_and_chats() -> None:
    async def use() -> None:
        async with await r1local.load_async("nano", temperature=0) as model:
            assert model.name == "nano"
            assert model.context_window
            assert await model.count_tokens("What is 1 + 1?")
            assert r1local.final_answer((await model.reply("What is 6 * 7?")).answer) == "42"
            assert (await model.vote("What is 1 + 1?", 3, temperature=0.6)).answer == "2"
            async with model.chat() as chat:
                assert "7" in (await chat.ask("What is 3 + 4?")).answer
                assert "7" in (await chat.retry()).answer
                assert (await chat.rethink("Hm, ")).thinking.startswith("Hm, ")
                assert (await chat.undo()).question == "What is 3 + 4?"
                assert chat.turns == ()

    asyncio.run(use())


def test_the_loop_goes_on_while_the_model_thinks(scripted: Scripted) -> None:
    async def use() -> int:
        async with await r1local.load_async(scripted(LONG, context_length=16_384)) as model:
            reply = asyncio.create_task(model.reply("Go", loop_repeats=0))
            ticks = 0
            while not reply.done():
                await asyncio.sleep(0)
                ticks += 1
            assert (await reply).answer == "done"
            return ticks

    assert asyncio.run(use()) > 100


def test_cancelling_a_task_ends_its_reply(scripted: Scripted) -> None:
    async def use() -> None:
        async with await r1local.load_async(scripted(LONG, context_length=16_384)) as model:
            reply = asyncio.create_task(model.reply("Go", loop_repeats=0))
            await asyncio.sleep(0.02)
            reply.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reply
            with processor_within(5):
                assert (await model.reply("Go", max_tokens=3)).reason == "length"

    asyncio.run(use())


def test_streams_are_steered_and_closed(scripted: Scripted) -> None:
    async def use() -> None:
        async with await r1local.load_async(scripted(LONG, context_length=16_384)) as model:
            stream = model.stream("Go", loop_repeats=0)
            await anext(stream)
            stream.answer_now()
            assert (await stream.finish()).thinking_tokens < 200
            async with model.stream("Go") as stream:
                await anext(stream)
            assert stream.reply.reason == "lost"
            cancelled = model.stream("Go")
            await anext(cancelled)
            cancelled.cancel()
            assert (await cancelled.finish()).reason == "cancelled"

    asyncio.run(use())


def test_errors_come_out_where_they_are_awaited() -> None:
    async def use() -> None:
        with pytest.raises(ModelNotInstalled):
            await r1local.load_async("7b")
        async with await r1local.load_async("nano") as model:
            with pytest.raises(InvalidSetting):
                await model.reply("What is 1 + 1?", temperature=-1)

    asyncio.run(use())


def test_cancelling_a_task_ends_its_second_reply_too(scripted: Scripted) -> None:
    async def use() -> None:
        model = await r1local.load_async(scripted(LONG, context_length=32_768))
        async with model, model.chat() as chat:
            await chat.ask("Go", max_tokens=5)
            task = asyncio.create_task(chat.retry(min_think=20_000))
            await asyncio.sleep(0.1)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            with processor_within(5):
                await model.reply("Go", max_tokens=5)

    asyncio.run(use())


def test_a_closed_model_says_so_and_can_be_closed_again(scripted: Scripted) -> None:
    async def use() -> None:
        model = await r1local.load_async(scripted("Hm.</think>yes"))
        await model.aclose()
        await model.aclose()
        with pytest.raises(UsageError, match="closed"):
            await model.reply("Go")

    asyncio.run(use())
