"""Whether llama.cpp computes the same for a token alone and for several at once."""

import platform
import sys

from r1local.engine.load_settings import LoadSettings
from r1local.gguf.file import GGUFFile

#: Types of weights for which the logits of 2 to 16 tokens at once were bit by bit those of one at a
#: time, with flash attention on an x86-64 processor. They weren't with F16, BF16, K-quants and
#: IQ4_NL, of which llama.cpp multiplies with several tokens in another way than with one.
_ALIKE = frozenset({"F32", "Q8_0", "Q4_0", "Q4_1"})
_MEASURED_ON = ("x86_64", "AMD64")
_UNDIVIDED = 256


def rounds_alike(gguf: GGUFFile) -> bool:
    """Whether this holds for a model on this machine's CPU, with flash attention.

    It wasn't measured for mixtures of experts.
    """
    known = platform.machine() in _MEASURED_ON and not gguf.hyperparameter("expert_count")
    return known and {tensor.type.name for tensor in gguf.tensors} <= _ALIKE


def alike_up_to(settings: LoadSettings) -> int:
    """Return up to how many tokens in the KV cache its content doesn't change that, on the CPU.

    Beyond, several threads share the attention of a single token to an f16 cache, and add up in
    another order: llama.cpp does so from 512 cells on, and counts cells in steps of 256.
    """
    return _UNDIVIDED if settings.kv_cache == "f16" and settings.threads > 1 else sys.maxsize
