"""Limits and numbers of llama.cpp that planning memory depends on as well."""

from r1local.config.loading_options import KVType

#: The numbers of the KV cache's element types in `enum ggml_type`.
KV_CACHE_TYPES: dict[KVType, int] = {"f16": 1, "q8_0": 8, "q4_0": 2}
#: Tokens of the prompt evaluated at once, for which llama.cpp reserves its work space.
#: Cancelling takes effect between such batches, and also within one on the CPU.
BATCH_TOKENS = 512
#: llama.cpp rounds a context window up to a multiple of this.
CONTEXT_STEP = 256
#: The most tokens of a draft: with the one before it, a batch of a size that suits matrix units.
MOST_DRAFTED = 15
#: Tokens of a step, for each reply that shares it, after which the next one may be drawn; and the
#: most of them that are worth their memory. From 64 on, llama.cpp also rounds in another way.
_OUTPUTS_EACH, _MOST_OUTPUTS = 4, 63
#: Bytes on the heap that a context's graphs and scheduler take, at most, as measured.
GRAPH_BYTES = 96 * 2**20


def whole_steps(tokens: int) -> int:
    """Return the size of a context for so many tokens, as llama.cpp rounds it up."""
    return -(-tokens // CONTEXT_STEP) * CONTEXT_STEP


def outputs_of(sequences: int) -> int:
    """Return after how many tokens of a step the next one may be drawn: their drafts count."""
    return max(sequences, 1 + MOST_DRAFTED, min(_OUTPUTS_EACH * sequences, _MOST_OUTPUTS))
