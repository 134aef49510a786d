"""The engine in this process: llama.cpp, on a model file of this machine."""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path

from r1local.conversation import Conversation
from r1local.engine.limits import CONTEXT_STEP
from r1local.events.reply import Event, Notice
from r1local.models.loading import LoadedModel, LoadOptions, load
from r1local.replies.abilities import Abilities
from r1local.replies.control import Control
from r1local.replies.engine import Begun, PreparedPrompt, never
from r1local.replies.generation import TokenisedPrompt, reply_to, tokenised_prompt
from r1local.replies.scheduler import Scheduler
from r1local.replies.settings import ReplySettings


class LocalEngine:
    """An `Engine` for a loaded model.

    Args:
        path: the model's file.
        loaded: the model; closing the engine closes it.
    """

    name = "llama.cpp"
    abilities = Abilities()

    def __init__(self, path: Path, loaded: LoadedModel) -> None:
        self.path = path
        self.loaded = loaded
        self.notices = loaded.notices
        self.details = loaded.details
        self.load_s = loaded.load_s
        self.kv_state = loaded.model

    @classmethod
    def open(cls, path: Path, options: LoadOptions, cancelled: Callable[[], bool]) -> "LocalEngine":
        """Load the model in a file.

        Raises:
            R1LocalError, LoadingCancelled: as `models.loading.load`.
        """
        return cls(path, load(path, options, cancelled))

    @property
    def closed(self) -> bool:
        """The model was freed."""
        return self.loaded.model.closed

    @property
    def context_window(self) -> int:
        """Most tokens of prompt and reply together."""
        return self.loaded.model.context_window

    @property
    def position(self) -> int:
        """Tokens in the KV cache."""
        return self.loaded.model.position

    @property
    def at_once(self) -> int:
        """The number of sequences that the model was loaded for."""
        return self.loaded.model.sequences

    def prepare(
        self,
        conversation: Conversation,
        settings: ReplySettings,
        begun: Begun | None = None,
        cancelled: Callable[[], bool] = never,  # noqa: ARG002
    ) -> TokenisedPrompt:
        """Render and tokenise a prompt."""
        return tokenised_prompt(self.loaded, conversation, settings, begun)

    def reply(
        self, prompt: PreparedPrompt, settings: ReplySettings, control: Control
    ) -> Generator[Event, None, None]:
        """Generate the reply to a prompt."""
        assert isinstance(prompt, TokenisedPrompt)
        return reply_to(self.loaded, prompt, settings, control)

    def together(self) -> Scheduler:
        """Begin to make many replies in one batch."""
        return Scheduler(self.loaded)

    def new_notices(self, notices: Sequence[Notice]) -> list[Notice]:
        """Return those notices that haven't been returned before."""
        return self.loaded.template.new_notices(notices)

    def larger(self, enough: Callable[[int], bool]) -> int | None:
        """Return a context that is `enough` and fits: the present one doubled, or the least."""
        doubled = least = self.context_window
        while not enough(doubled):
            doubled *= 2
        while not enough(least):
            least += CONTEXT_STEP
        return next(filter(self.loaded.holds, (doubled, least)), None)

    def reopened(
        self,
        cancelled: Callable[[], bool],
        *,
        context: int | None = None,
        at_once: int | None = None,
    ) -> "LocalEngine":
        """Close the model and load its file again."""
        self.close()
        before = self.loaded.options
        options = replace(
            before, context=context or before.context, sequences=at_once or before.sequences
        )
        return LocalEngine.open(self.path, options, cancelled)

    def close(self) -> None:
        """Free the model."""
        self.loaded.close()
