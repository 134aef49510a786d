"""A server that runs, asked by real clients and by hand."""

import json
import subprocess
from contextlib import closing
from typing import Any

import ollama
import openai
import pytest

from testing.command import Run
from testing.servers import Server

QUESTION: Any = [{"role": "user", "content": "What is 27 + 58?"}]


def client(server: Server) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0)


# --- OpenAI's client ------------------------------------------------------------


def test_openais_client_gets_answer_and_thought(server: Server) -> None:
    with client(server) as ai:
        reply = ai.chat.completions.create(model="nano", messages=QUESTION, seed=1)
    choice = reply.choices[0]
    assert "85" in (choice.message.content or "")
    assert "15" in choice.message.model_dump()["reasoning_content"]
    assert choice.finish_reason == "stop"
    assert reply.usage and reply.usage.completion_tokens_details
    thinking = reply.usage.completion_tokens_details.reasoning_tokens or 0
    assert 0 < thinking < reply.usage.completion_tokens
    assert reply.usage.total_tokens == reply.usage.prompt_tokens + reply.usage.completion_tokens


def test_a_stream_has_the_same_text(server: Server) -> None:
    whole = server.chat(seed=3).json["choices"][0]["message"]
    with client(server) as ai:
        stream = ai.chat.completions.create(
            model="nano",
            messages=QUESTION,
            seed=3,
            stream=True,
            stream_options={"include_usage": True},
        )
        chunks = [chunk.model_dump() for chunk in stream]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks if chunk["choices"]]
    assert deltas[0]["role"] == "assistant"
    for name in ("content", "reasoning_content"):
        assert "".join(delta.get(name) or "" for delta in deltas) == whole[name]
    assert chunks[-1]["usage"]["completion_tokens_details"]["reasoning_tokens"] > 0
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_the_same_seed_gives_the_same_reply(server: Server) -> None:
    one, two = (server.chat(seed=5).json for _ in range(2))
    assert one["choices"] == two["choices"]
    assert one["seed"] == two["seed"] == 5


def test_n_gives_several_replies(server: Server) -> None:
    hot: Any = {"temperature": 2.5, "think_budget": 60, "max_tokens": 100, "n": 3}
    choices = server.chat(seed=5, **hot).json["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]
    assert len({choice["message"].get("reasoning_content") for choice in choices}) > 1
    events = server.chat(stream=True, **hot).events
    ends = [e["choices"][0] for e in events if e["choices"][0]["finish_reason"]]
    assert {end["index"] for end in ends} == {0, 1, 2}


def test_votes_give_one_answer_and_the_tally(server: Server) -> None:
    reply = server.chat(votes=5).json
    assert len(reply["choices"]) == 1
    assert "85" in reply["choices"][0]["message"]["content"]
    assert reply["vote"]["answer"] == "85"
    assert reply["vote"]["candidates"][0]["votes"] >= 3
    last = server.chat(votes=3, stream=True).events[-1]
    assert last["vote"]["answer"] == "85"


def test_stop_texts_and_limits_end_an_answer(server: Server) -> None:
    stopped = server.chat(stop=["58"], seed=1).json["choices"][0]
    assert stopped["finish_reason"] == "stop"
    assert "58" not in stopped["message"]["content"]
    assert "27" in stopped["message"]["content"]
    cut = server.chat(max_completion_tokens=5).json
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] <= 5


def test_a_schema_holds_the_answer(server: Server) -> None:
    schema = {"type": "object", "properties": {"sum": {"type": "integer"}}, "required": ["sum"]}
    form = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    content = server.chat(response_format=form).json["choices"][0]["message"]["content"]
    assert isinstance(json.loads(content)["sum"], int)


def test_a_reply_goes_on(server: Server) -> None:
    whole = server.chat(temperature=0).json["choices"][0]["message"]
    begun = {
        "role": "assistant",
        "content": whole["content"][:6],
        "reasoning_content": whole["reasoning_content"],
    }
    body = {"messages": [*QUESTION, begun], "temperature": 0}
    more = server.ask("/v1/chat/completions", body).json["choices"][0]["message"]
    assert begun["content"] + more["content"] == whole["content"]


def test_no_thinking_and_budgets(server: Server) -> None:
    plain = server.chat(reasoning_effort="none", temperature=0).json
    assert "reasoning_content" not in plain["choices"][0]["message"]
    short = server.chat(thinking_token_budget=8).json
    assert short["usage"]["completion_tokens_details"]["reasoning_tokens"] < 40


def test_completions(server: Server) -> None:
    with client(server) as ai:
        reply = ai.completions.create(model="nano", prompt="What is 27 + 58?", temperature=0)
        assert "85" in reply.choices[0].text
        stream = ai.completions.create(
            model="nano", prompt="What is 27 + 58?", temperature=0, stream=True
        )
        assert "".join(chunk.choices[0].text for chunk in stream) == reply.choices[0].text
        assert "nano" in [model.id for model in ai.models.list()]
        assert ai.models.retrieve("nano").id == "nano"


# --- Ollama's client ------------------------------------------------------------


