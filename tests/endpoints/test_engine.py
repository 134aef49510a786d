"""Replies from elsewhere as they arrive, in every form that servers send them."""

import codecs
import json
import threading
from contextlib import closing
from dataclasses import replace

import pytest

from r1local.config.endpoints import Endpoint
from r1local.endpoints.engine import RemoteEngine
from r1local.engine.sampler import SamplerSettings
from r1local.errors import LoadingCancelled, UsageError
from r1local.events.reply import AnswerDelta, ThinkingDelta
from r1local.replies.control import Control
from r1local.replies.engine import Begun
from r1local.replies.settings import ReplySettings, ThinkingSettings
from r1local.thinking.limits import CLOSING
from testing.endpoints import hear, remote
from testing.loopback_endpoint import (
    LINGERING,
    Answer,
    answered,
    end,
    event,
    loopback_endpoint,
    sse,
    streamed,
)
from testing.replies import never
from testing.waiting import PATIENCE_S

THOUGHT, ANSWER = "It is\neven, é 数.", "So **4**."


def pieces(field: str) -> list[bytes]:
    return [
        *(event(**{field: word}) for word in ("It is\n", "even, é", " 数.\n")),
        *(event(content=word) for word in ("\n\nSo", " **4**.")),
    ]


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_a_thought_comes_apart_by_either_name(field: str) -> None:
    with loopback_endpoint() as server:
        server.chats(streamed(*pieces(field), *end(prompt_tokens=9, completion_tokens=12)))
        with remote(server.url) as engine:
            heard = hear(engine)
            assert engine.position == 21
    assert (heard.reply.thinking, heard.reply.answer) == (THOUGHT, ANSWER)
    usage = heard.finished.usage
    assert (usage.prompt_tokens, usage.thinking_tokens + usage.answer_tokens) == (9, 12)
    assert server.bodies()[0]["messages"] == [{"role": "user", "content": "How many?"}]
    assert server.bodies()[0]["model"] == "r1", "the only one is meant"


def test_a_thought_comes_inside_the_text() -> None:
    text = f"<think>\n{THOUGHT}\n</think>\n\n{ANSWER}"
    with loopback_endpoint() as server:
        server.chats(streamed(*(event(content=each) for each in text), *end()))
        with remote(server.url) as engine:
            heard = hear(engine)
    assert (heard.reply.thinking, heard.reply.answer) == (THOUGHT, ANSWER)
    assert heard.finished.usage.answer_tokens == len(ANSWER) + 2


def test_a_thought_that_the_template_opens_is_a_setting() -> None:
    with loopback_endpoint() as server:
        server.chats(streamed(event(content="Hm.</think>"), event(content="\n\nFour."), *end()))
        with remote(server.url, opens_thought=True) as engine:
            heard = hear(engine)
    assert (heard.reply.thinking, heard.reply.answer) == ("Hm.", "Four.")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize("newline", [b"\n", b"\r\n", b"\r"])
def test_bytes_may_be_cut_anywhere(size: int, newline: bytes) -> None:
    told = b": keep-alive\n\n" + b"".join([*pieces("reasoning"), *end()])
    told = (b"event: message\nid: 1\n" + told).replace(b"\n", newline)
    parts = [told[at : at + size] for at in range(0, len(told), size)]
    with loopback_endpoint() as server:
        server.chats(streamed(*parts))
        with remote(server.url) as engine:
            heard = hear(engine)
    assert (heard.reply.thinking, heard.reply.answer) == (THOUGHT, ANSWER)


def test_half_a_pair_of_surrogates_is_no_text() -> None:
    told = rb'data: {"choices": [{"delta": {"content": "a\ud83d b\udc00"}}]}' + b"\n\n"
    with loopback_endpoint() as server:
        server.chats(streamed(told, *end()))
        with remote(server.url) as engine:
            heard = hear(engine)
    assert heard.reply.answer.isprintable() and heard.reply.answer.startswith("a")
    heard.reply.answer.encode()


