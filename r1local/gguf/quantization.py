"""What quantization names mean, and which files of a repository make up one model."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from r1local.gguf.parts import part_name

#: Names as `llama-quantize` and Unsloth give them, with what they cost in quality: the KL
#: divergence from f16 of Llama-3-8B, Wikitext-2 (llama.cpp, tools/perplexity/README.md). Those
#: not measured there stand between their neighbours in size, without a figure.
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
    ("IQ4_NL", 0.036),
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
#: The choice where nothing better is known: the smallest whose loss is hard to notice.
DEFAULT_QUANTIZATION = "Q4_K_M"

_RANK = {name: rank for rank, (name, _) in enumerate(_BY_QUALITY)}
_NAME = r"(?:UD-)?(?:I?Q[1-8]_(?:K_XL|K_XS|K_[LMS]|K|XXS|XS|NL|[01SM])|TQ[12]_0|BF16|F16|F32)"
#: A quantization's name standing by itself, as in `…-7B-Q4_K_M.gguf` and `R1.Q8_0-00001-of-…`.
_IN_PATH = re.compile(rf"(?<![A-Z0-9])({_NAME})(?![A-Z0-9_])", re.IGNORECASE)
#: Files beside a model: image projectors, importance matrices, drafts for speculation.
_NOT_A_MODEL = re.compile(r"(?:^|[^a-z])(?:mmproj|imatrix|draft|mtp)(?:[^a-z]|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class RepoFile:
    """A file of a repository: its path there, bytes, and SHA-256 where the hub knows it."""

    name: str
    size: int
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class Variant:
    """One model of a repository in one quantization: a file, or all parts of a split one."""

    quantization: str
    files: tuple[RepoFile, ...]

    @property
    def name(self) -> str:
        """Path of the file, or of the first part, which llama.cpp is given."""
        return self.files[0].name

    @property
    def size(self) -> int:
        """Bytes of all parts."""
        return sum(file.size for file in self.files)


def quantization_of(path: str) -> str | None:
    """The quantization that a path names, in capitals; the last one if it names several."""
    found = _IN_PATH.findall(path)
    return found[-1].upper() if found else None


def quality_rank(quantization: str) -> int:
    """Place among the known quantizations, 0 the best; unknown ones come last."""
    return _RANK.get(quantization.upper(), len(_RANK))


def quality_loss(quantization: str) -> float | None:
    """Mean KL divergence from f16 in nats per token, as llama.cpp measured it on Llama-3-8B."""
    return dict(_BY_QUALITY).get(quantization.upper())


def variants(files: Iterable[RepoFile]) -> list[Variant]:
    """The models among a repository's files, best quality first; incomplete splits are left out."""
    whole: list[Variant] = []
    parts: dict[tuple[str, int], dict[int, RepoFile]] = {}
    for file in files:
        if not file.name.lower().endswith(".gguf") or _NOT_A_MODEL.search(file.name):
            continue
        if part := part_name(file.name):
            parts.setdefault((part.stem, part.count), {})[part.number] = file
        else:
            whole.append(Variant(_called(file.name), (file,)))
    for (stem, count), numbered in parts.items():
        if sorted(numbered) == list(range(1, count + 1)):
            ordered = tuple(numbered[number] for number in sorted(numbered))
            whole.append(Variant(_called(stem + ".gguf"), ordered))
    return sorted(whole, key=lambda variant: (quality_rank(variant.quantization), variant.name))


def _called(path: str) -> str:
    """A variant's name: its quantization, or its file's name where that says nothing."""
    return quantization_of(path) or PurePosixPath(path).stem


def choose(
    available: list[Variant], wanted: str | None, fits: Callable[[Variant], bool]
) -> Variant | None:
    """The variant wanted; or the best that fits, up to Q6_K; or Q4_K_M, or the smallest.

    Beyond Q6_K files grow and the quality does not (its KL divergence is 0.0055): those are
    chosen only by name. None if there is no such variant.
    """
    if wanted is not None:
        exact = [v for v in available if v.quantization.upper() == wanted.upper()]
        return exact[0] if exact else None
    sensible = [v for v in available if _RANK["Q6_K"] <= quality_rank(v.quantization) < len(_RANK)]
    fitting = [variant for variant in sensible if fits(variant)]
    default = [v for v in available if v.quantization == DEFAULT_QUANTIZATION]
    smallest = sorted(available, key=lambda variant: variant.size)
    return next(iter([*fitting, *default, *smallest]), None)
