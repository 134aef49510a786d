"""A loaded model and the context that evaluates its tokens: llama.cpp's two handles."""

import ctypes
import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from r1local.engine.amx import leave_out_broken_amx
from r1local.engine.background import begun
from r1local.engine.batch import Batch, shared_prefix
from r1local.engine.contexts import Contexts
from r1local.engine.draft_batch import DraftBatch
from r1local.engine.library import ABORTED, decode_error, load_llama, log, with_fields
from r1local.engine.limits import BATCH_TOKENS
from r1local.engine.load_settings import LoadSettings
from r1local.engine.offload import load_mode, offload_fields
from r1local.engine.sampler import Sampler
from r1local.engine.vocabulary import Vocabulary
from r1local.errors import InferenceError, LoadingCancelled, ModelLoadError, OutOfMemory
from r1local.events.reply import Reading
from r1local.language import _


class Model:
    """A loaded model. Close it, or use it in `with`, to free all native memory.

    Args:
        path: a GGUF file that `gguf.file.read_gguf` has checked, since llama.cpp may
            abort the process on a broken one.
        settings: see `LoadSettings`.
        cancelled: called while the file is loaded; True stops loading.

    Raises:
        ModelLoadError: llama.cpp refuses the file.
        OutOfMemory: there is no room for it, or for the context.
        LoadingCancelled: `cancelled` returned True.
    """

    def __init__(self, path: Path, settings: LoadSettings, cancelled: Callable[[], bool]) -> None:
        self._llama = load_llama()
        self._contexts = Contexts(settings.context)
        self._aborting: Callable[[], bool] = lambda: False
        self._interruption: BaseException | None = None
        self._abort_callback = self._llama.ggml_abort_callback(self._asked_to_abort)
        self._model: Any = self._load(path, settings, cancelled)
        try:
            self._expect_generator(path)
            vocabulary = self._llama.llama_model_get_vocab(self._model)
            # Reading a large vocabulary takes as long as making room for a context.
            read = begun(lambda: Vocabulary(vocabulary))
            try:
                self._contexts.open(self._model)
            finally:
                self.vocabulary = read()
            if not self._memory:  # embedding models read whole texts and have no KV cache
                raise _no_generator(path)
        except BaseException:
            self.close()
            raise
        self._evaluated: list[int] = []
        self._draft = DraftBatch()
        self._next_token = (ctypes.c_int32 * 1)()
        self._next_batch = self._llama.llama_batch_get_one(self._next_token, 1)
        self.settings = settings
        self.sequences = settings.sequences
        self.kv_tokens = settings.context.tokens
        self.context_window = settings.context_window
        self.state_key = self._state_key(path, settings)
        if settings.gpu_layers:
            self._try_out()

    def beside(self, settings: LoadSettings) -> Contexts:
        """Return a context of its own that shares the weights; close it before the model.

        Raises:
            ModelLoadError: there is no room for it.
        """
        contexts = Contexts(settings.context)
        contexts.open(self._model)
        return contexts

    @property
    def _context(self) -> Any:
        return self._contexts.handle

    @property
    def _memory(self) -> Any:
        return self._contexts.memory

    def close(self) -> None:
        """Free the context and the model; further calls do nothing."""
        self._contexts.close()
        if self._model:
            self._llama.llama_model_free(self._model)
            self._model = None

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    @property
    def closed(self) -> bool:
        """It was freed: nothing can be evaluated or tokenised any more."""
        return not self._model

    @property
    def position(self) -> int:
        """Number of tokens in the KV cache."""
        return len(self._evaluated)

    @property
    def evaluated(self) -> Sequence[int]:
        """The tokens in the KV cache, drafts not counted."""
        return self._evaluated

    @property
    def room(self) -> int:
        """Number of tokens that can still be evaluated in the context window, by this attention."""
        return min(self.context_window, self._contexts.limit) - self.position

    @property
    def flash(self) -> bool:
        """Whether flash attention is used now, where llama.cpp can."""
        return self._contexts.flash

    @property
    def can_draft(self) -> bool:
        """Whether the cache can forget a part: recurrent models can't."""
        llama, model = self._llama, self._model
        return not (llama.llama_model_is_recurrent(model) or llama.llama_model_is_hybrid(model))

    def evaluate(self, tokens: Sequence[int], cancelled: Callable[[], bool]) -> int | None:
        """Evaluate a prompt, except for the beginning that the KV cache already holds.

        Args:
            tokens: the whole prompt: at least one token, fewer than the context window has.
            cancelled: called before each batch and, on the CPU, during it.

        Returns:
            The number of tokens that were in the cache already; None when cancelled.

        Raises:
            InferenceError: llama.cpp failed.
        """
        reading = self.reading(tokens, cancelled)
        while True:
            try:
                next(reading)
            except StopIteration as end:
                cached: int | None = end.value
                return cached

    def reading(
        self, tokens: Sequence[int], cancelled: Callable[[], bool]
    ) -> Generator[Reading, None, int | None]:
        """Evaluate a prompt as `evaluate` does; before each of several batches, tell how far."""
        cached = self._keep(shared_prefix(self._evaluated, tokens[:-1]))
        self._contexts.begin(cached, len(tokens))
        while (position := self.position) < len(tokens):
            if len(tokens) - cached > BATCH_TOKENS:
                yield Reading(position, len(tokens))
            if not self._evaluate_rest(tokens[: position + BATCH_TOKENS], cancelled):
                return None
        return cached

    def rewind(self, position: int) -> None:
        """Keep only the first `position` tokens in the KV cache.

        The logits are still those of the last evaluated token: evaluate a token before the
        next `sample`. Recurrent models can't forget a part, so they evaluate all tokens again.

        Raises:
            InferenceError: llama.cpp failed.
        """
        tokens = self._evaluated[:position]
        if self._keep(position) < position:
            self._evaluate_rest(tokens, lambda: False)

    def _evaluate_rest(self, tokens: Sequence[int], cancelled: Callable[[], bool]) -> bool:
        """Evaluate those of `tokens` missing from the KV cache; return False when cancelled."""
        with self._abortable(cancelled):
            for start in range(len(self._evaluated), len(tokens), BATCH_TOKENS):
                if cancelled() or not self._evaluate_batch(tokens[start : start + BATCH_TOKENS]):
                    return False
        return True

    @contextmanager
    def _abortable(self, cancelled: Callable[[], bool]) -> Iterator[None]:
        """Let llama.cpp ask on the CPU, at every node of its graph, whether to go on."""
        self._aborting = cancelled
        self._contexts.abort_when(self._abort_callback)
        try:
            yield
        finally:
            # Calling Python at every node of the graph would slow decoding down.
            self._contexts.abort_when(self._llama.ggml_abort_callback())
        if error := self._interruption:
            self._interruption = None
            raise error

    def _asked_to_abort(self, _data: object) -> bool:
        """Answer llama.cpp, through which no exception passes, such as that of Ctrl-C."""
        try:
            return self._aborting()
        except BaseException as error:
            self._interruption = error
            return True

    def batch(self) -> Batch:
        """Return the model's sequences, to be evaluated together; the first is the model's own."""
        self._drop_draft()
        self._contexts.begin(self.position, self.position)
        return Batch(
            self._contexts, self.sequences, self.kv_tokens, self._evaluated, self._abortable
        )

    def state_size(self) -> int:
        """Return the size in bytes of the content that `state` would return."""
        self._drop_draft()
        size: int = self._llama.llama_state_seq_get_size(self._context, 0)
        return size

    def state(self) -> tuple[list[int], ctypes.Array[ctypes.c_uint8]]:
        """Return the tokens in the KV cache and its content, for `put_state`.

        Raises:
            InferenceError: llama.cpp failed.
        """
        size = self.state_size()
        content = (ctypes.c_uint8 * size)()
        if self._llama.llama_state_seq_get_data(self._context, content, size, 0) != size:
            raise InferenceError(_("llama.cpp can't copy the KV cache"), log.reason())
        return list(self._evaluated), content

    def put_state(self, tokens: Sequence[int], content: bytearray) -> bool:
        """Replace the content of the KV cache; return whether that succeeded.

        If llama.cpp refuses the content, the cache is left empty.

        Args:
            tokens: the tokens that the content belongs to.
            content: the exact bytes from `state` of a model with the same `state_key`;
                others may make llama.cpp abort the process.
        """
        self._keep(0)
        read = self._contexts.put(len(tokens), content)
        last = self._llama.llama_memory_seq_pos_max(self._memory, 0)
        if read == len(content) and last == len(tokens) - 1:
            self._evaluated = list(tokens)
            return True
        self._llama.llama_memory_clear(self._memory, True)
        return False

    def sample(self, sampler: Sampler) -> int:
        """Draw the next token from the logits of the last token, drafts not counted."""
        return sampler.draw(self._context, self._draft.row)

    def advance(self, *tokens: int) -> None:
        """Evaluate more tokens. There must be room for them in the context window.

        Raises:
            InferenceError: llama.cpp failed.
        """
        self._drop_draft()
        if len(tokens) != 1:
            self._evaluate_rest([*self._evaluated, *tokens], lambda: False)
            return
        (token,) = tokens
        self._contexts.make_room(len(self._evaluated) + 1)
        self._next_token[0] = token
        code = self._llama.llama_decode(self._context, self._next_batch)
        if code:
            raise decode_error(code)
        self.wait()  # so that steps can be timed
        self._evaluated.append(token)

    def wait(self) -> None:
        """Wait until everything has been computed; a GPU still computes when calls return."""
        self._llama.llama_synchronize(self._context)

    def speculate(self, token: int, draft: Sequence[int]) -> None:
        """Evaluate one more token, together with a draft of those that may follow.

        The draft doesn't count until `accept`. There must be room for it.

        Args:
            token: what is evaluated.
            draft: at most `MOST_DRAFTED` tokens.

        Raises:
            InferenceError: llama.cpp failed.
        """
        self._drop_draft()
        if code := self._llama.llama_decode(self._context, self._draft.written(token, draft)):
            self._keep(self.position)
            raise decode_error(code)
        self.wait()
        self._evaluated.append(token)

    def accept(self, tokens: Sequence[int]) -> bool:
        """Count tokens as evaluated if the draft goes on with them; return whether it does."""
        accepted = self._draft.accept(tokens)
        if accepted:
            self._evaluated += tokens
        return accepted

    def _drop_draft(self) -> None:
        """Remove from the KV cache what is left of a draft."""
        if self._draft.left:
            self.rewind(self.position)
        self._draft.clear()

    def _load(self, path: Path, settings: LoadSettings, cancelled: Callable[[], bool]) -> Any:
        # llama.cpp goes on as long as its progress callback returns true.
        progress = self._llama.llama_progress_callback(lambda _progress, _data: not cancelled())
        placed, _alive = offload_fields(settings.offload)
        params = with_fields(
            self._llama.llama_model_default_params(),
            progress_callback=progress,
            n_gpu_layers=settings.gpu_layers,
            load_mode=load_mode(lock=settings.lock, mapped=settings.mapped and settings.weights),
            no_alloc=not settings.weights,
            use_extra_bufts=settings.repack,
            **placed,
        )
        leave_out_broken_amx()
        log.clear()
        model = self._llama.llama_model_load_from_file(os.fsencode(path), params)
        if not model:
            if cancelled():
                raise LoadingCancelled
            if log.out_of_memory:
                raise OutOfMemory(
                    _("memory ran out while loading {path}", path=path),
                    _("{reason}; try fewer --gpu-layers or a smaller model", reason=log.reason()),
                )
            raise ModelLoadError(_("llama.cpp can't load {path}", path=path), log.reason())
        return model

    def _try_out(self) -> None:
        """Evaluate two tokens and forget them: GPUs take some of their memory only then.

        The CPU's is reserved when the context is made.
        """
        token = max(0, self._llama.llama_vocab_bos(self._llama.llama_model_get_vocab(self._model)))
        try:
            self.evaluate([token, token], lambda: False)
            self._keep(0)
        except BaseException:
            self.close()
            raise

    def _expect_generator(self, path: Path) -> None:
        """Refuse models that don't write text token by token: encoders, drafts, diffusion."""
        llama, model = self._llama, self._model
        encodes = llama.llama_model_has_encoder(model) or not llama.llama_model_has_decoder(model)
        if encodes or llama.llama_model_is_diffusion(model):
            raise _no_generator(path)

    def _state_key(self, path: Path, settings: LoadSettings) -> str:
        """Identify what a KV cache depends on besides its tokens: file, llama.cpp and layout."""
        file = path.stat()
        version = self._llama.llama_version().decode()
        place = f"{settings.gpu_layers} {settings.flash_attention}"
        layout = f"{settings.kv_cache} {place} {self.context_window}"
        return f"{path.resolve()} {file.st_size} {file.st_mtime_ns} {version} {layout}"

    def _keep(self, count: int) -> int:
        """Keep the first `count` tokens in the KV cache; return how many were kept."""
        self._draft.clear()
        if not self._llama.llama_memory_seq_rm(self._memory, 0, count, -1):
            # Recurrent models can't forget a part.
            self._llama.llama_memory_clear(self._memory, True)
            count = 0
        del self._evaluated[count:]
        return count

    def _evaluate_batch(self, tokens: Sequence[int]) -> bool:
        self._contexts.make_room(len(self._evaluated) + len(tokens), reading=True)
        array = (ctypes.c_int32 * len(tokens))(*tokens)
        batch = self._llama.llama_batch_get_one(array, len(tokens))
        code = self._llama.llama_decode(self._context, batch)
        if not code:
            self._evaluated += tokens
            return True
        self._keep(len(self._evaluated))
        if code == ABORTED:
            return False
        raise decode_error(code)


def _no_generator(path: Path) -> ModelLoadError:
    return ModelLoadError(
        _("{path} doesn't write text token by token", path=path),
        _("choose a model that generates text"),
    )
