"""Every failure a user can see, one class each.

    R1LocalError                    exit 1 unless a class says otherwise
    ├── ModelFileError              the file is not usable as a model
    │   ├── ModelFileNotFound
    │   ├── ModelFileUnreadable     a directory, a device, no permission
    │   ├── NotAGGUFFile            empty, or not in GGUF format
    │   ├── TruncatedGGUF           cut in the header, the tensor table or the data
    │   ├── MalformedGGUF           impossible counts, lengths or types
    │   └── MissingTokenizer
    ├── UnknownModel                a name of neither a model nor a file
    ├── ModelNotInstalled           a known model with no file on this machine
    ├── HubError                    the hub can't be reached, or has nothing for us
    │   ├── HubUnreachable          no network, no such host, a failing server
    │   ├── HubMisconfigured        an unusable address, proxy, certificate or token
    │   ├── MalformedAnswer         the answer is not the hub's, or is incomplete
    │   ├── AccessDenied            gated, private, or a token that is not accepted
    │   ├── NotOnHub                no such repository, revision, file or quantization
    │   └── UnsafeName              a file name that could lead out of the cache
    ├── EndpointError               a server elsewhere gives no reply, or not a whole one
    │   ├── EndpointUnreachable     no network, no such host, a failing server
    │   ├── EndpointMisconfigured   an unusable address, proxy, certificate or key file
    │   ├── EndpointRefused         its key isn't accepted, or the account has no money
    │   ├── EndpointLacks           it has no such model, or nothing at that address
    │   ├── EndpointSilent          nothing came for longer than is set
    │   ├── StreamCut               the reply broke off; what came is kept
    │   └── EndpointAnswer          its answer is not what its protocol promises
    ├── DownloadError               a file did not arrive completely
    │   ├── DiskFull                no room; what came is kept
    │   └── ChecksumMismatch        the bytes differ from those on the hub
    ├── StoreError                  what is stored can't be changed, or isn't ours
    ├── SessionError                a stored session can't be opened or written
    │   ├── SessionNotFound         no session has that name
    │   ├── SessionInUse            another chat has it open
    │   ├── SessionDamaged          nothing in its file can be read
    │   ├── SessionTooNew           a later r1local wrote it
    │   ├── SessionNotSaved         it can't be written; it is kept in memory
    │   └── ExportError             a document of it can't be written
    ├── CatalogError                something wrong in the user's own models.toml
    ├── LoadingStopped              loading was stopped in a chat; the model is the one before
    ├── ClipboardError              no clipboard takes a text
    ├── EditorError                 there is no editor, or it fails
    ├── DeviceError                 a device to compute on can't be reached or used
    ├── ModelLoadError              llama.cpp would not load it; the hint has its reason
    │   └── OutOfMemory             memory ran out while loading or evaluating
    ├── InferenceError              llama.cpp failed while evaluating
    ├── WarmEngineError             an engine can't be kept in memory, or not be reached there
    ├── BenchmarkError              another program that is compared with failed
    ├── ChatTemplateError           missing, broken, unsafe or endless template
    ├── PromptTooLong               the prompt doesn't fit the context window
    ├── PromptInputError            an empty prompt, an unreadable or binary document
    ├── UsageError                  exit 2: the command line lacks something
    │   └── GrammarError            an invalid or unusable JSON schema or grammar
    └── InvalidSetting              a value out of its range

Every error is one sentence that says what happened and a hint that says what
to type or do next. Foreign exceptions are translated where they enter, in the
adapters, and nowhere else.
"""

import errno
from collections.abc import Iterable
from typing import ClassVar

from r1local.language import _

EXIT_OK = 0
EXIT_ERROR = 1
EXIT_USAGE = 2
EXIT_NO_ANSWER = 3
EXIT_BUG = 70
EXIT_INTERRUPTED = 130
#: What a shell reports for a program that SIGPIPE ended.
EXIT_BROKEN_PIPE = 141

#: Bytes without which no command can do its work; Python asks the system for 1 MiB at a time.
_LITTLE = 8 * 2**20


class R1LocalError(Exception):
    """A failure to be shown as a sentence and a hint, never as a traceback.

    Args:
        message: one sentence, without a final period, that says what happened.
        hint: what to type or do next.
    """

    exit_code: ClassVar[int] = EXIT_ERROR

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message, hint)  # both, for a copy in another process
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message

    @property
    def on_one_line(self) -> str:
        """The message and the hint."""
        return _("{message}; {hint}", message=self.message, hint=self.hint)


class ModelFileError(R1LocalError):
    """The file can't be used as a model."""


class ModelFileNotFound(ModelFileError):
    """No file has that path."""


class ModelFileUnreadable(ModelFileError):
    """The path is a directory or a device, or may not be read."""


class NotAGGUFFile(ModelFileError):
    """The file is empty or does not begin like a GGUF file."""


class TruncatedGGUF(ModelFileError):
    """The file ends before its header, its tensor table or its data does."""


class MalformedGGUF(ModelFileError):
    """The header states impossible counts, lengths or types."""


class MissingTokenizer(ModelFileError):
    """The file has no tokenizer, so the model can't be given text."""


class UnknownModel(R1LocalError):
    """The reference names neither a known model nor a file."""


class ModelNotInstalled(R1LocalError):
    """The reference names a model that has no file on this machine."""


class HubError(R1LocalError):
    """The hub can't be reached, or doesn't have what was asked for."""


class HubUnreachable(HubError):
    """There is no network, no such host, or the server fails."""


class HubMisconfigured(HubError):
    """A setting of this machine (address, proxy, certificates, token) can't be used."""