def test_ollama_is_found_and_asked_in_its_own_words() -> None:
    def line(**more: object) -> bytes:
        return json.dumps({"model": "r1:7b", "done": False, **more}).encode() + b"\n"

    with loopback_endpoint() as server:
        server.script("/v1/models", answered({"object": "list", "data": []}))
        server.script("/api/version", answered({"version": "0.12.0"}))
        server.script("/api/tags", answered({"models": [{"name": "r1:7b"}, {"name": "q:latest"}]}))
        server.script("/api/show", answered({"model_info": {"qwen2.context_length": 8192}}))
        said = [
            codecs.BOM_UTF8 + line(message={"role": "assistant", "thinking": "Hm. "}),
            line(message={"role": "assistant", "thinking": "Ja.", "content": ""})[:9],
            line(message={"role": "assistant", "thinking": "Ja.", "content": ""})[9:],
            line(message={"content": "Vier: 数."}),
            line(done=True, done_reason="stop", prompt_eval_count=7, eval_count=6),
        ]
        ndjson = {"Content-Type": "application/x-ndjson"}
        server.script("/api/chat", Answer(said, headers=ndjson))
        settings = ReplySettings(SamplerSettings(seed=3, top_k=9), schema='{"type": "string"}')
        with remote(f"{server.url}/v1", "r1:7b") as engine:
            assert engine.context_window == 8192
            assert engine.details == "r1:7b on ollama at 127.0.0.1"
            heard = hear(engine, replace(settings, thinking=ThinkingSettings(budget=1024)))
        with remote(server.url, "q", kind="ollama") as engine:
            assert engine.model == "q:latest"
    assert (heard.reply.thinking, heard.reply.answer) == ("Hm. Ja.", "Vier: 数.")
    assert (heard.finished.usage.prompt_tokens, heard.finished.seed) == (7, 3)
    body = server.bodies("/api/chat")[0]
    assert body["options"] | {"seed": 3, "top_k": 9, "num_ctx": 8192} == body["options"]
    assert (body["think"], body["model"], body["format"]) == ("low", "r1:7b", {"type": "string"})


def test_settings_go_in_the_words_of_the_server() -> None:
    settings = ReplySettings(
        SamplerSettings(0.5, 0.9, 20, 0.1, 7),
        max_tokens=99,
        thinking=ThinkingSettings(budget=1_024),
        grammar='root ::= "4"',
        schema='{"type": "integer"}',
    )
    sent = {}
    for owner in ("vllm", "sglang", "deepseek", "someone", "organization_owner"):
        with loopback_endpoint(owned_by=owner) as server:
            server.chats(streamed(event(content="4"), *end()))
            with remote(server.url) as engine:
                hear(engine, settings)
            sent[owner] = server.bodies()[0]
    assert sent["vllm"]["thinking_token_budget"] == 1_024
    assert sent["sglang"]["custom_params"] == {"thinking_budget": 1_024}
    assert sent["vllm"]["response_format"]["json_schema"]["schema"] == {"type": "integer"}
    assert (sent["vllm"]["top_k"], sent["vllm"]["min_p"], sent["vllm"]["seed"]) == (20, 0.1, 7)
    assert {body["reasoning_effort"] for body in sent.values()} == {"low"}
    assert {body["max_tokens"] for body in sent.values()} == {99}
    assert not {"temperature", "top_p", "seed", "response_format"} & sent["deepseek"].keys()
    assert "top_k" in sent["organization_owner"] and "top_k" not in sent["someone"]


def test_what_a_server_cant_do_is_said_once() -> None:
    settings = ReplySettings(SamplerSettings(top_k=9), thinking=ThinkingSettings(budget=300))
    with loopback_endpoint() as server:
        server.chats(streamed(event(content="4"), *end()))
        with remote(server.url) as engine:
            first, second = hear(engine, settings), hear(engine, settings)
            with pytest.raises(UsageError, match="can't let a reply go on"):
                hear(engine, begun=Begun("Hm.", "So", thinking_open=False))
    assert sorted(first.notices) == [
        "lab can't end a thought after 300 tokens; it is asked to think with low effort",
        "top-k has no effect: lab has nothing like it",
    ]
    assert not second.notices
    assert server.bodies()[0]["reasoning_effort"] == "low"


