"""Messages to prompt, by the template the model file carries.

Only the template's own text may become control or tag tokens. What people
typed, piped or attached is data, so wherever such text holds the text of a
special token, the prompt is cut inside it; each part is then tokenised by
itself, and no tokenizer can put the token together again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from r1local.conversation import Message
from r1local.engine.special_tokens import SpecialTokens
from r1local.errors import ChatTemplateError
from r1local.prompts.template_sandbox import CompiledTemplate
from r1local.thinking.splitter import CLOSE_TAG, OPEN_TAG, Start, start_of_reply

#: Unicode's private-use areas, where a mark is looked for that no text has.
_PRIVATE_USE = (range(0xE000, 0xF900), range(0xF0000, 0xFFFFE), range(0x100000, 0x10FFFE))


#: Stands in for a thought that isn't wanted. R1 knows no such thing: behind a blank thought
#: it writes another end tag, or begins to think aloud.
SHORT_THOUGHT = f"\nOkay, I can answer this directly.\n{CLOSE_TAG}\n\n"


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered prompt: parts to be tokenised each by itself, and where it leaves the reply."""

    parts: tuple[str, ...]
    start: Start

    @property
    def text(self) -> str:
        """The prompt as one text."""
        return "".join(self.parts)


class ChatTemplate:
    """A model's chat template, compiled once.

    Args:
        source: Jinja source, from the model file or from the user.
        specials: the special tokens of the model's vocabulary.
        thinks: the model is one that thinks, by its file's own word.

    Raises:
        ChatTemplateError: the source is not a Jinja template.
    """

    def __init__(self, source: str, specials: SpecialTokens, *, thinks: bool) -> None:
        self._source = source
        self._specials = specials
        self._thinks = thinks
        self._template = CompiledTemplate(source)

    def render(self, messages: Sequence[Message], *, think: bool = True) -> Prompt:
        """Render the prompt for the assistant's next reply.

        Where the template ends at the assistant tag and the model is one that
        thinks, `<think>` and a line break are appended, as the usage
        recommendations of DeepSeek-R1's README advise. Unless `think` is set, the
        thought is closed again behind a few words.

        Raises:
            ChatTemplateError: the template fails, reaches for what it may not
                have, takes long or builds much.
        """
        mark = self._unused_character(messages)
        guarded = [Message(m.role, self._cut_specials(m.content, mark)) for m in messages]
        text = self._render(guarded)
        # Two texts, or a text and the template's, can meet and make a special token
        # together. With cuts at the seams they don't, so fewer are counted.
        seamed = self._render([Message(m.role, _cut_seams(m.content, mark)) for m in guarded])
        if self._count_specials(seamed) < self._count_specials(text):
            text = seamed
        start = start_of_reply(text)
        if start == "none" and self._thinks:
            text, start = text + f"{OPEN_TAG}\n", "open"
        if start == "open" and not think:
            text, start = text.rstrip() + SHORT_THOUGHT, "closed"
        return Prompt(tuple(part for part in text.split(mark) if part), start)

    def as_data(self, text: str) -> tuple[str, ...]:
        """Parts of a text that is not the template's: no special token is whole in one."""
        cuts = [0, *(place + 1 for place in self._specials.places(text)), len(text)]
        return tuple(text[a:b] for a, b in pairwise(cuts) if a < b)

    def _render(self, messages: Sequence[Message]) -> str:
        rendered = self._template.render(
            [{"role": message.role, "content": message.content} for message in messages],
            add_generation_prompt=True,
            bos_token=self._specials.bos,
            eos_token=self._specials.eos,
            tools=None,
            documents=None,
        )
        return _without_surrogates(rendered)

    def _unused_character(self, messages: Sequence[Message]) -> str:
        """A private-use character that stands nowhere, to mark the cuts with."""
        used = set(self._source).union(*(m.content for m in messages), *self._specials.texts)
        candidates = (chr(code) for area in _PRIVATE_USE for code in area)
        mark = next((mark for mark in candidates if mark not in used), None)
        if mark is None:
            raise ChatTemplateError(
                "the prompt holds every private-use character of Unicode", "leave one of them out"
            )
        return mark

    def _cut_specials(self, content: str, mark: str) -> str:
        """Put a mark inside every special token's text, behind its first character."""
        return mark.join(self.as_data(content))

    def _count_specials(self, text: str) -> int:
        return sum(1 for _ in self._specials.places(text))


def _without_surrogates(text: str) -> str:
    """Join pairs of surrogates, and replace single ones: a template's `"\\ud83d"` is no text."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _cut_seams(content: str, mark: str) -> str:
    """Mark both ends, inside the white space that a template may strip."""
    body = content.strip()
    if not body:
        return content
    start = content.index(body)
    return f"{content[:start]}{mark}{body}{mark}{content[start + len(body) :]}"
