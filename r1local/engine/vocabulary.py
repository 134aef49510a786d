"""Turning text into tokens and tokens into bytes, with the vocabulary of a loaded model."""

import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any

from r1local.engine.background import begun
from r1local.engine.library import load_llama
from r1local.engine.special_tokens import SpecialTokens
from r1local.errors import InferenceError, PromptTooLong
from r1local.language import _

_NO_TOKEN = -1
#: `enum llama_token_attr` in llama.h.
_ATTR_UNKNOWN = 1 << 0
_ATTR_CONTROL = 1 << 3
_ATTR_USER_DEFINED = 1 << 4

# llama.cpp splits text into the words of most vocabularies with std::regex, which recurses for
# every character of a match: 8 MiB of stack are used up by 15,000 to 30,000 letters in a row
# (seen with "deepseek-v3" and "gpt-4o"), so at 550 bytes each; twice that is reserved.
_STACK_PER_BYTE = 1_100
_SAFE_ON_ANY_STACK = 500
_LEAST_STACK = 8 * 2**20


class Vocabulary:
    """A model's vocabulary.

    Args:
        handle: llama.cpp's `llama_vocab`, which lives as long as its model.
    """

    def __init__(self, handle: Any) -> None:
        self._llama = load_llama()
        self.handle = handle
        self._buffer = ctypes.create_string_buffer(64)
        self.size: int = self._llama.llama_vocab_n_tokens(handle)
        self.specials = self._read_specials()
        self._pieces: dict[int, bytes] = {}

    def tokenise(self, parts: Sequence[str]) -> list[int]:
        """Return the token ids of a prompt's parts; no token spans two parts.

        The vocabulary's BOS token is put in front if the file asks for it and the template
        did not write it itself.
        """
        tokens = self._missing_bos("".join(parts[:1]))
        for part in parts:
            tokens += self._tokenise_part(part.encode())
        return tokens

    def tokens_of(self, text: str) -> list[int]:
        """Return the token ids of one of r1local's own texts, recognising special tokens."""
        return self._tokenise_part(text.encode())

    def token_of(self, text: str) -> int | None:
        """Return the single token for a text, or None if the vocabulary has none."""
        tokens = self.tokens_of(text)
        if len(tokens) != 1:
            return None
        # Some tokenizers have one token for everything that they can't spell.
        (token,) = tokens
        spelled = text in (self._text(token), self.piece(token).decode("utf-8", "replace"))
        return token if spelled else None

    def piece(self, token: int) -> bytes:
        """Return the bytes a token stands for; nothing for a control token."""
        piece = self._pieces.get(token)
        if piece is None:
            piece = self._pieces[token] = self._read_piece(token)
        return piece

    def ends_reply(self, token: int) -> bool:
        """Return whether the token ends the model's turn."""
        return bool(self._llama.llama_vocab_is_eog(self.handle, token))

    def _missing_bos(self, text: str) -> list[int]:
        bos = self.specials.bos
        wanted = bos and self._llama.llama_vocab_get_add_bos(self.handle)
        if not wanted or text.startswith(bos):
            return []
        return [self._llama.llama_vocab_bos(self.handle)]

    def _tokenise_part(self, text: bytes) -> list[int]:
        if len(text) <= _SAFE_ON_ANY_STACK:
            return self._call_tokenizer(text)
        return _on_a_stack_of(len(text) * _STACK_PER_BYTE, lambda: self._call_tokenizer(text))

    def _call_tokenizer(self, text: bytes) -> list[int]:
        # Every token stands for at least a byte; SentencePiece adds a space in front.
        capacity = len(text) + 8
        buffer = (ctypes.c_int32 * capacity)()
        count = self._llama.llama_tokenize(
            self.handle, text, len(text), buffer, capacity, False, True
        )
        if count < 0:
            raise InferenceError(
                _("the prompt could not be turned into tokens"),
                _("the model file's tokenizer may be broken; try another file"),
            )
        return buffer[:count]

    def _read_piece(self, token: int) -> bytes:
        llama = self._llama
        size = len(self._buffer)
        count = llama.llama_token_to_piece(self.handle, token, self._buffer, size, 0, False)
        if count < 0:
            self._buffer = ctypes.create_string_buffer(-count)
            count = llama.llama_token_to_piece(self.handle, token, self._buffer, -count, 0, False)
        return self._buffer.raw[:count]

    def _read_specials(self) -> SpecialTokens:
        llama, handle = self._llama, self.handle
        wanted = _ATTR_UNKNOWN | _ATTR_CONTROL | _ATTR_USER_DEFINED
        texts = (
            llama.llama_vocab_get_text(handle, token).decode("utf-8", "replace")
            for token in range(self.size)
            if llama.llama_vocab_get_attr(handle, token) & wanted
        )
        return SpecialTokens(
            bos=self._text(llama.llama_vocab_bos(handle)),
            eos=self._text(llama.llama_vocab_eos(handle)),
            # Runs of white space are user-defined tokens in some vocabularies, but harmless.
            texts=frozenset(text for text in texts if text.strip()),
        )

    def _text(self, token: int) -> str:
        if token == _NO_TOKEN:
            return ""
        text: bytes = self._llama.llama_vocab_get_text(self.handle, token)
        return text.decode("utf-8", "replace")


def _on_a_stack_of(size: int, work: Callable[[], list[int]]) -> list[int]:
    """Do some work in a thread with a stack of `size` bytes.

    Raises:
        PromptTooLong: the system has no room for such a stack.
    """
    previous = threading.stack_size(max(size, _LEAST_STACK))
    try:
        outcome = begun(work)
    except (RuntimeError, ValueError) as error:
        raise PromptTooLong(
            _(
                "the prompt is too long to be tokenised: that needs a stack of {size:,} bytes",
                size=size,
            ),
            _("give a shorter prompt"),
        ) from error
    finally:
        threading.stack_size(previous)
    return outcome()