def test_the_word_high_is_only_sent_if_it_was_said() -> None:
    with loopback_endpoint() as server:
        server.chats(streamed(event(content="4"), *end()))
        with remote(server.url) as engine:
            hear(engine)
        with remote(server.url, given={"effort": None}) as engine:
            hear(engine)
    assert [body.get("reasoning_effort") for body in server.bodies()] == [None, "high"]


def test_a_thought_is_closed_at_its_budget_where_the_server_goes_on() -> None:
    with loopback_endpoint(owned_by="deepseek") as server:
        words = [event(reasoning_content=" Well.") for _ in range(300)]
        server.chats(
            streamed(*words, *LINGERING, *end()),
        )
        rest = streamed(event(content="Four."), *end(prompt_tokens=60, completion_tokens=2))
        server.script("/beta/chat/completions", rest)
        with remote(server.url) as engine:
            heard = hear(engine, ReplySettings(thinking=ThinkingSettings(budget=20)))
        assert server.broken_off.wait(PATIENCE_S), "the first stream is ended"
    assert heard.reply.answer == "Four."
    assert heard.reply.thinking == (" Well." * 20).strip() + CLOSING.rstrip()
    assert heard.notices == ["the thought was closed after 20 tokens, its budget"]
    last = server.bodies("/beta/chat/completions")[0]["messages"][-1]
    assert (last["content"], last["reasoning_content"]) == ("", heard.reply.thinking)
    usage = heard.finished.usage
    assert (usage.thinking_tokens, usage.answer_tokens, heard.finished.reason) == (38, 2, "stop")


def test_answer_now_closes_the_thought() -> None:
    control = Control()
    with loopback_endpoint(owned_by="deepseek") as server:
        server.chats(
            streamed(event(reasoning_content="Hm"), 0.3, event(reasoning_content=" hm"), *end()),
        )
        server.script("/beta/chat/completions", streamed(event(content="Four."), *end()))
        threading.Timer(0.1, control.answer_now).start()
        with remote(server.url) as engine:
            heard = hear(engine, control=control)
    assert heard.notices == ["the thought was closed after 1 token as you asked"]
    assert heard.reply.answer == "Four."


def test_a_thought_leaves_room_for_the_answer() -> None:
    with loopback_endpoint(owned_by="deepseek", max_model_len=256) as server:
        server.chats(
            streamed(*[event(reasoning_content="hm ")] * 400, *end()),
        )
        server.script("/beta/chat/completions", streamed(event(content="Four."), *end()))
        with remote(server.url) as engine:
            heard = hear(engine)
    assert "to leave room for the answer" in heard.notices[0]
    assert heard.reply.thinking_tokens < 150


def test_our_own_server_is_told_what_it_knows() -> None:
    with loopback_endpoint(owned_by="r1local") as server:
        server.chats(streamed(event(reasoning_content=" hm"), event(content=" 4."), *end()))
        with remote(server.url) as engine:
            hear(engine, ReplySettings(thinking=ThinkingSettings(budget=9)))
            hear(engine, ReplySettings(thinking=ThinkingSettings(off=True)))
            rest = hear(engine, begun=Begun("Well", "", thinking_open=True)).reply
            assert engine.abilities.answer_now
    budget, off, opened = server.bodies()
    assert budget["thinking_token_budget"] == 9
    assert not any(off["chat_template_kwargs"].values())
    last = {"role": "assistant", "content": "", "reasoning_content": "Well"}
    assert (opened["messages"][-1], opened["continue_final_message"]) == (last, True)
    assert (rest.thinking, rest.answer) == (" hm", " 4.")


