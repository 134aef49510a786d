"""Rendering messages to a prompt, by the template in the model file.

Only the template's own text may become control or tag tokens. What people typed, piped or attached
is data: if the text of a special token in the prompt contains any of their characters, the prompt
is cut inside it. Each part is then tokenised separately, so no tokenizer can restore the token.
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
from r1local.language import N_, _
from r1local.prompts.template_process import TemplateProgram
from r1local.prompts.traced_text import MESSAGE, SYSTEM, TEMPLATE
from r1local.thinking.dialects import R1, dialect_of
from r1local.thinking.splitter import Start, start_of_reply

#: Unicode's private-use areas, in which to find a mark that occurs in no text.
_PRIVATE_USE = (range(0xE000, 0xF900), range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))

#: Replaces a thought that isn't wanted. R1 wasn't trained on empty thoughts: after one, it writes
#: another end tag, or begins to think aloud.
SHORT_THOUGHT = "Okay, I can answer this directly."

#: Characters at the end of a prompt in which to look for an open thought.
_TAIL = 256

_MERGED = N_(
    "the chat template has no system role: the system prompt goes before the first question"
)
_LEFT_OUT = N_("the chat template leaves out the system prompt")
_NO_QUESTION = N_("the chat template leaves out the question: the model doesn't see it")
_NO_THOUGHT = N_("the chat template closes the thought before it begins: the model won't think")
_NO_SWITCH = N_("the chat template can't switch off the thinking: no-think has no effect")


def is_of_a_thought_to_begin(notice: Notice) -> bool:
    """Tell whether a notice is of a thought that is still to begin: untrue where a reply goes "
    "on."""
    return notice.message in (_(_NO_THOUGHT), _(_NO_SWITCH))


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt: parts that are tokenised separately, and where it leaves the reply.

    `notices` say which requests the template can't fulfil.
    """

    parts: tuple[str, ...]
    start: Start
    notices: tuple[Notice, ...] = ()

    @property
    def text(self) -> str:
        """The prompt as one text."""
        return "".join(self.parts)


class ChatTemplate:
    """A model's chat template, and its capabilities.

    Args:
        program: the template's program.
        specials: the special tokens of the model's vocabulary.
        thinks: whether the model's file says that the model thinks.
        arguments: values for the template's variables, which override r1local's own.

    Attributes:
        dialect: how the model marks its thoughts.
        has_switch: whether the prompt differs when no thought is wanted.

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
        # The user's text never becomes a tag, whether the tag is a token or not.
        tags = (*self.dialect.tags, *self.dialect.atoms)
        self._specials = replace(specials, texts=specials.texts.union(tags))
        self._thinks = thinks
        self._arguments = dict(arguments or {})
        self._characters = set(program.source).union(*self._specials.texts)
        self._reported: set[Notice] = set()
        self._learn()

    @property
    def _short_thought(self) -> str:
        return f"{self.dialect.lead}{SHORT_THOUGHT}{self.dialect.end}"

    @property
    def unused_arguments(self) -> tuple[str, ...]:
        """The arguments that the template never uses."""
        names = set(re.findall(r"\w+", self._program.source))
        return tuple(name for name in self._arguments if name not in names)

    @property
    def may_think(self) -> bool:
        """Whether r1local knows the model's thoughts, or the template can ask for them."""
        return self._thinks or self.has_switch

    def new_notices(self, notices: Sequence[Notice]) -> list[Notice]:
        """Return those of a prompt's notices that haven't been returned before."""
        new = [notice for notice in notices if notice not in self._reported]
        self._reported.update(new)
        return new

    def render(self, messages: Sequence[Message], *, think: bool = True) -> Prompt:
        """Render the prompt for the assistant's next reply.

        The variables `enable_thinking` and `thinking` tell the template whether to ask for a
        thought. If it ends with the assistant tag nevertheless, and the model is one that thinks,
        `<think>` and a line break are appended, according to the usage recommendations in
        DeepSeek-R1's README. Unless `think` is set, the thought is closed again after a few words.

        Raises:
            ChatTemplateError: the template fails, tries something forbidden, or takes too long or
                too much memory.
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
        reported = tuple(Notice("template", _(notice)) for notice in notices)
        return Prompt(tuple(filter(None, parts)), start, reported)

    def as_data(self, text: str) -> tuple[str, ...]:
        """Return a text that is not the template's in parts that break up special tokens."""
        return _parts(text, {begin + 1 for begin, _end in self._specials.spans(text)})

    def _learn(self) -> None:
        """Find out what form of messages the template takes, and if it can omit the thought."""
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
        """Render messages, moving a system prompt for which the template has no place.

        As in llama.cpp, it goes before the first question.
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
            raise ChatTemplateError(
                refused.message, _("leave --system out, or {hint}", hint=refused.hint)
            )
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
        """Return the template's variables, named as in Transformers and llama.cpp."""
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
        """Return a private-use character that occurs nowhere, for marking the cuts."""
        used = self._characters.union(*(message.content for message in messages))
        candidates = (chr(code) for area in _PRIVATE_USE for code in area)
        mark = next((mark for mark in candidates if mark not in used), None)
        if mark is None:
            raise ChatTemplateError(
                _("the prompt contains every private-use character of Unicode"),
                _("leave one of them out"),
            )
        return mark

    def _hide_specials(self, content: str, mark: str) -> str:
        """Put a mark inside every special token's text, so no template mistakes it for its own.

        A template that drops all before a `</think>` would drop half of an answer about that tag.
        """
        return mark.join(self.as_data(content))

    def _cut(self, rendered: "_Rendered") -> tuple[str, ...]:
        """Return the parts of a prompt; a special token that stays whole is the template's own."""
        places: set[int] = set()
        for begin, end in self._specials.spans(rendered.text):
            places |= rendered.cuts(begin, end)
        return _parts(rendered.text, places)


