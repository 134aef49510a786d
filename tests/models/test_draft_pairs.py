"""Which models can draft for another one, and what is said of the others."""

from collections.abc import Callable
from pathlib import Path

import pytest

from r1local.errors import DraftModelError
from r1local.gguf.file import read_gguf
from r1local.models.draft_pairs import draft_file, mismatch
from r1local.models.load_options import LoadOptions
from testing.models import write_scripted_model

Writer = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Writer:
    def written(name: str, **options: object) -> Path:
        return write_scripted_model(tmp_path / name, "Hi", **options)  # type: ignore[arg-type]

    return written


@pytest.fixture
def large(write: Writer) -> Path:
    return write("large.gguf", slow=True)


def test_a_smaller_model_of_the_same_vocabulary_can_draft(write: Writer, large: Path) -> None:
    assert mismatch(read_gguf(large), read_gguf(write("small.gguf"))) is None


def test_padding_does_not_matter(write: Writer, large: Path) -> None:
    padded = write("padded.gguf", extra_tokens=[f"[PAD{n}]" for n in range(128)])
    assert mismatch(read_gguf(large), read_gguf(padded)) is None


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"extra_tokens": [f"[PAD{n}]" for n in range(129)]},
            "its vocabulary has 391 tokens, and the model's 262",
        ),
        (
            {"tags": {"<thought>": 4, "</think>": 4}},
            "its token 260 is '<thought>', and the model's",
        ),
        (
            {"metadata": {"tokenizer.ggml.eos_token_id": 65}},
            "its token that ends a reply is 65, and the model's 257",
        ),
        ({"slow": True}, "it reads 100% of the model's bytes for a token, which saves no time"),
    ],
    ids=["count", "token", "end", "size"],
)
def test_why_not(write: Writer, large: Path, options: dict[str, object], words: str) -> None:
    draft = write("small.gguf", **options)
    why_not = mismatch(read_gguf(large), read_gguf(draft))
    assert why_not is not None
    assert why_not.startswith(words)
    with pytest.raises(DraftModelError, match="can't draft for large") as e:
        draft_file(read_gguf(large), LoadOptions(draft=str(draft), draft_model=draft))
    assert "--draft" in e.value.hint


def test_one_that_nobody_named_is_left_out(write: Writer, large: Path) -> None:
    other = write("other.gguf", slow=True)
    assert draft_file(read_gguf(large), LoadOptions(draft="auto", draft_model=other)) is None
