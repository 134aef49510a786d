"""Whether llama.cpp computes the same for a token alone and for several at once."""

import platform

from r1local.gguf.file import GGUFFile

#: Types of weights for which the logits of 2 to 16 tokens at once were bit by bit those of one at a
#: time, with flash attention on an x86-64 processor. They weren't with F16, BF16, K-quants and
#: IQ4_NL, of which llama.cpp multiplies with several tokens in another way than with one.
_ALIKE = frozenset({"F32", "Q8_0", "Q4_0", "Q4_1"})
_MEASURED_ON = ("x86_64", "AMD64")


def rounds_alike(gguf: GGUFFile) -> bool:
    """Whether this holds for a model on this machine's CPU, with flash attention.

    It wasn't measured for mixtures of experts.
    """
    known = platform.machine() in _MEASURED_ON and not gguf.hyperparameter("expert_count")
    return known and {tensor.type.name for tensor in gguf.tensors} <= _ALIKE
