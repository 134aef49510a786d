"""The meaning of quantization names, and which files of a repository make up one model."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TypeVar

from r1local.gguf.parts import part_name

_Item = TypeVar("_Item")

#: The names that `llama-quantize` and Unsloth use, with the loss of quality: the KL divergence
#: from f16 for Llama-3-8B on Wikitext-2 (llama.cpp, tools/perplexity/README.md). Quantizations
#: not measured there are placed between their neighbours in size, without a figure.
_BY_QUALITY = (
    ("F32", None),
    ("BF16", None),
    ("F16", 0.0),
    ("UD-Q8_K_XL", None),
    ("Q8_0", 0.0014),
    ("Q6_K_L", None),
    ("UD-Q6_K_XL", None),
    ("Q6_K", 0.0055),
    ("Q5_K_L", None),
    ("UD-Q5_K_XL", None),
    ("Q5_K_M", 0.0108),
    ("Q5_K_S", 0.0166),
    ("Q5_1", None),
    ("Q5_0", None),
    ("Q4_K_L", None),
    ("UD-Q4_K_XL", None),
    ("Q4_K_M", 0.031),
    ("Q4_K_S", 0.043),
    ("NVFP4", None),
    ("IQ4_NL", 0.036),
    ("MXFP4", None),
    ("IQ4_XS", 0.036),
    ("UD-IQ4_XS", None),
    ("Q4_1", 0.072),
    ("Q4_0", 0.072),
    ("Q3_K_XL", None),
    ("UD-Q3_K_XL", None),
    ("Q3_K_L", 0.073),
    ("Q3_K_M", 0.102),
    ("IQ3_M", 0.103),
    ("IQ3_S", None),
    ("IQ3_XS", 0.139),
    ("UD-IQ3_XXS", None),
    ("IQ3_XXS", 0.184),
    ("Q3_K_S", 0.2),
    ("Q2_K_L", None),
    ("UD-Q2_K_XL", None),
    ("IQ2_M", 0.326),
    ("UD-IQ2_M", None),
    ("Q2_K", 0.445),
    ("Q2_K_XS", None),
    ("Q2_K_S", None),
    ("IQ2_S", None),
    ("IQ2_XS", None),
    ("IQ2_XXS", 0.812),
    ("UD-IQ2_XXS", None),
    ("IQ1_M", 1.39),
    ("UD-IQ1_M", None),
    ("IQ1_S", 2.25),
    ("UD-IQ1_S", None),
    ("TQ2_0", None),
    ("TQ1_0", None),
    ("UD-TQ1_0", None),
)
#: The choice when nothing better is known: the smallest whose loss is hard to notice.
DEFAULT_QUANTIZATION = "Q4_K_M"

_RANK = {name: rank for rank, (name, _) in enumerate(_BY_QUALITY)}
#: llama.cpp's types, ik_llama.cpp's (IQ4_KSS, Q8_0_R8), and formerly repacked ones (Q4_0_4_8).
_SUFFIX = r"_(?:K(?:SS|[LSTV])?|XX?S|X{0,3}L|[SMP]|NL|R?\d{1,2})"
_NAME = rf"(?:UD-)?(?:I?Q\d(?:{_SUFFIX})++|TQ[12]_0|MXFP4(?:_MOE)?|NVFP4|BF16|FP?16|FP?32)"
#: A quantization's name standing by itself, as in `…-7B-Q4_K_M.gguf` and `R1.Q8_0-00001-of-…`.
_IN_PATH = rf"(?i)(?<![A-Z0-9])({_NAME})(?![A-Z0-9_])"
#: Synonyms: how Qwen and others write a type, and what `llama-quantize` calls its recipe.
_SAME = {"FP16": "F16", "FP32": "F32", "MXFP4_MOE": "MXFP4"}
#: Publishers' prefixes of a type's name: Unsloth's recipes, mradermacher's weighted quantizations.
_RECIPE = re.compile(r"(?:UD|i1)-", re.IGNORECASE)
#: Words in the names of files that accompany a model: for images, for quantizing, and for
#: drafting tokens, by the method that drafts (llama.cpp, common/download.cpp).
_PROJECTORS, _MATRICES, _DRAFTERS = (
    rf"(?i)(?<![a-z])(?:{words})(?![a-z])"
    for words in ("mmproj", "imatrix", r"draft|mtp|eagle\d?|dflash|dspark")
)
#: Degrees of how unlike a model's name a file's name is, the strongest last.
_DRAFTS, _DRAFTS_FIRST, _MATRIX, _PROJECTOR = range(1, 5)


@dataclass(frozen=True, slots=True)
class RepoFile:
    """A file of a repository: its path, its size in bytes, and its SHA-256 if the hub knows it."""

    name: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """One model of a repository in one quantization: a file, or all parts of a split one.

    A `sidecar` accompanies another model: a projector, a draft model or an importance matrix.
    """

    quantization: str
    files: tuple[RepoFile, ...]
    sidecar: bool = False

    @property
    def name(self) -> str:
        """Path of the file that llama.cpp opens: the only one, or the first part."""
        return self.files[0].name

    @property
    def size(self) -> int:
        """Size of all parts in bytes."""
        return sum(file.size for file in self.files)


def quantization_of(path: str) -> str | None:
    """Return the (last) quantization that a path names, by llama.cpp's name for it, or None."""
    found = re.findall(_IN_PATH, path)
    return _called(found[-1]) if found else None


def quantization_named(text: str) -> str | None:
    """Return llama.cpp's name for the quantization called `text`, or None if there is none."""
    return _called(text) if re.fullmatch(_NAME, text, re.IGNORECASE) else None