def test_ollamas_client(server: Server) -> None:
    with closing(ollama.Client(server.url)) as ai:
        use_ollamas_client(ai)


def use_ollamas_client(ai: ollama.Client) -> None:
    asked: dict[str, Any] = {"model": "nano", "messages": QUESTION, "options": {"seed": 1}}
    reply = ai.chat(**asked)
    assert "85" in (reply.message.content or "")
    assert "15" in (reply.message.thinking or "")
    assert reply.done and reply.done_reason == "stop" and reply.eval_count
    pieces = list(ai.chat(**asked, stream=True))
    assert "".join(piece.message.content or "" for piece in pieces) == reply.message.content
    assert "".join(piece.message.thinking or "" for piece in pieces) == reply.message.thinking
    assert [piece.done for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert ai.chat(**asked, think=False).message.thinking is None
    generated = ai.generate("nano:latest", "What is 27 + 58?", system="Be brief.")
    assert "85" in (generated.response or "")
    assert "nano" in [model.model for model in ai.list().models]
    assert ai.show("nano").capabilities == ["completion", "thinking"]
    assert [model.name for model in ai.ps().models] == ["nano"]
    # Ollama's own program shows the first 12 characters, and ends if there are fewer.
    digests = [each.digest for each in ai.list().models] + [each.digest for each in ai.ps().models]
    assert all(len(each or "") == 64 for each in digests)


def test_ollama_loads_and_unloads_without_a_question(server: Server) -> None:
    asked = {"model": "nano", "keep_alive": 0}
    assert server.ask("/api/generate", asked).json["done_reason"] == "unload"
    assert server.ask("/api/ps").json == {"models": []}
    assert server.ask("/api/chat", {"model": "nano"}).json["done_reason"] == "load"
    assert len(server.ask("/api/ps").json["models"]) == 1


def test_an_error_has_the_form_of_its_protocol(server: Server) -> None:
    with (
        closing(ollama.Client(server.url)) as theirs,
        pytest.raises(ollama.ResponseError, match="no model is called") as raised,
    ):
        theirs.chat("nobody", QUESTION)
    assert raised.value.status_code == 404
    with client(server) as ai, pytest.raises(openai.NotFoundError, match="no model is called"):
        ai.chat.completions.create(model="nobody", messages=QUESTION)


@pytest.mark.parametrize("path", ["/api/show", "/api/pull"])
def test_an_empty_name_is_none(server: Server, path: str) -> None:
    refused = server.ask(path, {"model": "", "stream": False})
    assert (refused.status, refused.json["error"].partition(";")[0]) == (400, "no model is named")
    assert server.ask("/api/show", {"model": "", "name": "nano"}).status == 200


def test_a_pull_of_what_is_no_models_name_says_so(server: Server) -> None:
    lines = server.ask("/api/pull", {"model": "nobody"}).body.splitlines()
    assert "no model is called 'nobody'" in json.loads(lines[-1])["error"]


# --- Requests as programs send them ---------------------------------------------


def test_open_webuis_requests(server: Server) -> None:
    """Its shape in version 0.6, for both kinds of connections."""
    body = {
        "stream": True,
        "model": "nano",
        "messages": QUESTION,
        "stream_options": {"include_usage": True},
    }
    assert server.ask("/v1/chat/completions", body).events[-1]["usage"]
    body = {"model": "nano:latest", "messages": QUESTION, "options": {"temperature": 0.2}}
    body |= {"stream": True, "keep_alive": "5m"}
    lines = server.ask("/api/chat", body).body.splitlines()
    assert json.loads(lines[-1])["done"]


def test_continues_requests(server: Server) -> None:
    """Its shape for providers `openai` and `ollama`."""
    body = {
        "messages": [{"role": "system", "content": "Be brief."}, *QUESTION],
        "model": "nano",
        "max_tokens": 4096,
        "temperature": 0.5,
        "top_p": None,
        "frequency_penalty": None,
        "presence_penalty": None,
        "stop": ["<|im_end|>"],
        "stream": True,
    }
    assert server.ask("/v1/chat/completions", body).events
    body = {
        "model": "nano",
        "raw": False,
        "keep_alive": 1800,
        "options": {"num_predict": 2048, "num_ctx": 8192, "stop": ["<|im_end|>"], "num_thread": 2},
        "messages": [{"role": "user", "content": "What is 27 + 58?"}],
        "stream": True,
    }
    assert server.ask("/api/chat", body).status == 200


def test_curl(server: Server) -> None:
    command = ["curl", "-sS", "--max-time", "30", f"{server.url}/v1/chat/completions", "-d"]
    result = subprocess.run(
        [*command, json.dumps({"messages": QUESTION})], capture_output=True, check=True
    )
    assert "85" in json.loads(result.stdout)["choices"][0]["message"]["content"]


def test_r1local_itself_asks_it(server: Server, run: Run) -> None:
    result = run("--endpoint", server.url, "-m", "nano", "--answer-only", "What is 27 + 58?")
    assert (result.returncode, result.stdout.strip()) == (0, "85"), result.stderr
    server.chat()
    assert server.ask("/v1/models/nano").json["max_model_len"] == 4096
