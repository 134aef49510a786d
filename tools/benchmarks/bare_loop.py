"""The minimum that Python needs to generate: decode, sample, token_to_piece. A yardstick.

    python -m tools.benchmarks.bare_loop MODEL.gguf --tokens 2048 --context 4096

Prints one JSON object: the number of tokens, and tokens_per_s of all, of the first and of the
last thousand tokens.
"""

import argparse
import ctypes
import json
import os
import time

from llama_cpp import llama_cpp as llama

from r1local.engine.amx import leave_out_broken_amx

_QUIET = llama.llama_log_callback(lambda _level, _text, _data: None)


def main() -> None:
    """Load, evaluate the prompt, generate, print the speeds."""
    arguments = _arguments()
    llama.llama_log_set(_QUIET, None)
    llama.llama_backend_init()
    params = llama.llama_model_default_params()
    params.n_gpu_layers = 0
    leave_out_broken_amx()
    model = llama.llama_model_load_from_file(os.fsencode(arguments.model), params)
    context_params = llama.llama_context_default_params()
    context_params.n_ctx = arguments.context
    context_params.n_batch = context_params.n_ubatch = 512
    context_params.n_outputs_max = 1
    context_params.flash_attn_type = 0  # like r1local on the CPU
    context_params.n_threads = context_params.n_threads_batch = arguments.threads
    context = llama.llama_init_from_model(model, context_params)
    times = _generate(llama.llama_model_get_vocab(model), context, arguments)
    print(json.dumps(_speeds(times)))


def _generate(vocab: object, context: object, arguments: argparse.Namespace) -> list[float]:
    """Return the clock at the start and after every token."""
    sampler = llama.llama_sampler_chain_init(llama.llama_sampler_chain_default_params())
    for stage in (
        llama.llama_sampler_init_temp(0.6),
        llama.llama_sampler_init_top_p(0.95, 1),
        llama.llama_sampler_init_dist(arguments.seed),
    ):
        llama.llama_sampler_chain_add(sampler, stage)
    prompt = arguments.prompt.encode()
    tokens = (ctypes.c_int32 * (len(prompt) + 8))()
    count = llama.llama_tokenize(vocab, prompt, len(prompt), tokens, len(tokens), True, True)
    llama.llama_decode(context, llama.llama_batch_get_one(tokens, count))
    buffer = ctypes.create_string_buffer(256)
    next_token = (ctypes.c_int32 * 1)()
    batch = llama.llama_batch_get_one(next_token, 1)
    times = [time.perf_counter()]
    for _ in range(arguments.tokens):
        token = llama.llama_sampler_sample(sampler, context, -1)
        llama.llama_token_to_piece(vocab, token, buffer, len(buffer), 0, False)
        times.append(time.perf_counter())
        next_token[0] = token
        llama.llama_decode(context, batch)
    return times


def _speeds(times: list[float]) -> dict[str, float]:
    tokens = len(times) - 1
    part = min(1000, tokens)
    return {
        "tokens": tokens,
        "tokens_per_s": tokens / (times[-1] - times[0]),
        "first_thousand_per_s": part / (times[part] - times[0]),
        "last_thousand_per_s": part / (times[-1] - times[-1 - part]),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--prompt", default="Hello")
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


if __name__ == "__main__":
    main()
