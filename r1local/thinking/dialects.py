"""How models mark their thoughts: pairs of tags as data, and as a vocabulary spells them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

#: Stands for a token in text. No decoded text has lone surrogates, so nothing is mistaken for one.
_FIRST_MARK = 0xDC00
#: What may be one token of a tag.
_ATOM = re.compile(r"<[^<>]+>|\[[^\[\]]+\]|◁[^◁▷]+▷")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a family of models marks its thoughts.

    Args:
        openings: what a thought begins with; r1local writes the first.
        closing: what it ends with.
        lead: what the model writes between these and the thought.
        behind: what the model writes between that and its answer.
        answer_openings: what may stand in front of the answer and is no part of it.
        answer_closing: what may stand behind it, likewise.
        reopens: one more thought may stand where the answer would begin.
    """

    openings: tuple[str, ...]
    closing: str
    lead: str = "\n"
    behind: str = "\n\n"
    answer_openings: tuple[str, ...] = ()
    answer_closing: str = ""
    reopens: bool = False

    @property
    def opening(self) -> str:
        """What r1local opens a thought with."""
        return f"{self.openings[0]}{self.lead}"

    @property
    def end(self) -> str:
        """What r1local ends a whole thought with."""
        return f"{self.lead}{self.closing}{self.behind}"

    @property
    def tags(self) -> tuple[str, ...]:
        """All of its tags."""
        tags = (*self.openings, self.closing, *self.answer_openings, self.answer_closing)
        return tuple(filter(None, tags))

    def is_named_in(self, template: str) -> bool:
        """Whether a chat template has the tags of its thoughts, and what wraps its answer."""
        thought = any(tag in template for tag in (*self.openings, self.closing))
        return thought and all(tag in template for tag in self.answer_openings)

    def is_spelled_by(self, tokens: frozenset[str]) -> bool:
        """Whether a vocabulary has all of its tags as tokens, in their parts."""
        return bool(self.atoms) and tokens.issuperset(self.atoms)

    def suits(self, tokens: frozenset[str]) -> bool:
        """Whether what wraps the answer is spelled as the thought's tags are: in tokens or not.

        Otherwise it may be something else that a template has, as the results of tools.
        """
        return not self.answer_openings or len({atom in tokens for atom in self.atoms}) == 1

    @property
    def atoms(self) -> tuple[str, ...]:
        """The texts in its tags that vocabularies may have as tokens, each once."""
        return tuple(dict.fromkeys(atom for tag in self.tags for atom in _ATOM.findall(tag)))


R1 = Dialect(("<think>",), "</think>")

#: What is known, the particular before the general. From the chat templates that come with
#: llama.cpp (models/templates), vLLM's reasoning parsers, and the models' own templates.
DIALECTS = (
    # gpt-oss (https://cookbook.openai.com/articles/openai-harmony)
    Dialect(
        ("<|channel|>analysis<|message|>", "<|channel|>commentary<|message|>"),
        "<|end|><|start|>assistant",
        lead="",
        behind="<|channel|>final<|message|>",
        answer_openings=("<|channel|>final<|message|>",),
        answer_closing="<|end|>",
        reopens=True,
    ),
    # Gemma 4
    Dialect(("<|channel>thought",), "<channel|>", behind=""),
    # Solar Open
    Dialect(
        ("<|think|>",),
        "<|end|><|begin|>assistant",
        lead="",
        behind="<|content|>",
        answer_openings=("<|content|>",),
        answer_closing="<|end|>",
    ),
    # Command A Reasoning, Command R7B; Cohere's later ones
    Dialect(
        ("<|START_THINKING|>",),
        "<|END_THINKING|>",
        lead="",
        behind="<|START_RESPONSE|>",
        answer_openings=("<|START_RESPONSE|>",),
        answer_closing="<|END_RESPONSE|>",
    ),
    Dialect(
        ("<|START_THINKING|>",),
        "<|END_THINKING|>",
        lead="",
        behind="<|START_TEXT|>",
        answer_openings=("<|START_TEXT|>",),
        answer_closing="<|END_TEXT|>",
    ),
    # Magistral, Ministral
    Dialect(("[THINK]",), "[/THINK]", lead="", behind=""),
    # Seed-OSS; MiniMax M3
    Dialect(("<seed:think>",), "</seed:think>", lead="", behind=""),
    Dialect(("<mm:think>",), "</mm:think>", lead="", behind=""),
    # Kimi-VL
    Dialect(("◁think▷",), "◁/think▷", lead="", behind=""),
    # Apertus
    Dialect(("<|inner_prefix|>",), "<|inner_suffix|>", lead="", behind=""),
    # Apriel
    Dialect(
        ("Here are my reasoning steps:",),
        "[BEGIN FINAL RESPONSE]",
        behind="\n",
        answer_closing="[END FINAL RESPONSE]",
    ),
    # Granite 3.2
    Dialect(("Here is my thought process:",), "Here is my response:"),
    # EXAONE Deep
    Dialect(("<thought>",), "</thought>"),
    Dialect(("<reasoning>",), "</reasoning>"),
    Dialect(("<thinking>",), "</thinking>"),
    # Granite 3.3, ERNIE 4.5; Hunyuan
    Dialect(
        ("<think>",),
        "</think>",
        answer_openings=("<response>",),
        answer_closing="</response>",
    ),
    Dialect(
        ("<think>",),
        "</think>",
        answer_openings=("<answer>",),
        answer_closing="</answer>",
    ),
    R1,
)
#: What tokens are called that may begin or end a thought.
_THINK_LIKE = re.compile("think|thought|reason", re.IGNORECASE)


