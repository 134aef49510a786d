"""How models mark their thoughts: pairs of tags as data, and how a vocabulary spells them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

#: Stands for a token in text. Decoded text never has lone surrogates, so there is no confusion.
_FIRST_MARK = 0xDC00
#: A part of a tag that may be a token.
_ATOM = re.compile(r"<[^<>]+>|\[[^\[\]]+\]|◁[^◁▷]+▷")


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a family of models marks its thoughts.

    Args:
        openings: tags that a thought may begin with; r1local writes the first of them.
        closing: the tag that ends a thought.
        lead: what the model writes between the opening tag and the thought.
        trail: what the model writes between the closing tag and the answer.
        answer_openings: tags that may precede the answer without being part of it.
        answer_closing: a tag that may follow the answer without being part of it.
        reopens: another thought may come where the answer would begin.
    """

    openings: tuple[str, ...]
    closing: str
    lead: str = "\n"
    trail: str = "\n\n"
    answer_openings: tuple[str, ...] = ()
    answer_closing: str = ""
    reopens: bool = False

    @property
    def opening(self) -> str:
        """The text with which r1local opens a thought."""
        return f"{self.openings[0]}{self.lead}"

    @property
    def end(self) -> str:
        """The text with which r1local ends a complete thought."""
        return f"{self.lead}{self.closing}{self.trail}"

    @property
    def tags(self) -> tuple[str, ...]:
        """All of the dialect's tags."""
        tags = (*self.openings, self.closing, *self.answer_openings, self.answer_closing)
        return tuple(filter(None, tags))

    def is_named_in(self, template: str) -> bool:
        """Return whether a chat template contains the tags of thoughts and of the answer."""
        thought = any(tag in template for tag in (*self.openings, self.closing))
        return thought and all(tag in template for tag in self.answer_openings)

    def is_spelled_by(self, tokens: frozenset[str]) -> bool:
        """Return whether a vocabulary has all parts of the tags as tokens."""
        return bool(self.atoms) and tokens.issuperset(self.atoms)

    def suits(self, tokens: frozenset[str]) -> bool:
        """Return whether the tags of the answer and of thoughts are alike: all tokens, or none.

        Otherwise the answer's may mean something else in a template, such as the results of tools.
        """
        return not self.answer_openings or len({atom in tokens for atom in self.atoms}) == 1

    @property
    def atoms(self) -> tuple[str, ...]:
        """The parts of the tags that vocabularies may have as tokens, without duplicates."""
        return tuple(dict.fromkeys(atom for tag in self.tags for atom in _ATOM.findall(tag)))


R1 = Dialect(("<think>",), "</think>")

#: The known dialects, special ones before general ones. From the chat templates that come with
#: llama.cpp (models/templates), vLLM's reasoning parsers, and the models' own templates.
DIALECTS = (
    # gpt-oss (https://cookbook.openai.com/articles/openai-harmony)
    Dialect(
        ("<|channel|>analysis<|message|>", "<|channel|>commentary<|message|>"),
        "<|end|><|start|>assistant",
        lead="",
        trail="<|channel|>final<|message|>",
        answer_openings=("<|channel|>final<|message|>",),
        answer_closing="<|end|>",
        reopens=True,
    ),
    # Gemma 4
    Dialect(("<|channel>thought",), "<channel|>", trail=""),
    # Solar Open
    Dialect(
        ("<|think|>",),
        "<|end|><|begin|>assistant",
        lead="",
        trail="<|content|>",
        answer_openings=("<|content|>",),
        answer_closing="<|end|>",
    ),
    # Command A Reasoning, Command R7B; later ones by Cohere
    Dialect(
        ("<|START_THINKING|>",),
        "<|END_THINKING|>",
        lead="",
        trail="<|START_RESPONSE|>",
        answer_openings=("<|START_RESPONSE|>",),
        answer_closing="<|END_RESPONSE|>",
    ),
    Dialect(
        ("<|START_THINKING|>",),
        "<|END_THINKING|>",
        lead="",
        trail="<|START_TEXT|>",
        answer_openings=("<|START_TEXT|>",),
        answer_closing="<|END_TEXT|>",
    ),
    # Magistral, Ministral
    Dialect(("[THINK]",), "[/THINK]", lead="", trail=""),
    # Seed-OSS; MiniMax M3
    Dialect(("<seed:think>",), "</seed:think>", lead="", trail=""),
    Dialect(("<mm:think>",), "</mm:think>", lead="", trail=""),
    # Kimi-VL
    Dialect(("◁think▷",), "◁/think▷", lead="", trail=""),
    # Apertus
    Dialect(("<|inner_prefix|>",), "<|inner_suffix|>", lead="", trail=""),
    # Apriel
    Dialect(
        ("Here are my reasoning steps:",),
        "[BEGIN FINAL RESPONSE]",
        trail="\n",
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
#: Names of tokens that may begin or end a thought.
_THINK_LIKE = re.compile("think|thought|reason", re.IGNORECASE)


def dialect_of(template: str, tokens: frozenset[str]) -> Dialect | None:
    """Return the dialect that a model's chat template names or, failing that, its vocabulary.

    Args:
        template: the chat template's source.
        tokens: texts of the vocabulary's special tokens.
    """
    named = (each for each in DIALECTS if each.is_named_in(template) and each.suits(tokens))
    spelled = (each for each in DIALECTS if each.is_spelled_by(tokens))
    return next(named, None) or next(spelled, None)


def marks_thoughts(dialect: Dialect, template: str | None, tokens: frozenset[str]) -> bool:
    """Return whether a model thinks according to its file: its vocabulary and its template."""
    named = template is None or dialect.is_named_in(template)
    return named and dialect.is_spelled_by(tokens)


def unknown_tags(template: str, tokens: frozenset[str]) -> list[str]:
    """Return special tokens that may be the tags of thoughts, if a model's dialect is unknown."""
    if dialect_of(template, tokens):
        return []
    return sorted(filter(_THINK_LIKE.search, tokens))


@dataclass(frozen=True, slots=True)
class Tags:
    """A dialect as a vocabulary spells it.

    Where part of a tag is a token, only that token counts; the same text made of other tokens
    may be a quotation. So each such token is replaced by a mark, a character that no text
    contains.

    Args:
        dialect: the dialect, with marks in place of the tokens' texts.
        marks: the mark of each token.
        texts: the text of each mark, as `str.translate` expects it.
    """

    dialect: Dialect
    marks: Mapping[int, str]
    texts: Mapping[int, str]

    @property
    def closing_token(self) -> int | None:
        """The token that the closing tag begins with, if it is a token."""
        first = self.dialect.closing[0]
        return next((token for token, mark in self.marks.items() if mark == first), None)

    def shown(self, text: str) -> str:
        """Return a text with its marks replaced by what they stand for."""
        return text if text.isascii() else text.translate(self.texts)


def tags_in(dialect: Dialect, token_of: Callable[[str], int | None]) -> Tags:
    """Return a dialect's tags in a vocabulary.

    Args:
        token_of: returns the single token for a text, if there is one.
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
    """Return whether a character stands for a token."""
    return "\udc00" <= character <= "\udfff"
