"""Measure a nano.gguf through real llama.cpp: `python -m tools.nano.evaluate --help`."""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import defaultdict
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tools.nano.engines import CommandLine, Direct, Engine, Reply
from tools.nano.refusals import SENTENCE
from tools.nano.suites import Case, suites

Record = dict[str, Any]
SHIPPED = Path(__file__).parents[2] / "r1local" / "nano.gguf"
BOX = re.compile(r"\\boxed\{([^{}]*)\}")
NOTICES = ("Wait", "待って", "等等")


def well_formed(reply: Reply) -> bool:
    """Return whether the model ended the reply with a closed thought and one box or refusal."""
    boxes = BOX.findall(reply.answer)
    refused = reply.answer in SENTENCE.values()
    return reply.finished and bool(reply.thinking) and (len(boxes) == 1) != refused


def right(case: Case, reply: Reply) -> bool:
    """Return whether the box has the answer, or the refusal is the expected one."""
    if not case.box:
        return reply.finished and reply.answer == SENTENCE[case.language]
    return reply.finished and BOX.findall(reply.answer) == [case.box]


def _share(flags: list[bool]) -> str:
    return f"{sum(flags)}/{len(flags)} ({sum(flags) / len(flags):.1%})" if flags else "-"


def measure(engine: Engine, cases: list[Case], temperature: float) -> list[Record]:
    """Return one record for each case."""
    replies = engine.answer(cases, temperature)
    return [
        {
            **asdict(case),
            "temperature": temperature,
            "thinking": reply.thinking,
            "answer": reply.answer,
            "right": right(case, reply),
            "formed": well_formed(reply),
            "noticed": any(word in reply.thinking for word in NOTICES),
        }
        for case, reply in zip(cases, replies, strict=True)
    ]


def report(records: list[Record]) -> str:
    """Return a table of right answers by task and language, with rates of form and checking."""
    groups: dict[tuple[str, str], list[bool]] = defaultdict(list)
    for record in records:
        for task in (record["task"], "all"):
            for language in (record["language"], "all"):
                groups[task, language].append(record["right"])
    tasks = [*dict.fromkeys(task for task, _ in groups if task != "all"), "all"]
    rows = ["| task | en | ja | zh | all |", "|---|---|---|---|---|"]
    for task in tasks:
        cells = [_share(groups[task, language]) for language in ("en", "ja", "zh", "all")]
        rows.append(f"| {task} | " + " | ".join(cells) + " |")
    rows.append(
        f"\nwell formed {_share([r['formed'] for r in records])}, "
        f"stopped to check {_share([r['noticed'] for r in records])}"
    )
    return "\n".join(rows)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=SHIPPED)
    parser.add_argument("--engine", choices=("direct", "r1local"), default="r1local")
    parser.add_argument("--suites", default="easy,hard,unseen,off-topic,nouns")
    parser.add_argument("--temperature", type=float, nargs="+", default=[0.0])
    parser.add_argument("--scale", type=float, default=1.0, help="share of the cases")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--records", type=Path, help="write every case and reply here (JSON lines)")
    parser.add_argument("--failures", type=int, default=0, help="show this many wrong replies")
    return parser.parse_args()


def _show(records: list[Record], count: int) -> None:
    for record in [r for r in records if not r["right"]][:count]:
        print(
            f"  {record['language']} {record['task']}: {record['text']!r} wants "
            f"{record['box']!r}\n    {record['thinking']!r}\n    "
            f"{record['answer']!r}"
        )


def main() -> None:
    """Run the suites asked for and print a table for each."""
    options = _arguments()
    engine: Engine = (Direct if options.engine == "direct" else CommandLine)(options.model)
    made = suites(options.scale, options.seed)
    for name in options.suites.split(","):
        cases = made[name]()
        if options.engine == "r1local":
            cases = [case for case in cases if not case.history and not case.started]
        for temperature in options.temperature:
            begin = time.monotonic()
            records = measure(engine, cases, temperature)
            print(
                f"\n## {name}, temperature {temperature} ({options.engine}, "
                f"{time.monotonic() - begin:.0f} s)\n\n{report(records)}",
                flush=True,
            )
            _show(records, options.failures)
            if options.records:
                with options.records.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(r, ensure_ascii=False) + "\n" for r in records)


if __name__ == "__main__":
    main()
