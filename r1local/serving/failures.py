"""Failures as HTTP says them: a status, and a code that programs can tell apart."""

from typing import ClassVar

from r1local.errors import (
    ChatTemplateError,
    HubError,
    InvalidSetting,
    ModelFileError,
    ModelLoadError,
    ModelNotInstalled,
    PromptInputError,
    PromptTooLong,
    R1LocalError,
    UnknownModel,
    UsageError,
)


class RequestError(R1LocalError):
    """A request that can't be served as it is.

    Args:
        message: one sentence that says what is wrong.
        hint: what to do about it.
        param: the field of the request that it is about.
    """

    status: ClassVar[int] = 400
    code: ClassVar[str] = "invalid_request"
    #: Seconds after which it may be worth trying again.
    retry_after: ClassVar[int | None] = None

    def __init__(self, message: str, hint: str, param: str | None = None) -> None:
        super().__init__(message, hint)
        self.param = param


class Unsupported(RequestError):
    """A field that would change the reply, and that r1local has nothing like."""

    code = "unsupported_parameter"


class NotAuthorized(RequestError):
    """The key is missing or wrong."""

    status, code = 401, "invalid_api_key"


class Forbidden(RequestError):
    """A web page that nobody allowed, or a name that isn't this machine's."""

    status, code = 403, "forbidden"


class NotFound(RequestError):
    """Nothing has that address, or that name."""

    status, code = 404, "not_found"


class TooSlow(RequestError):
    """The body of the request doesn't arrive."""

    status, code = 408, "timeout"


class ClientLeft(RequestError):
    """The client left within its request; for the log, with nginx's status for it."""

    status, code = 499, "client_left"

    def __init__(self) -> None:
        super().__init__("the client left within its request", "ask again")


class TooLarge(RequestError):
    """The body of the request is too large."""

    status, code = 413, "request_too_large"


class TooBusy(RequestError):
    """As many replies as allowed are being written or waiting."""

    status, code, retry_after = 429, "too_many_requests", 1


class Unavailable(RequestError):
    """The server stops, or memory has no room for the model now."""

    status, code, retry_after = 503, "unavailable", 5


class ServerBug(RequestError):
    """A fault of r1local's own."""

    status, code = 500, "server_error"

    def __init__(self) -> None:
        super().__init__("r1local has a bug", "please report it with the server's log")


_OTHERS: tuple[tuple[type[R1LocalError], int, str], ...] = (
    (PromptTooLong, 400, "context_length_exceeded"),
    (UnknownModel, 404, "model_not_found"),
    (ModelNotInstalled, 404, "model_not_found"),
    (UsageError, 400, "invalid_request"),
    (InvalidSetting, 400, "invalid_value"),
    (PromptInputError, 400, "invalid_request"),
    (ChatTemplateError, 400, "invalid_messages"),
    (HubError, 502, "hub_error"),
    (ModelLoadError, 503, "model_not_loaded"),
    (ModelFileError, 503, "model_not_loaded"),
)


def status_of(error: R1LocalError) -> tuple[int, str]:
    """Return the status and the code for an error; 500 if it isn't the request's fault."""
    if isinstance(error, RequestError):
        return error.status, error.code
    found = ((status, code) for kind, status, code in _OTHERS if isinstance(error, kind))
    return next(found, (500, "server_error"))


def sentence(error: R1LocalError) -> str:
    """Return an error's message and hint as one text."""
    return f"{error.message}; {error.hint}" if error.hint else error.message
