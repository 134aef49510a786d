"""Programs that stand in for others, with output that is chosen."""

import sys
from pathlib import Path

_LLAMA_BENCH = """#!{python}
import json, subprocess, sys
from pathlib import Path

arguments = sys.argv[1:]
Path(__file__).with_name("arguments").write_text("\\n".join(arguments))
given = dict(zip(arguments[::2], arguments[1::2]))
speeds = {{"prompt": {prompt}, "generation": {generation}}}
for attention in map(int, given["-fa"].split(",")):
    for depth in map(int, given["-d"].split(",")):
        for kind, speed in speeds.items():
            counts = (int(given["-p"]), 0) if kind == "prompt" else (0, int(given["-n"]))
            test = {{"n_prompt": counts[0], "n_gen": counts[1], "n_depth": depth}}
            test |= {{"flash_attn": attention, "avg_ts": speed[attention]}}
            test["samples_ts"] = [speed[attention]] * int(given["-r"])
            print(json.dumps(test), flush=True)
subprocess.run({then!r}, shell=True)
"""


def write_llama_bench(
    folder: Path,
    *,
    prompt: tuple[float, float] = (100, 100),
    generation: tuple[float, float] = (10, 10),
    then: str = "true",
) -> Path:
    """Write a llama-bench that prints the tokens per second it is given, as JSON lines.

    It leaves its arguments in the file `arguments` beside it, one per line.

    Args:
        folder: where to write it.
        prompt, generation: the speeds without and with flash attention.
        then: a shell command to run at the end.
    """
    path = folder / "llama-bench"
    values = {"prompt": prompt, "generation": generation, "then": then}
    path.write_text(_LLAMA_BENCH.format(python=sys.executable, **values))
    path.chmod(0o755)
    return path