def test_vllm_goes_on_from_its_own_tokens() -> None:
    with loopback_endpoint(owned_by="vllm", max_model_len=4096) as server:
        server.script("/tokenize", answered({"tokens": [1, 2, 3]}), answered({"tokens": [4, 5]}))
        server.script("/detokenize", answered({"prompt": "<｜Assistant｜><think>\n"}))
        done = {"choices": [{"index": 0, "text": " **4**.", "finish_reason": "stop"}]}
        server.script("/v1/completions", streamed(sse(done), b"data: [DONE]\n\n"))
        with remote(server.url) as engine:
            heard = hear(engine, begun=Begun("Even.", "So", thinking_open=False))
            opened = hear(engine, begun=Begun("Even", "", thinking_open=True))
    assert heard.reply.answer == " **4**." and opened.reply.thinking == " **4**."
    body = server.bodies("/v1/completions")[0]
    assert (body["prompt"], body["max_tokens"]) == ([1, 2, 3, 4, 5], 4091)
    asked = [each["prompt"] for each in server.bodies("/tokenize") if "prompt" in each]
    assert asked == ["Even.\n</think>\n\nSo", "Even"]


def test_llama_server_goes_on_from_its_own_prompt() -> None:
    props = {"total_slots": 3, "chat_template": "{{ '[THINK]' }}"}
    with loopback_endpoint(owned_by="llamacpp", meta={"n_ctx": 2048}) as server:
        server.script("/props", answered(props), answered({}, 500), answered([]))
        server.script("/apply-template", answered({"prompt": "Q[/INST]"}))
        done = {"choices": [{"index": 0, "text": " 4.", "finish_reason": "stop"}]}
        server.script("/v1/completions", streamed(sse(done), b"data: [DONE]\n\n"))
        with remote(f"{server.url}/v1") as engine:
            assert (engine.context_window, engine.at_once) == (2048, 3)
            heard = hear(engine, begun=Begun("Even.", "So", thinking_open=False))
        for _ in range(2):
            with remote(server.url) as engine:
                assert engine.at_once == 8, "it is asked for no more than it says"
    assert heard.reply.answer == " 4."
    assert server.bodies("/v1/completions")[0]["prompt"] == "Q[/INST][THINK]Even.[/THINK]So"


@pytest.mark.parametrize(("owner", "path"), [("sglang", "/v1"), ("deepseek", "/beta")])
def test_others_go_on_from_a_last_message(owner: str, path: str) -> None:
    with loopback_endpoint(owned_by=owner) as server:
        server.script(f"{path}/chat/completions", streamed(event(content=" 4."), *end()))
        with remote(server.url) as engine:
            heard = hear(engine, begun=Begun("Even.", "So", thinking_open=False))
        body = server.bodies(f"{path}/chat/completions")[0]
        with remote(server.url) as engine:
            inside = Begun("Even", "", thinking_open=True)
            if owner == "deepseek":
                with pytest.raises(UsageError, match="inside a thought"):
                    hear(engine, begun=inside)
            else:
                assert hear(engine, begun=inside).reply.thinking == " 4."
    last = body["messages"][-1]
    assert heard.reply.answer == " 4."
    if owner == "sglang":
        assert last["content"] == "Even.\n</think>\n\nSo"
        assert (body["continue_final_message"], body["separate_reasoning"]) == (True, False)
    else:
        assert (last["content"], last["prefix"], last["reasoning_content"]) == ("So", True, "Even.")


def test_only_the_thought_is_read_if_nothing_else_is_wanted() -> None:
    with loopback_endpoint() as server:
        server.chats(streamed(*pieces("reasoning"), *LINGERING, *end()))
        with remote(server.url) as engine:
            heard = hear(engine, ReplySettings(only_thinking=True))
        assert server.broken_off.wait(PATIENCE_S)
    assert heard.reply.thinking == THOUGHT and not heard.reply.answer
    assert heard.finished.reason == "stop" and not heard.finished.thinking_open


