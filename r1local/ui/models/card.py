"""A model's card: its facts, its published scores, and its memory needs on this machine."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from r1local.language import N_, _
from r1local.ui.cells import cell_len, fitted
from r1local.ui.markdown.wrapping import wrap, wrapped_lines
from r1local.ui.safe_text import unbroken, visible_line
from r1local.ui.tables import FIT_ROLES
from r1local.units import speed_words

_SCORES = {
    "aime_2024": "AIME 2024",
    "aime_2024_cons64": N_("AIME 2024, majority of 64"),
    "aime_2025": "AIME 2025",
    "hmmt_2025": "HMMT February 2025",
    "math_500": "MATH-500",
    "gpqa_diamond": "GPQA Diamond",
    "livecodebench": "LiveCodeBench",
    "livecodebench_2025": "LiveCodeBench, 2408-2505",
    "codeforces": N_("Codeforces rating"),
    "codeforces_div1": N_("Codeforces rating, division 1"),
}
_SHORT = {"GPU": "GPU", "GPU+CPU": "part", "CPU": "CPU", "no": "no"}
_LEGEND = N_(
    "GPU: all layers on the GPU; part: some layers; CPU: none; no: more memory than is free."
    " Sizes include the file, the KV cache and work space, in GiB."
)
_ESTIMATE = N_(
    "Speeds are for an empty context. Those with ~ are estimates, by the memory's bandwidth and"
    " the number of cores, and by what `r1local bench` measured of other models."
)
#: Cells between the labels of facts and the facts.
_GAP = 2
#: Contexts in tokens, the most informative about a machine first.
_TELLING = (8_192, 32_768, 4_096, 131_072)
#: Width of a context's column in a plan, and of all other columns together.
_CONTEXT_WIDTH, _FIXED_WIDTH = 11, 36


@dataclass(frozen=True, slots=True)
class ContextPlan:
    """The memory in bytes for a context of `context` tokens, and where the model would run."""

    context: int
    kv_cache: int
    total: int
    fit: str
    gpu_layers: int


@dataclass(frozen=True, slots=True)
class VariantPlan:
    """A quantization's plans, and its tokens per second, `slowest` to `fastest`, 0 if unknown.

    `measured` means that a benchmark measured them; otherwise they are an estimate.
    """

    quantization: str
    weights: int
    quality_loss: float | None
    contexts: tuple[ContextPlan, ...]
    slowest: float
    fastest: float
    measured: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """Everything that `show` prints; `memory` and `gpu_memory` are free bytes."""

    name: str
    facts: dict[str, str]
    scores: dict[str, tuple[str, str]]
    source: str
    variants: tuple[VariantPlan, ...]
    memory: int
    gpu_memory: int


def print_card(console: Console, card: Card) -> None:
    """Print a card in the console's width, with fewer contexts if it is narrow."""
    console.print(Text(visible_line(card.name), "heading"))
    _print_facts(console, card.facts)
    if card.scores:
        console.print()
        console.print(_scores(card.scores))
        _note(console, card.source)
    if card.variants:
        console.print()
        console.print(_memory(card), soft_wrap=not console.is_terminal)
        console.print(_plans(card.variants, console.width))
        _note(console, _(_LEGEND))
        _note(console, _(_ESTIMATE))


def _print_facts(console: Console, facts: dict[str, str]) -> None:
    """Print labels and values: in two columns on a terminal, one per line in a pipe."""
    if not console.is_terminal:
        for label, value in facts.items():
            console.print(f"{_(label)}: {unbroken(value)}")
        return
    column = _GAP + max((cell_len(_(label)) for label in facts), default=0)
    room = max(console.width - column, 1)
    for label, value in facts.items():
        rows = wrapped_lines(visible_line(value), room, by_phrase=True)
        for start, row in zip_longest([_(label)], rows, fillvalue=""):
            console.print(Text.assemble((fitted(start, column), "note"), row))


def _note(console: Console, text: str) -> None:
    note = Text(visible_line(text), "note")
    for row in wrap(note, console.width, by_phrase=True) if console.is_terminal else [note]:
        console.print(row, soft_wrap=True)


def _memory(card: Card) -> Text:
    gpu = (
        _(", {gpu_memory} GiB on the GPU", gpu_memory=_gib(card.gpu_memory))
        if card.gpu_memory
        else _(", no GPU")
    )
    return Text(_("Free here: {memory} GiB of memory{gpu}", memory=_gib(card.memory), gpu=gpu))


def _gib(size: int) -> str:
    """Return a size in GiB, or in MiB, with the unit, if it would be 0 GiB."""
    if 0 < size < 0.1 * 2**30:
        return f"{max(1, size >> 20)} MiB"
    return f"{size / 2**30:.1f}" if size < 100 * 2**30 else f"{size / 2**30:.0f}"


def _scores(scores: dict[str, tuple[str, str]]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column(_("published scores"))
    table.add_column(_("model"), justify="right")
    table.add_column("o1-mini", justify="right", style="note")
    for test, (score, other) in scores.items():
        table.add_row(_(_SCORES.get(test, test)), score, other)
    return table


def _plans(variants: Sequence[VariantPlan], width: int) -> Table:
    contexts = _shown_contexts(variants, width)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    table.add_column("", no_wrap=True)
    table.add_column(_("file"), justify="right", no_wrap=True)
    for context in contexts:
        table.add_column(f"{context // 1024}k", justify="right", no_wrap=True)
    table.add_column(_("tokens/s"), justify="right", no_wrap=True)
    kv_cache = {plan.context: plan.kv_cache for plan in variants[0].contexts}
    table.add_row(_("KV cache"), "", *(_gib(kv_cache[each]) for each in contexts), "", style="note")
    for variant in variants:
        plans = {plan.context: plan for plan in variant.contexts}
        cells = [_cell(plans[context]) for context in contexts]
        speed = speed_words(variant.slowest, variant.fastest, measured=variant.measured)
        table.add_row(_(variant.quantization), _gib(variant.weights), *cells, speed)
    return table


def _shown_contexts(variants: Sequence[VariantPlan], width: int) -> list[int]:
    """Return the contexts there is room for, preferring the most informative ones."""
    contexts = [plan.context for plan in variants[0].contexts]
    room = max(1, (width - _FIXED_WIDTH) // _CONTEXT_WIDTH)
    telling = [context for context in _TELLING if context in contexts]
    others = [context for context in contexts if context not in _TELLING]
    return sorted([*telling, *others][:room])


def _cell(plan: ContextPlan) -> Text:
    return Text(f"{_gib(plan.total)} ").append(f"{_SHORT[plan.fit]:<4}", FIT_ROLES[plan.fit])
