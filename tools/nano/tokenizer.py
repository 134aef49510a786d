"""The tokenizer: byte-level BPE on our own text, split like `deepseek-r1-qwen`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from tokenizers.trainers import BpeTrainer

from tools.nano.chat import ASSISTANT, BOS, END_THINK, EOS, THINK, USER, Mix, sample

# Qwen2's expression as llama.cpp applies it for `deepseek-r1-qwen`: digits are split singly.
SPLIT = (
    r"(?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD])|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
CONTROL = (BOS, EOS, USER, ASSISTANT)
USER_DEFINED = (THINK, END_THINK)
VOCABULARY = 1536
LONGEST_TOKEN = 24  # bytes; some programs read a token's text into a buffer of 32


def _texts(count: int, seed: int) -> Iterator[str]:
    rng = random.Random(seed)
    for _ in range(count):
        made = sample(rng, Mix())
        text = made.prompt + "".join(part for part, _ in made.reply)
        for mark in CONTROL + USER_DEFINED:
            text = text.replace(mark, "\n")
        yield text


def train_tokenizer(path: Path, samples: int = 60_000, seed: int = 11) -> Tokenizer:
    """Learn the merges on generated samples; the special tokens come last."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = BpeTrainer(
        vocab_size=VOCABULARY - len(CONTROL) - len(USER_DEFINED),
        max_token_length=LONGEST_TOKEN,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(_texts(samples, seed), trainer)
    tokenizer.add_special_tokens([AddedToken(mark, normalized=False) for mark in CONTROL])
    tokenizer.add_tokens([AddedToken(mark, normalized=False) for mark in USER_DEFINED])
    tokenizer.save(str(path))
    return tokenizer