@dataclass(frozen=True, slots=True)
class _Form:
    """How a template expects to be called.

    Args:
        none_for_absent: pass None for missing tools and documents, as Transformers does;
            llama.cpp leaves them undefined.
        in_parts: pass a message's content as a list of parts, as for models that see images.
    """

    none_for_absent: bool
    in_parts: bool

    def content(self, text: str) -> str | list[dict[str, str]]:
        """Return a message's content in this form."""
        return [{"type": "text", "text": text}] if self.in_parts else text


_FORMS = tuple(_Form(none, parts) for parts in (False, True) for none in (True, False))


@dataclass(frozen=True, slots=True)
class _Rendered:
    """What a template wrote, and the origin of each character."""

    text: str
    origins: bytes

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> "_Rendered | ChatTemplateError":
        """Return a rendering from what `template_sandbox.answer` returns for it."""
        if error := answer.get("error"):
            return ChatTemplateError(*map(_, error))
        runs = (bytes([origin]) * length for length, origin in answer["runs"])
        return cls(answer["text"], b"".join(runs))

    def cuts(self, begin: int, end: int) -> set[int]:
        """Return where to cut a special token's text: where people's and the template's meet."""
        owned = [origin == TEMPLATE for origin in self.origins[begin:end]]
        if all(owned):
            return set()
        seams = {begin + n for n, (a, b) in enumerate(pairwise(owned), 1) if a != b}
        return seams or {begin + 1}

    def own_tail(self, mark: str) -> str:
        """Return the end of the text, with a mark in place of what isn't the template's."""
        pairs = zip(self.text[-_TAIL:], self.origins[-_TAIL:], strict=True)
        return "".join(character if origin == TEMPLATE else mark for character, origin in pairs)

    def stripped(self) -> "_Rendered":
        """Return it without the white space at the end."""
        text = self.text.rstrip()
        return _Rendered(text, self.origins[: len(text)])

    def ended(self, end: str) -> "_Rendered":
        """Return it with an end that counts as the template's."""
        return _Rendered(self.text + end, self.origins + bytes(len(end)))


def _worth(rendered: _Rendered | ChatTemplateError) -> int:
    """Return how well a template did: 0 if it failed, more if it kept the message."""
    if isinstance(rendered, ChatTemplateError):
        return 0
    return 2 if MESSAGE in rendered.origins else 1


def _parts(text: str, places: set[int]) -> tuple[str, ...]:
    """Return a text, cut at some places."""
    return tuple(text[a:b] for a, b in pairwise([0, *sorted(places), len(text)]) if a < b)
