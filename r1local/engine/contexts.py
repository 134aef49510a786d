"""The context in use of a model: one with flash attention at first, one with plain attention later.

On a CPU, flash attention is faster in short contexts and plain attention in long ones; where they
cross depends on the processor and the model. A context can't change its attention, so the KV cache
passes from one context to the next. Only one exists at a time.
"""

import ctypes
import sys
from dataclasses import dataclass
from mmap import mmap
from typing import Any

from r1local.config.loading_options import KVType
from r1local.engine import kv_layout
from r1local.engine.library import load_llama, log, with_fields
from r1local.engine.limits import (
    BATCH_TOKENS,
    GRAPH_BYTES,
    KV_CACHE_TYPES,
    outputs_of,
    whole_steps,
)
from r1local.errors import InferenceError, ModelLoadError, OutOfMemory
from r1local.language import _

#: `enum llama_flash_attn_type`: llama.cpp decides, off, on.
_AUTO, _PLAIN, _FLASH = -1, 0, 1
#: What a prompt must have beyond what is cached, in tokens and as a share of those, to be read
#: where that is fastest: for less, passing the cache on would take longer than it saves.
_WORTH_PASSING, _WORTH_SHARE = 256, 0.25


@dataclass(frozen=True, slots=True)
class FlashStart:
    """Flash attention for the first tokens of a context that otherwise uses plain attention.

    Args:
        until: tokens in the cache up to which replies are written with it, 0 for none.
        prompts: tokens up to which long prompts are read with it; `until` if plain attention
            reads them faster.
        micro_batch: tokens computed at once with it.
    """

    until: int
    prompts: int
    micro_batch: int


@dataclass(frozen=True, slots=True)
class ContextSettings:
    """What a context is made for; the same words as in `engine.load_settings.LoadSettings`.

    Args:
        tokens: tokens that the KV cache holds.
    """

    tokens: int
    sequences: int
    kv_cache: KVType
    micro_batch: int
    threads: int
    prompt_threads: int
    flash_attention: bool
    flash_start: FlashStart | None
    context_bytes: int = 0


