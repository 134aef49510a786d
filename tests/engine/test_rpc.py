"""Devices of other machines: real RPC servers on loopback, where a llama.cpp with RPC was built."""

import re
import socket
from collections.abc import Iterator
from threading import Thread

import pytest

from r1local.engine.rpc import add_server
from r1local.errors import DeviceError
from r1local.gguf.file import read_gguf
from r1local.machine.memory import (
    Placement,
    compute_bytes,
    facts_of,
    gpu_bytes,
    layers_on_gpus,
    pipeline_bytes,
)
from testing.architectures import write_mixture
from testing.models import smollm2
from testing.rpc_servers import free_port, rpc_build, rpc_server, run_with_rpc

MIB = 2**20
QUESTION = "What is 27 + 58?"
ANSWER = "**27 + 58 = \\boxed{85}**\n"


def test_a_llama_cpp_without_rpc_says_how_to_build_it() -> None:
    with pytest.raises(DeviceError, match="built without RPC") as caught:
        add_server("127.0.0.1:50052")
    assert "GGML_RPC=on" in caught.value.hint


@pytest.fixture
def server() -> Iterator[str]:
    with rpc_server() as address:
        yield address


def sizes(log: str, kind: str) -> list[float]:
    """The sizes of the devices' buffers of a kind, in bytes, the smallest first."""
    found = re.findall(rf"RPC\d\[[^]]*\] +{kind} buffer size = +([0-9.]+) MiB", log)
    return sorted(float(size) * MIB for size in found)


@pytest.mark.slow
@pytest.mark.parametrize("layers", [1, 12, 31])
def test_a_device_takes_what_the_plan_says(layers: int, server: str) -> None:
    asked = ("--gpu-layers", str(layers), "--context", "4096", "--max-tokens", "2", "--verbose")
    done = run_with_rpc("hi", "-m", smollm2(), "--rpc", server, *asked)
    assert done.returncode == 0
    facts, place = facts_of(read_gguf(smollm2())), Placement(layers)
    model, cache = sizes(done.stderr, "model"), sizes(done.stderr, "KV")
    assert sum(model + cache) == pytest.approx(
        sum(layers_on_gpus(facts, place, 4096)), rel=0.05, abs=4 * MIB
    )
    assert sum(model + cache + sizes(done.stderr, "compute")) <= gpu_bytes(facts, place, 4096)


@pytest.mark.slow
def test_two_devices_share_the_layers(server: str) -> None:
    with rpc_server() as other:
        both = ("--rpc", f"{server},{other}", "--verbose")
        even = run_with_rpc(QUESTION, *both)
        uneven = run_with_rpc(QUESTION, *both, "--tensor-split", "1,5")
        one = run_with_rpc(QUESTION, *both, "--split-mode", "none", "--main-gpu", "1")
        wide = run_with_rpc("hi", "-m", smollm2(), *both, "--max-tokens", "2")
    assert even.stdout == uneven.stdout == one.stdout == ANSWER
    assert [size / MIB for size in sizes(even.stderr, "KV")] == [3, 3]
    assert [size / MIB for size in sizes(uneven.stderr, "KV")] == [2, 4]
    assert [size / MIB for size in sizes(one.stderr, "KV")] == [6]
    assert f"RPC1 ({other})" in one.stderr
    facts = facts_of(read_gguf(smollm2()))
    planned = compute_bytes(facts, 8192) + pipeline_bytes(facts, 8192)
    assert all(0.7 * planned < size < planned for size in sizes(wide.stderr, "compute"))


@pytest.mark.slow
def test_two_devices_compute_each_layer_together(server: str) -> None:
    with rpc_server() as other:
        servers = ("--rpc", server, "--rpc", other)
        asked = ("--split-mode", "tensor", "--temperature", "0", "--max-tokens", "8")
        together = run_with_rpc("Say hi.", "-m", smollm2(), *servers, *asked)
        alone = run_with_rpc("Say hi.", "-m", smollm2(), *asked[2:])
    assert together.stdout == alone.stdout != ""


@pytest.mark.slow
def test_devices_are_chosen_by_name(server: str) -> None:
    done = run_with_rpc(QUESTION, "--rpc", server, "--device", "rpc0", "--verbose")
    assert (done.stdout, len(sizes(done.stderr, "KV"))) == (ANSWER, 1)
    done = run_with_rpc(QUESTION, "--rpc", server, "--device", "none", "--verbose")
    assert (done.stdout, sizes(done.stderr, "KV")) == (ANSWER, [])
    done = run_with_rpc(QUESTION, "--rpc", server, "--device", "CUDA0")
    assert done.returncode == 1
    assert f"error: there is no device CUDA0\nhint: there is RPC0 ({server})\n" in done.stderr


@pytest.mark.slow
def test_experts_stay_with_the_cpu(server: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    model = write_mixture(tmp_path_factory.mktemp("m") / "m.gguf")
    facts = facts_of(read_gguf(model))
    asked = ("-m", model, "--rpc", server, "--max-tokens", "2", "--verbose")
    for option, kept in (((), 0), (("--cpu-moe",), 4), (("--cpu-moe-layers", "3"), 3)):
        done = run_with_rpc("hi", *asked, *option)
        (on_device,) = sizes(done.stderr, "model")
        place = Placement(5, kept)
        assert on_device == pytest.approx(sum(layers_on_gpus(facts, place, 0)), abs=0.1 * MIB)


@pytest.mark.slow
def test_where_memory_runs_out_loading_is_tried_with_less() -> None:
    asked = ("-m", smollm2(), "--context", "8192", "--max-tokens", "8")
    with rpc_server(memory_kib=260_000) as address:
        done = run_with_rpc("Say hi.", *asked, "--rpc", address)
    assert done.stdout
    assert re.search(
        "8,192 tokens with 31 of 31 layers on the GPU .* it is loaded with [12]. of 31 layers",
        done.stderr,
    )


@pytest.mark.slow
def test_memory_that_runs_out_twice_is_an_error() -> None:
    with rpc_server(memory_kib=60_000) as address:
        done = run_with_rpc("hi", "-m", smollm2(), "--context", "8192", "--rpc", address)
    assert done.returncode == 1
    assert "error: memory ran out while loading" in done.stderr
    assert "hint: llama.cpp says: failed to allocate RPC0" in done.stderr


@pytest.mark.slow
def test_a_server_that_is_not_there_is_an_error() -> None:
    address = f"127.0.0.1:{free_port()}"
    done = run_with_rpc(QUESTION, "--rpc", address)
    assert done.returncode == 1
    said = f"error: the RPC server {address} can't be used: nothing answers there\n"
    assert said in done.stderr


@pytest.mark.slow
def test_a_server_of_another_kind_is_an_error() -> None:
    rpc_build()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(64)
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 4)

        Thread(target=answer, daemon=True).start()
        done = run_with_rpc(QUESTION, "--rpc", f"127.0.0.1:{listener.getsockname()[1]}")
    assert done.returncode == 1
    assert "what answers there is no RPC server" in done.stderr