def _called(name: str) -> str:
    return _SAME.get(name.upper(), name.upper())


def quality_rank(quantization: str) -> int:
    """Return a quantization's rank among the known ones: 0 is the best, unknown ones are last."""
    name = _called(quantization)
    return _RANK.get(name, _RANK.get(_RECIPE.sub("", name), len(_RANK)))


def quality_loss(quantization: str) -> float | None:
    """Return the mean KL divergence from f16, in nats per token, measured on Llama-3-8B."""
    return dict(_BY_QUALITY).get(_called(quantization))


def variants(files: Iterable[RepoFile]) -> list[Variant]:
    """Return a repository's models, best quality first, followed by the sidecars.

    Incomplete splits are left out. Sidecars are recognised by comparison: a file whose name
    says "draft" is a sidecar beside files whose names don't, and a model if it is alone.
    """
    found = list(_whole(files))
    least = min((_oddness(variant.name) for variant in found), default=0)
    marked = [replace(v, sidecar=_oddness(v.name) > min(least, _MATRIX)) for v in found]
    return sorted(marked, key=lambda v: (v.sidecar, quality_rank(v.quantization), v.name))


def incomplete_splits(names: Iterable[str]) -> list[str]:
    """Return the names, without the numbers, of split models of which parts are missing."""
    there: dict[tuple[str, int], set[int]] = {}
    for part in filter(None, map(part_name, names)):
        there.setdefault((part.stem, part.count), set()).add(part.number)
    return [stem for (stem, count), numbers in there.items() if numbers != {*range(1, count + 1)}]


def _whole(files: Iterable[RepoFile]) -> Iterator[Variant]:
    parts: dict[tuple[str, int], dict[int, RepoFile]] = {}
    for file in files:
        if not file.name.lower().endswith(".gguf"):
            continue
        if part := part_name(file.name):
            parts.setdefault((part.stem, part.count), {})[part.number] = file
        else:
            yield Variant(_label(file.name), (file,))
    for (stem, count), numbered in parts.items():
        if sorted(numbered) == list(range(1, count + 1)):
            ordered = tuple(numbered[number] for number in sorted(numbered))
            yield Variant(_label(stem + ".gguf"), ordered)


def _label(path: str) -> str:
    """Return what a user asks for to get a file: its quantization, or else its own name."""
    return quantization_of(path) or PurePosixPath(path).stem


def _oddness(path: str) -> int:
    """Return how unlikely it is that a path is a model's: 0 if nothing speaks against it.

    A projector is never a model. `imatrix` next to a quantization says how a model was made;
    the name of an importance matrix itself has no quantization.
    """
    if re.search(_PROJECTORS, path):
        return _PROJECTOR
    if re.search(_MATRICES, path) and not quantization_of(path):
        return _MATRIX
    if re.match(_DRAFTERS, PurePosixPath(path).name):
        return _DRAFTS_FIRST
    return _DRAFTS if re.search(_DRAFTERS, path) else 0


def closeness(wanted: str, quantization: str | None, path: str) -> int | None:
    """Return how well a file matches a tag, with 0 the best, or None if it doesn't.

    The name of a quantization matches a file of that quantization, or else of a publisher's own
    recipe for it (`Q4_K_XL` matches `UD-Q4_K_XL`). Any other tag is a word in the file's path.
    """
    tag, name = _called(wanted), _called(quantization or "")
    if tag == name:
        return 0
    if quantization_named(wanted):
        return 1 if tag == _RECIPE.sub("", name) else None
    for number, beside in enumerate((r"[^-./ ]", r"[a-z0-9]"), start=1):
        if re.search(rf"(?<!{beside}){re.escape(wanted)}(?!{beside})", path, re.IGNORECASE):
            return number
    return None


def closest(items: Iterable[_Item], rate: Callable[[_Item], int | None]) -> list[_Item]:
    """Return the items with the best (lowest) rating, in their order."""
    rated = [(rating, item) for item in items if (rating := rate(item)) is not None]
    best = min((rating for rating, _ in rated), default=0)
    return [item for rating, item in rated if rating == best]


def named(available: Sequence[Variant], filename: str) -> Variant | None:
    """Return the variant with a file of this path, or of this name if only one variant has it."""
    wanted = filename.lower()
    for names in (_paths, _file_names):
        found = [variant for variant in available if wanted in names(variant)]
        if len(found) == 1:
            return found[0]
    return None


def _paths(variant: Variant) -> set[str]:
    return {file.name.lower() for file in variant.files}


def _file_names(variant: Variant) -> set[str]:
    return {PurePosixPath(name).name for name in _paths(variant)}


def choose(
    available: Sequence[Variant], wanted: str | None, fits: Callable[[Variant], bool]
) -> Variant | None:
    """Choose the variant wanted; or the best that fits, up to Q6_K; or Q4_K_M; or the smallest.

    Beyond Q6_K files grow but quality hardly does (the KL divergence of Q6_K is 0.0055), so larger
    ones are chosen only by name. If a tag matches several variants, the choice is among those.
    Sidecars are never chosen. Returns None if there is no such variant.
    """
    models = [variant for variant in available if not variant.sidecar]
    if wanted is not None:
        models = closest(models, lambda v: closeness(wanted, v.quantization, v.name))
        if len({variant.quantization for variant in models}) == 1:
            return models[0]
    sensible = [v for v in models if _RANK["Q6_K"] <= quality_rank(v.quantization) < len(_RANK)]
    fitting = [variant for variant in sensible if fits(variant)]
    default = [v for v in models if v.quantization == DEFAULT_QUANTIZATION]
    smallest = sorted(models, key=lambda variant: variant.size)
    return next(iter([*fitting, *default, *smallest]), None)
