"""Drawing tokens that follow a grammar, by llama.cpp's grammar sampler."""

import ctypes
import os
import sys
import tempfile
from array import array
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from r1local.engine.library import load_llama, log
from r1local.engine.sampler import Sampler, SamplerSettings
from r1local.engine.vocabulary import Vocabulary
from r1local.errors import GrammarError, InferenceError
from r1local.language import _

_ROOT = b"root"
#: Bounds on a grammar: llama.cpp recurses for nested groups and nested rules, and would crash
#: at the end of its stack.
_MOST_BYTES = 256 * 1024
_DEEPEST = 200
MOST_RULES = 5_000
_NEVER = float("-inf")


def check_grammar(grammar: str) -> None:
    """Refuse a grammar that llama.cpp can't read.

    Raises:
        GrammarError: it is not GBNF, has no rule `root`, is left-recursive, or is too large.
    """
    if not isinstance(grammar, str):  # a program without types may give anything
        raise GrammarError(
            _("a grammar is text, and not {grammar!r:.60}", grammar=grammar),
            _("give it as a string"),
        )
    source = grammar.encode()
    if len(source) > _MOST_BYTES:
        raise GrammarError(
            _("the grammar has {count:,} bytes", count=len(source)),
            _("give one of at most {most_bytes:,}", most_bytes=_MOST_BYTES),
        )
    if not grammar.strip() or "\0" in grammar:
        raise GrammarError(
            _("the grammar is empty or not text"), _("give GBNF with a rule named root")
        )
    if max(_depths(grammar)) > _DEEPEST or grammar.count("::=") > MOST_RULES:
        raise GrammarError(_("the grammar is nested too deep"), _("give a simpler one"))
    llama = load_llama()
    log.clear()
    with _c_stderr() as said:
        handle = llama.llama_sampler_init_grammar(None, source, _ROOT)
    if not handle:
        raise GrammarError(_("the grammar can't be read"), said[0] if said else log.reason())
    llama.llama_sampler_free(handle)


def follows_grammar(tokens: Sequence[int], vocabulary: Vocabulary, grammar: str) -> bool:
    """Whether a text may begin with these tokens by a grammar that `check_grammar` has checked."""
    with GrammarSampler(SamplerSettings(temperature=0), vocabulary, grammar) as sampler:
        return all(map(sampler.accept, tokens))


class GrammarSampler(Sampler):
    """A sampler whose every token follows a grammar.

    A token is first drawn without the grammar: testing one token costs far less than testing
    a whole vocabulary. Only if it does not fit is another drawn from those that do.

    Args:
        settings, vocabulary, recent: as for `Sampler`.
        grammar: GBNF, checked by `check_grammar`.
        written: tokens already written, which follow the grammar from its beginning.
    """

    def __init__(
        self,
        settings: SamplerSettings,
        vocabulary: Vocabulary,
        grammar: str,
        *,
        recent: Sequence[int] = (),
        written: Sequence[int] = (),
    ) -> None:
        super().__init__(settings, vocabulary, recent)
        llama = self._llama
        self._vocabulary = vocabulary
        self._grammar = llama.llama_sampler_init_grammar(vocabulary.handle, grammar.encode(), _ROOT)
        for token in written:
            llama.llama_sampler_accept(self._grammar, token)
        self._ids = array("i", range(vocabulary.size))
        self._candidates = (llama.llama_token_data * vocabulary.size)()
        self._one = (llama.llama_token_data * 1)()

    def draw(self, context: Any, row: int = -1) -> int:
        """Draw the next token.

        Raises:
            InferenceError: nothing that this model can write follows the grammar.
        """
        token = self._choose(context, row, constrained=False)
        if not self._fits(token):
            token = self._choose(context, row, constrained=True)
            if not self._fits(token):
                raise InferenceError(
                    _("the model's vocabulary has nothing that could continue the grammar here"),
                    _("change the grammar"),
                )
        self._llama.llama_sampler_accept(self.handle, token)
        if not self._vocabulary.ends_reply(token):
            self._llama.llama_sampler_accept(self._grammar, token)
        return token

    def accept(self, token: int) -> bool:
        """Count a token as written, if it follows the grammar; return whether it does."""
        if fits := self._fits(token):
            self._llama.llama_sampler_accept(self._grammar, token)
        return fits

    def close(self) -> None:
        """Free the chain and the grammar; calling it again does no harm."""
        super().close()
        if self._grammar:
            self._llama.llama_sampler_free(self._grammar)
            self._grammar = None

    def _choose(self, context: Any, row: int, *, constrained: bool) -> int:
        """Draw a token by the sampler's settings, from all or only those that fit the grammar."""
        llama, candidates = self._llama, self._candidates
        size = len(candidates)
        logits = llama.llama_get_logits_ith(context, row)
        values = (ctypes.c_float * size).from_address(ctypes.addressof(logits.contents))
        # Columns of an array of (id, logit, p), copied in C instead of one by one.
        memory = memoryview(candidates).cast("B")
        memory.cast("i")[0::3] = memoryview(self._ids)
        memory.cast("f")[1::3] = memoryview(values).cast("B").cast("f")
        array_of_them = llama.llama_token_data_array(candidates, size, -1, False)
        if constrained:
            llama.llama_sampler_apply(self._grammar, ctypes.byref(array_of_them))
        llama.llama_sampler_apply(self.handle, ctypes.byref(array_of_them))
        token: int = array_of_them.data[array_of_them.selected].id
        return token

    def _fits(self, token: int) -> bool:
        llama = self._llama
        self._one[0] = llama.llama_token_data(token, 0.0, 0.0)
        array_of_it = llama.llama_token_data_array(self._one, 1, -1, False)
        llama.llama_sampler_apply(self._grammar, ctypes.byref(array_of_it))
        return bool(self._one[0].logit > _NEVER)


def _depths(grammar: str) -> Iterator[int]:
    """Yield the number of open groups at each bracket, including those in literals."""
    depth = 0
    yield depth
    for character in grammar:
        if character in "()":
            depth += 1 if character == "(" else -1
            yield depth


@contextmanager
def _c_stderr() -> Iterator[list[str]]:
    """Capture what C code writes to stderr, which Python's `sys.stderr` does not see."""
    said: list[str] = []
    sys.stderr.flush()
    with tempfile.TemporaryFile() as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield said
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            text = file.read(_MOST_BYTES).decode("utf-8", "replace")
            said += [line.strip() for line in text.splitlines() if line.strip()][:1]