class Contexts:
    """The context that evaluates a model's tokens now, and its passing to the next one.

    Attributes:
        limit: tokens in the cache beyond which another attention is used.
        handle: llama.cpp's context; None before it is opened.
        memory: its KV cache; None for models that have none.
    """

    def __init__(self, settings: ContextSettings) -> None:
        self._llama = load_llama()
        self._model: Any = None
        self._settings = settings
        self._flash_tokens, self.limit = 0, sys.maxsize
        self._abort_callback: Any = None
        self.handle: Any = None
        self.memory: Any = None

    @property
    def flash(self) -> bool:
        """Whether flash attention is used now, where llama.cpp can."""
        return bool(self._flash_tokens) or self._settings.flash_attention

    def open(self, model: Any) -> None:
        """Make the first context of a model that llama.cpp has loaded.

        Raises:
            ModelLoadError: there is no room for it.
        """
        self._model = model
        start = self._settings.flash_start
        self._make(start.until if start else 0)

    def close(self) -> None:
        """Free the context; further calls do nothing."""
        if self.handle:
            self._llama.llama_free(self.handle)
        self.handle = self.memory = None

    def abort_when(self, callback: Any) -> None:
        """Let llama.cpp ask a `ggml_abort_callback` at each node of its graph whether to stop."""
        self._abort_callback = callback
        self._llama.llama_set_abort_callback(self.handle, callback, None)

    def begin(self, held: int, prompt: int) -> None:
        """Choose the context for a prompt of which the first `held` tokens are in the cache."""
        start = self._settings.flash_start
        if start is None:
            return
        new = prompt - held
        if prompt <= start.until:
            self._pass_on(start.until)
        elif new >= max(_WORTH_PASSING, _WORTH_SHARE * held):
            self._pass_on(min(prompt, start.prompts) if start.prompts > start.until else 0)

    def make_room(self, tokens: int, *, reading: bool = False) -> None:
        """Pass to plain attention if flash attention isn't meant for so many tokens.

        Call it before evaluating tokens that make the cache hold `tokens` in total.

        Raises:
            InferenceError: llama.cpp failed.
        """
        if tokens > self.limit and not (reading and tokens <= self._flash_tokens):
            self._pass_on(0)

    def put(self, tokens: int, content: bytearray) -> int:
        """Replace the cache of sequence 0 by a saved one; return the bytes read, 0 if refused.

        It may have been saved with either attention.
        """
        self._llama.llama_memory_clear(self.memory, True)
        start = self._settings.flash_start
        if start:
            self._pass_on(start.until if tokens <= start.until else 0)
        if not self._settings.flash_attention:
            self._adapt(memoryview(content), kv_layout.SEQUENCE_HEAD)
        view = (ctypes.c_uint8 * len(content)).from_buffer(content)
        return int(self._llama.llama_state_seq_set_data(self.handle, view, len(content), 0))

    def fill(self, cells: int, sequences: int) -> bool:
        """Fill the cache with zeros, as if sequences had so many tokens, to measure speeds.

        At least one token must be in it. Return whether that is possible for the model.
        """
        content = self._saved()
        view = memoryview(content)
        layout = kv_layout.layout_of(view, kv_layout.head_of_all(view))
        return layout is not None and self._put_all(
            kv_layout.filled(view, layout, cells, sequences)
        )

    def _pass_on(self, flash_tokens: int) -> None:
        """Make the context for so many tokens with flash attention, or the plain one for 0."""
        before = self._flash_tokens
        if flash_tokens <= before and bool(flash_tokens) == bool(before):
            return
        content = None if self._empty else self._saved()
        self.close()
        try:
            self._make(flash_tokens)
        except (
            ModelLoadError,
            OutOfMemory,
        ) as error:  # go back, so that the model can still be used
            self._make(before)
            self._put_all(content)
            raise InferenceError(error.message, error.hint) from error
        if content is not None:
            view = memoryview(content)
            self._adapt(view, kv_layout.head_of_all(view))
        if not self._put_all(content):
            raise InferenceError(_("llama.cpp can't pass on the KV cache"), log.reason())

    def _adapt(self, content: memoryview, start: int) -> None:
        """Give a saved cache the layout of the context, if it has the other."""
        layout = kv_layout.layout_of(content, start)
        if layout and layout.transposed == bool(self._flash_tokens):
            kv_layout.transpose(content, start)

    @property
    def _empty(self) -> bool:
        last = self._llama.llama_memory_seq_pos_max
        return all(last(self.memory, each) < 0 for each in range(self._settings.sequences))

    def _saved(self) -> bytearray:
        content = bytearray(self._llama.llama_state_get_size(self.handle))
        view = (ctypes.c_uint8 * len(content)).from_buffer(content)
        self._llama.llama_state_get_data(self.handle, view, len(content))
        return content

    def _put_all(self, content: bytearray | None) -> bool:
        if content is None:
            return True
        view = (ctypes.c_uint8 * len(content)).from_buffer(content)
        read: int = self._llama.llama_state_set_data(self.handle, view, len(content))
        return read == len(content)

    def _make(self, flash_tokens: int) -> None:
        settings, start = self._settings, self._settings.flash_start
        kv_type = KV_CACHE_TYPES[settings.kv_cache]
        tokens = flash_tokens or settings.tokens
        usual = _AUTO if settings.flash_attention else _PLAIN
        params = with_fields(
            self._llama.llama_context_default_params(),
            n_ctx=whole_steps(tokens),
            n_batch=BATCH_TOKENS,
            n_ubatch=start.micro_batch if start and flash_tokens else settings.micro_batch,
            n_seq_max=settings.sequences,
            # One cache for all sequences, so that what they share is stored once.
            kv_unified=True,
            # Only the last logits of each sequence and those of drafts are read.
            n_outputs_max=outputs_of(settings.sequences),
            n_threads=settings.threads,
            n_threads_batch=settings.prompt_threads,
            flash_attn_type=_FLASH if flash_tokens else usual,
            type_k=kv_type,
            type_v=kv_type,
        )
        log.clear()
        # Also for a first one with flash attention: the plain one must find room later.
        roomy = _is_free(settings.context_bytes)
        self.handle = self._llama.llama_init_from_model(self._model, params) if roomy else None
        if not self.handle:
            reason = log.reason() if roomy else _("the system refuses as much memory")
            raise (ModelLoadError if roomy and not log.out_of_memory else OutOfMemory)(
                _("llama.cpp can't make room for a context of {tokens:,} tokens", tokens=tokens),
                _("{reason}; try a smaller --context or --kv-cache q8_0", reason=reason),
            )
        self.memory = self._llama.llama_get_memory(self.handle)
        if self._abort_callback:
            self.abort_when(self._abort_callback)
        self._flash_tokens = flash_tokens
        self.limit = start.until if start and flash_tokens else sys.maxsize


def _is_free(size: int) -> bool:
    """Tell whether the system gives so much memory, and as much more as graphs take.

    Where it gives llama.cpp enough for the context but not for its graphs, llama.cpp ends the
    process. Nothing is written to the memory, so asking for it takes no time.
    """
    try:
        mmap(-1, size + GRAPH_BYTES).close()
    except (OSError, ValueError):
        return False
    return True
