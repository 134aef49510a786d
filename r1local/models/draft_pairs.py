"""Which smaller model may draft for a model: one that reads less, with the same vocabulary."""

from collections.abc import Iterator

from r1local.errors import DraftModelError
from r1local.gguf.file import GGUFFile, read_gguf
from r1local.gguf.format import shown
from r1local.language import N_, _
from r1local.machine.memory import facts_of
from r1local.models.load_options import LoadOptions

#: The most tokens that one vocabulary may have beyond the other: some files are padded
#: (SPEC_VOCAB_MAX_SIZE_DIFFERENCE in llama.cpp's common/speculative.cpp).
_MOST_PADDING = 128
#: The share of a model's bytes that a draft model may read for a token. With half of them, drafts
#: of which 70 % are right save nothing, however cheap their checking is.
_LARGEST_SHARE = 0.5
#: Metadata that both must have in common: the kind of tokenizer, and special tokens.
_SAME = {
    "tokenizer.ggml.model": N_("tokenizer"),
    "tokenizer.ggml.bos_token_id": N_("token that begins a text"),
    "tokenizer.ggml.eos_token_id": N_("token that ends a reply"),
}
_CHOOSE = N_("choose a smaller model of the same family, or leave --draft out")


def draft_file(gguf: GGUFFile, options: LoadOptions) -> GGUFFile | None:
    """Return the file of the smaller model that is to draft for a model, if there is one.

    Raises:
        ModelFileError: it was asked for, and is not a complete, valid GGUF file.
        DraftModelError: it was asked for, and doesn't fit the model.
    """
    if options.draft_model is None:
        return None
    draft = read_gguf(options.draft_model)
    why_not = mismatch(gguf, draft)
    if why_not is None:
        return draft
    if options.draft == "auto":
        return None
    raise DraftModelError(
        _(
            "{path} can't draft for {name}: {why_not}",
            path=shown(draft.path),
            name=gguf.path.name,
            why_not=why_not,
        ),
        _(_CHOOSE),
    )


def mismatch(gguf: GGUFFile, draft: GGUFFile) -> str | None:
    """Return why a model can't draft for another one, in words; None if it can."""
    return next(_mismatches(gguf, draft), None)


def _mismatches(gguf: GGUFFile, draft: GGUFFile) -> Iterator[str]:
    for key, what in _SAME.items():
        ours, theirs = gguf.metadata.get(key), draft.metadata.get(key)
        if ours != theirs:
            yield _(
                "its {what} is {theirs}, and the model's {ours}",
                what=_(what),
                theirs=theirs,
                ours=ours,
            )
    counts = draft.vocabulary_size, gguf.vocabulary_size
    if abs(counts[0] - counts[1]) > _MOST_PADDING:
        yield _(
            "its vocabulary has {theirs:,} tokens, and the model's {ours:,}",
            theirs=counts[0],
            ours=counts[1],
        )
    yield from _other_token(gguf, draft)
    reads, most = facts_of(draft).read_per_token, facts_of(gguf).read_per_token
    if reads > _LARGEST_SHARE * most:
        yield _(
            "it reads {reads:.0%} of the model's bytes for a token, which saves no time",
            reads=reads / most,
        )


def _other_token(gguf: GGUFFile, draft: GGUFFile) -> Iterator[str]:
    """Yield the first token that differs, in words; special and added tokens are among them."""
    ours, theirs = (each.array("tokenizer.ggml.tokens") for each in (gguf, draft))
    assert ours and theirs  # reading a file has made sure
    length = min(len(ours.data), len(theirs.data))
    if ours.data[:length] == theirs.data[:length]:
        return
    pairs = zip(ours.byte_strings(), theirs.byte_strings(), strict=False)
    for number, (our, their) in enumerate(pairs):
        if our != their:
            named = [repr(text.decode(errors="replace"))[:40] for text in (their, our)]
            yield _(
                "its token {number} is {theirs}, and the model's {ours}",
                number=number,
                theirs=named[0],
                ours=named[1],
            )
            return
