"""What Prometheus is told of a server, in its text format (version 0.0.4)."""

from collections import Counter
from collections.abc import Iterator, Mapping

_HELP: Mapping[str, str] = {
    "r1local_http_requests_total": "HTTP requests by route and status.",
    "r1local_tokens_total": "Tokens: prompt, cached (of the prompt), thinking, answer,"
    " drafted, accepted (of the drafted ones).",
    "r1local_replies_total": "Replies by how they ended.",
    "r1local_first_token_seconds_sum": "Seconds between requests and their first tokens.",
    "r1local_first_token_seconds_count": "Replies that had a first token.",
}


class Metrics:
    """Counters; one thread adds to them."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()

    def add(self, name: str, amount: float = 1, **labels: object) -> None:
        """Add to a counter."""
        key = name, tuple((label, str(value)) for label, value in labels.items())
        self._counts[key] += amount  # type: ignore[assignment]

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """Return all counters, and gauges by name with their help and value."""
        return "".join(f"{line}\n" for line in (*self._counters(), *_gauges(gauges)))

    def _counters(self) -> Iterator[str]:
        for name, help_ in _HELP.items():
            yield f"# HELP {name} {help_}"
            yield f"# TYPE {name} counter"
            for (counter, labels), value in self._counts.items():
                if counter == name:
                    yield f"{name}{_labels(labels)} {value:.10g}"


def _gauges(gauges: Mapping[str, tuple[str, float]]) -> Iterator[str]:
    for name, (help_, value) in gauges.items():
        yield f"# HELP {name} {help_}"
        yield f"# TYPE {name} gauge"
        yield f"{name} {value:.10g}"


def _labels(labels: tuple[tuple[str, str], ...]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
