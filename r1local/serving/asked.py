"""What a request asks for, whichever protocol it came in."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from r1local.config.options import option_named
from r1local.config.replying_options import EFFORTS
from r1local.conversation import Conversation, Message
from r1local.events.reply import Finished, Notice
from r1local.events.vote import VoteResult
from r1local.prompts.documents import check_prompt_text
from r1local.replies.engine import Begun
from r1local.replies.settings import ReplySettings, changed
from r1local.replies.structured_output import structure_by
from r1local.serving.failures import RequestError

#: What both protocols call the end of a reply.
FINISH_REASONS = {"stop": "stop", "length": "length", "loop": "length", "cancelled": "length"}

#: Words for how hard to think that mean not at all.
_NOT_AT_ALL = ("none", "off")
#: OpenAI's other words, and the nearest ones here.
_EFFORT_WORDS = {"minimal": "low", "xhigh": "high", "max": "high"}
#: How many seeds there are; OpenAI's have more bits.
_SEEDS = 2**32 - 1


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for one or more replies.

    Args:
        model: the model's name; None means the server's own choice.
        conversation: the messages; none are only right where a protocol says what they mean.
        changes: values of options, by name, as people write them.
        begun: the beginning of the reply, if it goes on.
        stops: texts at which an answer ends.
        count: the number of replies.
        votes: the number of replies that vote, of which one is given.
        stream: send what is written as it is written.
        schema: a JSON schema that holds the answer.
        with_usage: send the usage at a stream's end.
        keep_alive: seconds for which the model stays loaded, if the request says so.
        id_prefix: what the id of its replies begins with.
        echoed: what the response repeats of the request.
    """

    model: str | None
    conversation: Conversation
    changes: Mapping[str, str] = field(default_factory=dict)
    begun: Begun | None = None
    stops: Sequence[str] = ()
    count: int = 1
    votes: int | None = None
    stream: bool = False
    schema: str | None = None
    with_usage: bool = False
    keep_alive: float | None = None
    id_prefix: str = "chatcmpl-"
    echoed: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Ended:
    """A reply at its end.

    Args:
        thinking, answer: its text.
        finished: its last event.
        notices: what its reader should know.
        vote: how the vote went that chose it, if one did.
    """

    thinking: str
    answer: str
    finished: Finished
    notices: Sequence[Notice] = ()
    vote: VoteResult | None = None


def settings_for(asked: Asked, settings: ReplySettings) -> ReplySettings:
    """Return the settings of a request's replies.

    Args:
        settings: those in force for the model.

    Raises:
        InvalidSetting: a value is out of its range.
        GrammarError: the schema can't hold an answer.
    """
    for name, text in asked.changes.items():
        settings = changed(settings, name, text)
    if asked.schema is None:
        return settings
    structure = structure_by(asked.schema)
    return replace(settings, grammar=structure.grammar, schema=structure.schema)


def sampling(fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the options of drawing tokens, which both protocols call alike."""
    named = {"temperature": "temperature", "top_p": "top-p", "top_k": "top-k", "min_p": "min-p"}
    found = {name: str(fields[key]) for key, name in named.items() if fields.get(key) is not None}
    if found.get("top-k", "0").startswith("-"):  # vLLM's word for all
        found["top-k"] = "0"
    seed = fields.get("seed")
    if seed is not None and seed >= 0:  # a negative one asks for any, as in llama.cpp
        found["seed"] = str(seed % _SEEDS)
    return found


def effort(word: str, param: str) -> dict[str, str]:
    """Return the options for a word for how hard to think.

    Raises:
        RequestError: there is no such word.
    """
    if word in _NOT_AT_ALL:
        return {"no-think": "true"}
    word = _EFFORT_WORDS.get(word, word)
    if word not in EFFORTS:
        allowed = option_named("effort").kind.range
        raise RequestError(
            f"{param} {word[:40]!r} is unknown", f"it must be none, {allowed}", param
        )
    return {"effort": word}


def budget(tokens: int) -> dict[str, str]:
    """Return the options for the most tokens of a thought, of which there may be none."""
    return {"think-budget": str(tokens)} if tokens else {"no-think": "true"}


def message(role: str, content: str) -> Message:
    """Return a message of a conversation.

    Raises:
        PromptInputError: its text is no valid Unicode.
    """
    check_prompt_text(content)
    if role in ("user", "system", "assistant"):
        return Message(role, content)  # type: ignore[arg-type]
    return Message("system", content)  # OpenAI's newer word for it is developer


def conversation(messages: Iterable[Message]) -> Conversation:
    """Return messages as a conversation with one system message at most.

    The templates of R1's distills keep only the last of several. They are joined as the template of
    R1-0528 does: https://huggingface.co/deepseek-ai/DeepSeek-R1-0528 (tokenizer_config.json).
    """
    said = tuple(messages)
    system = [each for each in said if each.role == "system"]
    if len(system) < 2:
        return said
    joined = Message("system", "\n\n".join(each.content for each in system if each.content))
    return joined, *(each for each in said if each.role != "system")
