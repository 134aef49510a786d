"""Run benchmarks by name, or all of them.

    python -m tools.benchmarks NAME… [--rounds N] [--llama-bin DIR] [--threads N] [--tokens N]

`help` needs `llm` on the PATH; DIR contains llama-completion, llama-cli,
llama-batched-bench and llama-server, built from the source of the installed llama-cpp-python.
"""

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path

from tools.benchmarks import (
    attention,
    chat,
    draft_models,
    drafts,
    loops,
    memory,
    models,
    requests,
    serving,
    sessions,
    speed,
    start_up,
    vote_drafts,
    votes,
)
from tools.benchmarks.harness import Options

BENCHMARKS: Mapping[str, Callable[[Options], None]] = {
    "help": start_up.compare_help,
    "oneshot": start_up.compare_oneshot,
    "kept": start_up.compare_kept,
    "overhead": speed.compare_overhead,
    "smollm2": speed.compare_smollm2,
    "threads": attention.compare_threads,
    "attention": attention.compare_attention,
    "drafts": drafts.compare_drafts,
    "draft-models": draft_models.compare_draft_models,
    "vote-drafts": vote_drafts.compare_vote_drafts,
    "memory": memory.compare_memory,
    "pull": models.compare_pull,
    "kill": models.count_kills,
    "list": models.time_list,
    "chat-speed": chat.compare_speed,
    "chat-drawing": chat.compare_drawing,
    "chat-typing": chat.time_typing,
    "resume": sessions.compare_resume,
    "sessions": sessions.time_list,
    "search": sessions.time_search,
    "finding": sessions.time_finding,
    "loops": loops.count_loops,
    "votes": votes.compare_throughput,
    "requests": requests.compare_requests,
    "serve": serving.load_server,
    "accuracy": votes.count_right_answers,
}


def main() -> None:
    """Run the requested benchmarks, one after the other."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="+", choices=[*BENCHMARKS, "all"], metavar="NAME")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--llama-bin", type=Path, default=Path("/usr/local/bin"))
    parser.add_argument("--threads", type=int)
    parser.add_argument("--tokens", type=int)
    parser.add_argument("--seed")
    parser.add_argument("--model", type=Path, help="a GGUF file, for attention")
    arguments = parser.parse_args()
    options = Options(
        arguments.rounds,
        arguments.llama_bin,
        arguments.threads,
        arguments.tokens,
        arguments.seed,
        arguments.model,
    )
    for name in BENCHMARKS if "all" in arguments.names else arguments.names:
        print(f"\n## {name}", flush=True)
        BENCHMARKS[name](options)


if __name__ == "__main__":
    main()
