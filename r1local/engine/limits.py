"""Limits and numbers of llama.cpp that a plan of memory has to know too."""

from r1local.config.options import KVType

#: Numbers in `enum ggml_type` of the KV cache's element types.
KV_CACHE_TYPES: dict[KVType, int] = {"f16": 1, "q8_0": 8, "q4_0": 2}
#: Tokens of the prompt evaluated at once, which llama.cpp reserves its work space for.
#: Cancelling takes effect between such batches, and within one where the CPU computes it.
BATCH_TOKENS = 512
#: llama.cpp rounds a context window up to a multiple of this.
CONTEXT_STEP = 256
