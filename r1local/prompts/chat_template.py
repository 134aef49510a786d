"""Messages to prompt, by the template the model file carries.

Only the template's own text may become control or tag tokens. What people typed, piped or attached
is data: wherever a special token's text in the prompt has a character of theirs, the prompt is cut
inside it. Each part is then tokenised by itself, and no tokenizer can put the token together again.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Any

from r1local.conversation import Message
from r1local.engine.special_tokens import SpecialTokens
from r1local.errors import ChatTemplateError
from r1local.events.reply import Notice
from r1local.prompts.template_process import TemplateProgram
from r1local.prompts.traced_text import MESSAGE, SYSTEM, TEMPLATE
from r1local.thinking.dialects import R1, dialect_of
from r1local.thinking.splitter import Start, start_of_reply

#: Unicode's private-use areas, where a mark is looked for that no text has.
_PRIVATE_USE = (range(0xE000, 0xF900), range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))

#: Stands in for a thought that isn't wanted. R1 knows no such thing: behind a blank thought
#: it writes another end tag, or begins to think aloud.
SHORT_THOUGHT = "Okay, I can answer this directly."

#: Characters at the end of a prompt in which it is looked whether a thought is open.
_TAIL = 256

_MERGED = "the chat template has no place for a system prompt: it stands before the first question"
_LEFT_OUT = "the chat template leaves the system prompt out"
_NO_QUESTION = "the chat template leaves the question out: the model doesn't see it"
_NO_THOUGHT = "the chat template closes the thought before it begins: the model won't think"
_NO_SWITCH = "the chat template has no way to do without a thought: no-think changes nothing"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt: parts to be tokenised each by itself, and where it leaves the reply.

    `notices` say which wishes the template can't grant.
    """

    parts: tuple[str, ...]
    start: Start
    notices: tuple[Notice, ...] = ()

    @property
    def text(self) -> str:
        """The prompt as one text."""
        return "".join(self.parts)


