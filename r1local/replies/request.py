"""A request that a scheduler serves: a prompt, how to reply to it, and the reply so far."""

import time
from collections.abc import Sequence

from r1local.engine.reply_drafts import ReplyDrafts
from r1local.events.reply import Event, Finished
from r1local.models.loading import LoadedModel
from r1local.replies.control import Control
from r1local.replies.generation import TokenisedPrompt
from r1local.replies.settings import ReplySettings
from r1local.replies.stream import ReplyStream


class Request:
    """A prompt and the reply to it.

    Args:
        number: its place in the order of arrival.
        prompt: what to reply to.
        settings: how to reply.
        control: cancels the reply, and steers it.

    Attributes:
        tokens: those of prompt and reply. A sequence of the batch holds the first of them, and the
            others are pending.
        sequence: the sequence that it has while it runs.
        stream: the reply, once the prompt has been read.
        drafts: what drafts it, if anything does.
        draft: tokens that the sequence holds after `tokens`, since they may come next.
        leader: another request whose prompt begins in the same way and is being read; this one
            waits until the leader has read `ahead` tokens, and copies them.
        paused: whether it was ever paused.
        thought: whether it was found in the end that the reply has a thought.
        withdrawn: whether it is to end, whatever its control says.
    """

    def __init__(
        self,
        number: int,
        prompt: TokenisedPrompt,
        settings: ReplySettings,
        control: Control,
    ) -> None:
        self.number = number
        self.prompt = prompt
        self.settings = settings
        self.control = control
        self.tokens = list(prompt.tokens)
        self.sequence = -1
        self.stream: ReplyStream | None = None
        self.drafts: ReplyDrafts | None = None
        self.draft: list[int] = []
        self.leader: Request | None = None
        self.ahead = 0
        self.paused = self.thought = self.withdrawn = False
        self._joined: float | None = None
        self._cached = 0
        self._prompt_s = 0.0

    @property
    def cancelled(self) -> bool:
        """Whether it is to end before its next token."""
        return self.withdrawn or self.control.cancelled()

    def join(self) -> None:
        """Begin to run, or continue after a pause."""
        if self._joined is None:
            self._joined = time.monotonic()

    def spare(self, tokens: int) -> None:
        """Note how many tokens of the prompt were in the KV cache, and needn't be read."""
        if self.stream is None and not self.paused:
            self._cached = tokens

    def start(self, loaded: LoadedModel) -> ReplyStream:
        """Begin the reply, now that the prompt has been read or won't be."""
        if self._joined is not None:
            self._prompt_s = time.monotonic() - self._joined
        self.stream = ReplyStream(
            loaded.model.vocabulary,
            loaded.template.dialect,
            self.prompt.tokens,
            self.prompt.start,
            loaded.model.context_window,
            self.settings,
            self.control,
            self.prompt.answer,
        )
        return self.stream

    def feed(self, token: int, *, doubtful: bool) -> Sequence[Event]:
        """Take the token that was drawn; change `tokens` as the reply wants to go on."""
        assert self.stream
        events = self.stream.feed(token, doubtful=doubtful)
        if not self.stream.finished:
            self._go_on(self.stream.next_tokens, self.stream.rewind_to)
        return events

    def follows_draft(self) -> bool:
        """Count what was added to `tokens` as drafted if the draft goes on with it; return whether.

        Then it has been evaluated, and the next token can be drawn.
        """
        if not (self.draft and self.drafts and self.stream) or self.stream.rewind_to is not None:
            return False
        added = [*self.stream.next_tokens]
        count = len(added)
        if self.draft[:count] != added:
            return False
        del self.draft[:count]
        self.drafts.accepted += count
        return True

    def _go_on(self, tokens: Sequence[int], rewind_to: int | None) -> None:
        if rewind_to is not None:
            del self.tokens[rewind_to:]
            if self.drafts:
                self.drafts.rewind(rewind_to)
        self.tokens += tokens
        if self.drafts:
            self.drafts.feed(tokens)

    def finish(self, loaded: LoadedModel) -> Sequence[Event]:
        """End the reply, also one that never began; return its last events."""
        stream = self.stream or self.start(loaded)
        *events, last = stream.finish(
            cached_tokens=self._cached,
            load_s=loaded.load_s,
            prompt_s=self._prompt_s,
            draft_tokens=self.drafts.drafted if self.drafts else 0,
            accepted_tokens=self.drafts.accepted if self.drafts else 0,
        )
        assert isinstance(last, Finished)
        self.thought = last.usage.thinking_tokens > 0
        return [*events, last]

    def close(self) -> None:
        """Free the samplers of the reply."""
        if self.stream:
            self.stream.close()