class MalformedAnswer(HubError):
    """An answer doesn't come from the hub, or is incomplete or contradictory."""


class AccessDenied(HubError):
    """The repository is gated or private, or the token is not accepted."""


class NotOnHub(HubError):
    """The hub has no such repository, revision, file or quantization."""


class UnsafeName(HubError):
    """A file's name or checksum could lead out of the cache."""


class EndpointError(R1LocalError):
    """A server elsewhere gives no reply, or not a whole one."""


class EndpointUnreachable(EndpointError):
    """There is no network, no such host, or the server fails."""


class EndpointMisconfigured(EndpointError):
    """What is set for an endpoint can't be used: address, proxy, certificates, key."""


class EndpointRefused(EndpointError):
    """The key isn't accepted, or its account may not ask any more."""


class EndpointLacks(EndpointError):
    """The server has no such model, or nothing at that address."""


class EndpointSilent(EndpointError):
    """Nothing came from the server for longer than is set."""


class StreamCut(EndpointError):
    """The reply broke off; what came of it is kept."""


class EndpointAnswer(EndpointError):
    """The server's answer is not what its protocol promises."""


class DownloadError(R1LocalError):
    """A file did not arrive completely; what came is kept."""


class DiskFull(DownloadError):
    """The disk has no room for the rest of a file."""


class ChecksumMismatch(DownloadError):
    """The bytes that came differ from those on the hub."""


class DownloadStopped(DownloadError):
    """The user stopped a download; what came is kept."""


class StoreError(R1LocalError):
    """What is stored on this machine can't be changed, or doesn't belong to r1local."""


class SessionError(R1LocalError):
    """A session stored on this machine can't be opened, changed or written."""


class SessionNotFound(SessionError):
    """No session has that name."""


class SessionInUse(SessionError):
    """Another chat has the session open."""


class SessionDamaged(SessionError):
    """Nothing in the session's file can be read."""


class SessionTooNew(SessionError):
    """The session's file was written by a later version of r1local."""


class SessionNotSaved(SessionError):
    """The disk refuses a session's records; they are kept in memory, and writing is retried."""


class ExportError(SessionError):
    """A conversation can't be exported to the file that was named."""


class CatalogError(R1LocalError):
    """The user's own `models.toml` can't be read, or has an entry that isn't allowed."""


class ModelLoadError(R1LocalError):
    """llama.cpp refused to load the model or to make room for its context."""


class LoadingStopped(R1LocalError):
    """Loading or a question was cancelled in a chat, which goes on with the model before."""


class LoadingCancelled(Exception):
    """Loading was cancelled, which needs no message to the user, so it is not an R1LocalError."""


class ClipboardError(R1LocalError):
    """No clipboard takes a text."""


class EditorError(R1LocalError):
    """There is no editor, no terminal for it, or it ended with an error."""


class InferenceError(R1LocalError):
    """llama.cpp failed while evaluating tokens."""


class WarmEngineError(R1LocalError):
    """An engine can't be kept in memory, or can't be reached there."""


class OutOfMemory(ModelLoadError, InferenceError):
    """Memory ran out while llama.cpp loaded a model or evaluated tokens."""


class DeviceError(R1LocalError):
    """A device to compute on can't be reached or used."""


class BenchmarkError(R1LocalError):
    """A program to compare with failed, or its figures can't be read."""


class DraftModelError(R1LocalError):
    """A model can't draft for another one."""


class ChatTemplateError(R1LocalError):
    """The chat template is missing, broken, unsafe or does not end."""


class PromptTooLong(R1LocalError):
    """The prompt leaves no room in the context window for a reply."""


class PromptInputError(R1LocalError):
    """There is no prompt, or a document isn't readable as text."""


class UsageError(R1LocalError):
    """The command line lacks something that r1local can't ask for."""

    exit_code = EXIT_USAGE


class GrammarError(UsageError):
    """A JSON schema or a grammar is not valid, or can't be enforced."""


class InvalidSetting(R1LocalError):
    """A setting's value is out of its range."""


def lacks_memory(error: BaseException) -> bool:
    """Tell whether an exception means that the system refused to give memory.

    CPython reports that as `MemoryError`, ENOMEM, a message where a thread gets no stack
    (`_thread`), or a message where the loader can't map a library (glibc's dl-load.c). Its
    compiler and its C extensions raise anything: what no one expects where there is no memory
    left is for the lack of it.
    """
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    refused = isinstance(error, ImportError | RuntimeError) and any(
        said in str(error) for said in ("can't start new thread", "failed to map segment")
    )
    return isinstance(error, MemoryError) or refused or not _has_memory()


def _has_memory() -> bool:
    try:
        bytearray(_LITTLE)
    except MemoryError:
        return False
    return True


def too_little_memory() -> OutOfMemory:
    """Return the error to raise where `lacks_memory`."""
    return OutOfMemory(
        _("there is too little memory"),
        _("close other programs, or raise the limit (see ulimit -a, or the container's)"),
    )


def require(holds: bool, setting: str, range_: str) -> None:
    """Refuse a setting's value unless `holds` is true.

    Raises:
        InvalidSetting: the value is out of range; `setting` is its name and value, and `range_`
            says what is allowed.
    """
    if not holds:
        raise InvalidSetting(
            _("{setting} is out of range", setting=setting),
            _("it must be {range}", range=_(range_)),
        )


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint for an unknown word: the most similar known one, or all there are."""
    import difflib  # only errors need it

    names = list(known)
    near = difflib.get_close_matches(word, names, n=1)
    return (
        _("did you mean {near}?", near=near[0])
        if near
        else _("there are: {names}", names=", ".join(names))
    )