class ChatTemplate:
    """A model's chat template, and what it can.

    Args:
        program: the template's program.
        specials: the special tokens of the model's vocabulary.
        thinks: the model is one that thinks, by its file's own word.
        arguments: values for the template's variables, which go before r1local's own.

    Attributes:
        dialect: how the model marks its thoughts.
        has_switch: the prompt is another one where no thought is wanted.

    Raises:
        ChatTemplateError: the program is not a Jinja template.
    """

    def __init__(
        self,
        program: TemplateProgram,
        specials: SpecialTokens,
        *,
        thinks: bool,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self._program = program
        self.dialect = dialect_of(program.source, specials.texts) or R1
        # Users' text never becomes a tag, whether that is a token or not.
        tags = (*self.dialect.tags, *self.dialect.atoms)
        self._specials = replace(specials, texts=specials.texts.union(tags))
        self._thinks = thinks
        self._arguments = dict(arguments or {})
        self._characters = set(program.source).union(*self._specials.texts)
        self._told: set[Notice] = set()
        self._learn()

    @property
    def _short_thought(self) -> str:
        return f"{self.dialect.lead}{SHORT_THOUGHT}{self.dialect.end}"

    @property
    def unused_arguments(self) -> tuple[str, ...]:
        """The arguments that the template never looks at."""
        names = set(re.findall(r"\w+", self._program.source))
        return tuple(name for name in self._arguments if name not in names)

    @property
    def may_think(self) -> bool:
        """The model has thoughts that r1local knows of, or a template that asks for some."""
        return self._thinks or self.has_switch

    def untold(self, notices: Sequence[Notice]) -> list[Notice]:
        """Those of a prompt's notices that haven't been told yet; they count as told."""
        news = [notice for notice in notices if notice not in self._told]
        self._told.update(news)
        return news

    def render(self, messages: Sequence[Message], *, think: bool = True) -> Prompt:
        """Render the prompt for the assistant's next reply.

        The template is told by `enable_thinking` and `thinking` whether a thought is wanted.
        Where it ends at the assistant tag all the same and the model is one that thinks,
        `<think>` and a line break are appended, as the usage recommendations of DeepSeek-R1's
        README advise. Unless `think` is set, the thought is closed again behind a few words.

        Raises:
            ChatTemplateError: the template fails, reaches for what it may not have, or takes
                too long or too much.
        """
        mark = self._unused_character(messages)
        guarded = [Message(m.role, self._hide_specials(m.content, mark)) for m in messages]
        rendered, notices = self._with_system(guarded, think)
        said = any(m.content.strip() for m in messages if m.role != "system")
        if said and MESSAGE not in rendered.origins:
            notices.append(_NO_QUESTION)
        start = start_of_reply(rendered.own_tail(mark), self.dialect)
        if start == "none" and self._thinks and (think or not self.has_switch):
            rendered, start = rendered.ended(self.dialect.opening), "open"
        if start == "open" and not think:
            rendered, start = rendered.stripped().ended(self._short_thought), "closed"
        elif start == "none" and not (think or self.has_switch):
            notices.append(_NO_SWITCH)
        elif start == "closed" and think:
            notices.append(_NO_THOUGHT)
        parts = (piece for part in self._cut(rendered) for piece in part.split(mark))
        told = tuple(Notice("template", notice) for notice in notices)
        return Prompt(tuple(filter(None, parts)), start, told)

    def as_data(self, text: str) -> tuple[str, ...]:
        """Parts of a text that is not the template's: no special token is whole in one."""
        return _parts(text, {begin + 1 for begin, _end in self._specials.spans(text)})

    def _learn(self) -> None:
        """Find out what form of messages the template takes, and what it does with the wish."""
        question = [Message("user", "?")]
        asked = [(form, think) for form in _FORMS for think in (True, False)]
        given = [self._variables_for(question, think, form) for form, think in asked]
        answer = self._program.run(given)
        tried = dict(zip(asked, map(_Rendered.read, answer["rendered"]), strict=True))
        self._form = max(_FORMS, key=lambda form: _worth(tried[form, True]))
        thinking, not_thinking = (tried[self._form, think] for think in (True, False))
        self.has_switch = isinstance(thinking, _Rendered) and thinking != not_thinking

    def _with_system(
        self, messages: Sequence[Message], think: bool
    ) -> tuple["_Rendered", list[str]]:
        """Render messages, and put a system prompt elsewhere that the template has no place for.

        As llama.cpp does, it goes before the first question.
        """
        if len(messages) < 2 or messages[0].role != "system" or not messages[0].content.strip():
            return self._rendered(messages, think), []
        system, first, *others = messages
        refused: ChatTemplateError | None = None
        try:
            rendered = self._rendered(messages, think)
            if SYSTEM in rendered.origins:
                return rendered, []
        except ChatTemplateError as error:
            refused = error
        merged = Message(first.role, f"{system.content}\n{first.content}")
        with suppress(ChatTemplateError):
            both = self._rendered([merged, *others], think)
            if system.content.strip() in both.text:
                return both, [_MERGED]
        if refused:
            raise ChatTemplateError(refused.message, f"leave --system out, or {refused.hint}")
        return rendered, [_LEFT_OUT]

    def _rendered(self, messages: Sequence[Message], think: bool) -> "_Rendered":
        variables = self._variables_for(messages, think, self._form)
        rendered = _Rendered.read(self._program.run([variables])["rendered"][0])
        if isinstance(rendered, ChatTemplateError):
            raise rendered
        return rendered

    def _variables_for(
        self, messages: Sequence[Message], think: bool, form: "_Form"
    ) -> dict[str, Any]:
        """What the template is given, in the names of Transformers and llama.cpp."""
        today = date.today()
        return {
            "bos_token": self._specials.bos,
            "eos_token": self._specials.eos,
            "date_string": f"{today:%d %b %Y}",
            "datetime": f"{today:%b %d %Y}",
            "enable_thinking": think,
            "thinking": think,
            **({"tools": None, "documents": None} if form.none_for_absent else {}),
            **self._arguments,
            "messages": [{"role": m.role, "content": form.content(m.content)} for m in messages],
            "add_generation_prompt": True,
        }

    def _unused_character(self, messages: Sequence[Message]) -> str:
        """A private-use character that stands nowhere, to mark the cuts with."""
        used = self._characters.union(*(message.content for message in messages))
        candidates = (chr(code) for area in _PRIVATE_USE for code in area)
        mark = next((mark for mark in candidates if mark not in used), None)
        if mark is None:
            raise ChatTemplateError(
                "the prompt holds every private-use character of Unicode", "leave one of them out"
            )
        return mark

    def _hide_specials(self, content: str, mark: str) -> str:
        """Put a mark inside every special token's text, which no template then takes for its own.

        One that drops all before a `</think>` would drop half of an answer about that tag.
        """
        return mark.join(self.as_data(content))

    def _cut(self, rendered: "_Rendered") -> tuple[str, ...]:
        """Parts of a prompt; a special token that is whole in one is the template's own."""
        places: set[int] = set()
        for begin, end in self._specials.spans(rendered.text):
            places |= rendered.cuts(begin, end)
        return _parts(rendered.text, places)


@dataclass(frozen=True, slots=True)
class _Form:
    """How a template wants to be called.

    Args:
        none_for_absent: as Transformers does, where llama.cpp leaves tools and documents undefined.
        in_parts: a message's content as a list of parts, as that of models with images.
    """

    none_for_absent: bool
    in_parts: bool

    def content(self, text: str) -> str | list[dict[str, str]]:
        """A message's content."""
        return [{"type": "text", "text": text}] if self.in_parts else text


_FORMS = tuple(_Form(none, parts) for parts in (False, True) for none in (True, False))


@dataclass(frozen=True, slots=True)
class _Rendered:
    """What a template wrote, and whose each character is."""

    text: str
    origins: bytes

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> "_Rendered | ChatTemplateError":
        """A rendering of `template_sandbox.answer`'s."""
        if error := answer.get("error"):
            return ChatTemplateError(*error)
        runs = (bytes([origin]) * length for length, origin in answer["runs"])
        return cls(answer["text"], b"".join(runs))

    def cuts(self, begin: int, end: int) -> set[int]:
        """Where to cut a special token's text: where people's and the template's meet in it."""
        owned = [origin == TEMPLATE for origin in self.origins[begin:end]]
        if all(owned):
            return set()
        seams = {begin + n for n, (a, b) in enumerate(pairwise(owned), 1) if a != b}
        return seams or {begin + 1}

    def own_tail(self, mark: str) -> str:
        """The end of the text, with a mark in place of what isn't the template's."""
        pairs = zip(self.text[-_TAIL:], self.origins[-_TAIL:], strict=True)
        return "".join(character if origin == TEMPLATE else mark for character, origin in pairs)

    def stripped(self) -> "_Rendered":
        """Without the white space at the end."""
        text = self.text.rstrip()
        return _Rendered(text, self.origins[: len(text)])

    def ended(self, end: str) -> "_Rendered":
        """With an end that is the template's."""
        return _Rendered(self.text + end, self.origins + bytes(len(end)))


def _worth(rendered: _Rendered | ChatTemplateError) -> int:
    """How well a template did: it failed, lost the message, or wrote it."""
    if isinstance(rendered, ChatTemplateError):
        return 0
    return 2 if MESSAGE in rendered.origins else 1


def _parts(text: str, places: set[int]) -> tuple[str, ...]:
    """A text, cut at some places."""
    return tuple(text[a:b] for a, b in pairwise([0, *sorted(places), len(text)]) if a < b)
