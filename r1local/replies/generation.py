"""One reply: conversation in, events out."""

import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace

from r1local.conversation import Conversation
from r1local.engine.batch import as_evaluated
from r1local.engine.grammar import follows_grammar
from r1local.engine.model import Model
from r1local.engine.rounding import alike_up_to
from r1local.engine.speculation import Speculation
from r1local.errors import ChatTemplateError, GrammarError, PromptTooLong
from r1local.events.reply import Event, Notice
from r1local.language import N_, _
from r1local.models.loading import LoadedModel
from r1local.prompts.chat_template import ChatTemplate, Prompt, is_of_a_thought_to_begin
from r1local.replies.control import Control
from r1local.replies.engine import Begun, PromptSize
from r1local.replies.settings import ReplySettings
from r1local.replies.stream import ReplyStream
from r1local.thinking.splitter import Start

_IN_VAIN = N_(
    "r1local doesn't recognise any thinking in this model: effort, think-budget and min-think"
    " have no effect"
)


@dataclass(frozen=True, slots=True)
class TokenisedPrompt:
    """A prompt in tokens, where it leaves the reply, and what the user should know about it.

    `answer` has the tokens of the answer at its end, if one continues that follows a grammar.
    """

    tokens: Sequence[int]
    start: Start
    notices: tuple[Notice, ...] = ()
    answer: Sequence[int] = ()

    @property
    def size(self) -> PromptSize:
        """The number of its tokens."""
        return PromptSize(len(self.tokens))


def tokenised_prompt(
    loaded: LoadedModel,
    conversation: Conversation,
    settings: ReplySettings,
    begun: Begun | None = None,
) -> TokenisedPrompt:
    """Render and tokenise the prompt of a reply, or of the rest of one.

    Raises:
        ChatTemplateError: the prompt can't be rendered.
        GrammarError: the answer that is to go on does not follow the grammar.
    """
    prompt = prompt_of(loaded.template, conversation, settings, begun)
    vocabulary = loaded.model.vocabulary
    tokens: Sequence[int] = vocabulary.tokenise(prompt.parts)
    answer: Sequence[int] = ()
    if begun and begun.answer and settings.grammar is not None:
        in_front = prompt.parts[: -len(loaded.template.as_data(begun.answer))]
        answer = tokens[len(vocabulary.tokenise(in_front)) :]
        if not follows_grammar(answer, vocabulary, settings.grammar):
            raise GrammarError(
                _("the answer was begun in another form than is asked for now"),
                _("ask for another one, or leave the form free"),
            )
    elif begun:
        # What the model wrote may be other tokens than a tokenizer makes of the same text.
        tokens = as_evaluated(tokens, loaded.model.evaluated, vocabulary.piece)
    return TokenisedPrompt(tokens, prompt.start, prompt.notices, answer)


def reply_to(
    loaded: LoadedModel, prompt: TokenisedPrompt, settings: ReplySettings, control: Control
) -> Generator[Event, None, None]:
    """Generate the reply to a prompt; close the generator if you don't exhaust it.

    Yields:
        Events in the order that `events` promises; the last one is always a `Finished`.

    Raises:
        ChatTemplateError: the prompt is empty.
        PromptTooLong: the prompt leaves no room for a reply.
        InferenceError: llama.cpp failed.
    """
    model, tokens = loaded.model, prompt.tokens
    check_prompt(tokens, model.context_window)
    started = time.monotonic()
    cached = yield from model.reading(tokens, control.cancelled)
    speculation = _speculation(loaded, tokens, settings, control) if cached is not None else None
    steps: Model | Speculation = speculation or model
    prompt_s = time.monotonic() - started
    with ReplyStream(
        model.vocabulary,
        loaded.template.dialect,
        tokens,
        prompt.start,
        model.context_window,
        settings,
        control,
        prompt.answer,
    ) as stream:
        yield from loaded.template.new_notices(prompt.notices)
        if cached is not None:
            while not control.cancelled():
                token, checker = model.sample(stream.sampler), stream.checker
                doubtful = checker is not None and model.sample(checker) != token
                yield from stream.feed(token, doubtful=doubtful)
                if stream.rewind_to is not None:
                    steps.rewind(stream.rewind_to)
                if stream.finished:
                    break
                steps.advance(*stream.next_tokens)
        yield from stream.finish(
            cached_tokens=cached or 0,
            load_s=loaded.load_s,
            prompt_s=prompt_s,
            draft_tokens=speculation.drafted if speculation else 0,
            accepted_tokens=speculation.accepted if speculation else 0,
        )


def _speculation(
    loaded: LoadedModel, prompt: Sequence[int], settings: ReplySettings, control: Control
) -> Speculation | None:
    """Return what drafts a reply's tokens, if anything is to."""
    drafts = loaded.drafts
    if drafts is None or drafts.pace.too_quick:
        return None
    exact = settings.sampler.repeatable and not drafts.asked_for
    if exact and not drafts.alike:
        return None
    sources = drafts.sources(prompt, control.cancelled)
    alike = alike_up_to(loaded.model.settings) if exact else None
    return Speculation(loaded.model, sources, alike_up_to=alike)


def prompt_of(
    template: ChatTemplate,
    conversation: Conversation,
    settings: ReplySettings,
    begun: Begun | None = None,
) -> Prompt:
    """Return the prompt of a reply, or of the rest of one."""
    if begun is None:
        prompt = template.render(conversation, think=not settings.thinking.off)
        vain = settings.thinking.limited and prompt.start == "none" and not template.may_think
        if not vain:
            return prompt
        return replace(prompt, notices=(*prompt.notices, Notice("template", _(_IN_VAIN))))
    thought = bool(begun.thinking) or begun.thinking_open
    prompt, dialect = template.render(conversation, think=thought), template.dialect
    parts, start = list(prompt.parts), prompt.start
    if thought and start != "open":
        parts.append(dialect.opening)
    if thought:
        parts += template.as_data(begun.thinking)
        start = "thinking" if begun.thinking else "open"
    if thought and not begun.thinking_open:
        parts.append(dialect.end)
        start = "closed"
    elif begun.answer and (heading := dialect.trail.strip()):
        parts.append(heading)
    if begun.answer:
        parts += template.as_data(begun.answer)
        start = "answer"
    notices = tuple(each for each in prompt.notices if not is_of_a_thought_to_begin(each))
    return Prompt(tuple(parts), start, notices)


def check_prompt(tokens: Sequence[int], context_window: int) -> None:
    """Refuse a prompt that no reply can follow.

    Raises:
        ChatTemplateError: it is empty.
        PromptTooLong: it fills the context window.
    """
    if not tokens:
        raise ChatTemplateError(
            _("the chat template makes an empty prompt"),
            _("give another one with --chat-template FILE"),
        )
    if len(tokens) >= context_window:
        raise PromptTooLong(
            _(
                "the prompt has {count:,} tokens and the context window {context_window:,}",
                count=len(tokens),
                context_window=context_window,
            ),
            _("give a shorter prompt, or a larger --context"),
        )