def dialect_of(template: str, tokens: frozenset[str]) -> Dialect | None:
    """The dialect of a model, by what its chat template names, or else its vocabulary.

    Args:
        template: the chat template's source.
        tokens: texts of the vocabulary's special tokens.
    """
    named = (each for each in DIALECTS if each.is_named_in(template) and each.suits(tokens))
    spelled = (each for each in DIALECTS if each.is_spelled_by(tokens))
    return next(named, None) or next(spelled, None)


def marks_thoughts(dialect: Dialect, template: str | None, tokens: frozenset[str]) -> bool:
    """Whether a model thinks by its file's own word: tags in its vocabulary and its template."""
    named = template is None or dialect.is_named_in(template)
    return named and dialect.is_spelled_by(tokens)


def unknown_tags(template: str, tokens: frozenset[str]) -> list[str]:
    """Special tokens of a model without a known dialect that may be the tags of thoughts."""
    if dialect_of(template, tokens):
        return []
    return sorted(filter(_THINK_LIKE.search, tokens))


@dataclass(frozen=True, slots=True)
class Tags:
    """A dialect as a vocabulary spells it.

    Where a piece of a tag is a token, only that token is meant, and not the same text in
    other tokens, which may be a quotation. So each such token has a mark, a character that
    no text has.

    Args:
        dialect: with marks in place of the tokens' texts.
        marks: each token's mark.
        texts: each mark's text, as `str.translate` takes it.
    """

    dialect: Dialect
    marks: Mapping[int, str]
    texts: Mapping[int, str]

    @property
    def closing_token(self) -> int | None:
        """The token that a thought's end begins with, if it is one."""
        first = self.dialect.closing[0]
        return next((token for token, mark in self.marks.items() if mark == first), None)

    def shown(self, text: str) -> str:
        """A text with its marks as what they stand for."""
        return text if text.isascii() else text.translate(self.texts)


def tags_in(dialect: Dialect, token_of: Callable[[str], int | None]) -> Tags:
    """A dialect's tags in a vocabulary.

    Args:
        token_of: the token that a text is alone, if there is one.
    """
    tokens = {atom: token for atom in dialect.atoms if (token := token_of(atom)) is not None}
    marks = {atom: chr(_FIRST_MARK + number) for number, atom in enumerate(tokens)}

    def marked(tag: str) -> str:
        return _ATOM.sub(lambda atom: marks.get(atom[0], atom[0]), tag)

    spelled = replace(
        dialect,
        openings=tuple(map(marked, dialect.openings)),
        closing=marked(dialect.closing),
        answer_openings=tuple(map(marked, dialect.answer_openings)),
        answer_closing=marked(dialect.answer_closing),
    )
    return Tags(
        spelled,
        {token: marks[atom] for atom, token in tokens.items()},
        {ord(mark): atom for atom, mark in marks.items()},
    )


def is_mark(character: str) -> bool:
    """Whether a character stands for a token."""
    return "\udc00" <= character <= "\udfff"