def test_a_thought_alone_has_an_end_at_its_budget() -> None:
    with loopback_endpoint(owned_by="deepseek") as server:
        server.chats(streamed(*[event(reasoning_content=" Well.")] * 300, *end()))
        settings = ReplySettings(thinking=ThinkingSettings(budget=20), only_thinking=True)
        with remote(server.url) as engine:
            heard = hear(engine, settings)
    assert heard.reply.thinking == (" Well." * 20).strip() + CLOSING.rstrip()
    assert heard.finished.usage.thinking_tokens == 38 and not heard.finished.thinking_open


def test_a_reply_ends_at_its_limit_whatever_the_server_does() -> None:
    with loopback_endpoint() as server:
        server.chats(streamed(*[event(content="a ")] * 50, *end()))
        with remote(server.url) as engine:
            heard = hear(engine, ReplySettings(max_tokens=10))
    assert (heard.finished.reason, len(heard.reply.answer.split())) == ("length", 11)


def test_white_space_without_an_end_has_one() -> None:
    with loopback_endpoint() as server:
        blank = [event(content="\n")] * 50
        server.chats(streamed(event(reasoning="Hm."), *blank, *LINGERING, *end()))
        with remote(server.url) as engine:
            heard = hear(engine, ReplySettings(max_tokens=20))
        assert server.broken_off.wait(PATIENCE_S)
    assert (heard.reply.thinking, heard.finished.reason) == ("Hm.", "length")


def test_a_cancelled_reply_keeps_what_came() -> None:
    control = Control()
    with loopback_endpoint() as server:
        server.chats(streamed(event(content="So"), *LINGERING, *end()))
        threading.Timer(0.3, control.cancel).start()
        with remote(server.url) as engine:
            heard = hear(engine, control=control)
        assert server.broken_off.wait(PATIENCE_S), "the server notices"
    assert (heard.reply.answer, heard.finished.reason) == ("So", "cancelled")


def test_every_delta_counts() -> None:
    with loopback_endpoint() as server:
        server.chats(streamed(*pieces("reasoning"), *end()))
        with remote(server.url) as engine:
            heard = hear(engine)
    counts = [each.tokens for each in heard.events if isinstance(each, ThinkingDelta | AnswerDelta)]
    assert counts == [1, 2, 3, 1, 2]


def test_a_reply_that_is_whole_needs_no_count() -> None:
    with loopback_endpoint() as server:
        server.chats(streamed(event(content="Four."), end()[0], 3.0))
        with remote(server.url, given={"silence-timeout": 1}) as engine:
            heard = hear(engine)
    assert (heard.reply.answer, heard.finished.reason) == ("Four.", "stop")


def test_lm_studio_says_more_in_its_own_list() -> None:
    with loopback_endpoint("r1", owned_by="organization_owner") as server:
        more = {"id": "r1", "loaded_context_length": 4096, "max_context_length": 131_072}
        server.script("/api/v0/models", answered({"data": [more]}))
        with remote(server.url) as engine:
            assert (engine.context_window, engine.details[:15]) == (4096, "r1 on lm-studio")


def test_an_engine_is_opened_again_but_not_larger() -> None:
    with loopback_endpoint(max_model_len=4096) as server:
        server.chats(streamed(event(content="Four."), *end()))
        with remote(server.url, given={"context": 1024}) as engine:
            assert (engine.context_window, engine.larger(lambda _: True)) == (1024, None)
            with closing(engine.reopened(never)) as again:
                assert engine.closed and not again.closed
                assert hear(again).reply.answer == "Four."


def test_opening_can_be_cancelled() -> None:
    with loopback_endpoint() as server:
        server.script("/v1/models", Answer([2.0, b"{}"]))
        with pytest.raises(LoadingCancelled):
            RemoteEngine.open(Endpoint("lab", server.url), None, {}, lambda: True)
