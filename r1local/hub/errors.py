"""Translating the errors of huggingface_hub and its HTTP client into r1local's."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from r1local.config.paths import hub_cache_folder
from r1local.errors import (
    AccessDenied,
    DownloadError,
    HubUnreachable,
    NotOnHub,
    R1LocalError,
)
from r1local.hub.limits import TimeLimitExceeded
from r1local.hub.setup import address, load
from r1local.language import _, reason_of


@contextmanager
def translated(repo_id: str, filename: str | None = None) -> Iterator[None]:
    """Turn every error of a request to the hub into one of r1local's.

    Raises:
        HubError: there was an error.
    """
    load()
    from huggingface_hub import errors

    try:
        yield
    except R1LocalError:
        raise
    except TimeLimitExceeded as error:
        raise HubUnreachable(
            _("{address} takes too long to answer", address=address()),
            _("try again later, or check the network and proxies"),
        ) from error
    except errors.GatedRepoError as error:
        raise AccessDenied(
            _("{repo_id} is only open to users whom its owners have approved", repo_id=repo_id),
            _(
                "ask for access at https://huggingface.co/{repo_id}, then log in with: hf auth "
                "login",
                repo_id=repo_id,
            ),
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise NotOnHub(
            _("the hub has no repository {repo_id}", repo_id=repo_id),
            _("check its name; if it is private, log in with: hf auth login"),
        ) from error
    except errors.RevisionNotFoundError as error:
        raise NotOnHub(
            _("{repo_id} has no such revision", repo_id=repo_id), _("leave out @…, or check it")
        ) from error
    except errors.EntryNotFoundError as error:
        raise NotOnHub(
            _("{repo_id} has no file {filename}", repo_id=repo_id, filename=filename),
            _("see what it has: r1local pull hf:{repo_id}", repo_id=repo_id),
        ) from error
    except errors.HFValidationError as error:
        raise NotOnHub(
            _("{repo_id!r} is not a repository's name", repo_id=repo_id), _("write hf:org/repo")
        ) from error
    except errors.OfflineModeIsEnabled as error:
        raise HubUnreachable(
            _("HF_HUB_OFFLINE is set, so the hub can't be reached"), _("unset it to download")
        ) from error
    except errors.HfHubHTTPError as error:
        raise _refused(error.response.status_code, repo_id) from error
    # Everything else: errors of the HTTP client, and whatever unforeseen answers break inside it.
    except Exception as error:
        raise _unreachable(error) from error


def _refused(status: int, repo_id: str) -> AccessDenied | HubUnreachable:
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return AccessDenied(
            _("the hub refuses access to {repo_id} ({status})", repo_id=repo_id, status=status),
            _("check HF_TOKEN, or log in with: hf auth login"),
        )
    return HubUnreachable(_("the hub answered {status}", status=status), _("try again later"))


def _unreachable(error: BaseException) -> HubUnreachable:
    """Return why the hub can't be reached, from the error's text, since its class doesn't say."""
    text = str(error).lower()
    if "certificate" in text or "ssl" in text:
        return HubUnreachable(
            _("the hub's certificate can't be verified"),
            _("check the clock, and SSL_CERT_FILE if a proxy inspects traffic"),
        )
    if "name or service" in text or "getaddrinfo" in text or "resolution" in text:
        return HubUnreachable(
            _("the hub's host name can't be found"), _("check the network and HF_ENDPOINT")
        )
    return HubUnreachable(
        _("the hub can't be reached: {reason}", reason=reason(error)),
        _("check the network, HF_ENDPOINT and proxies"),
    )


def reason(error: BaseException) -> str:
    """Return what an error says, without the addresses in it, which may hold secrets."""
    text = reason_of(error)
    return re.sub(r"(?:https?|socks5h?)://[^\s'\"]+", _("the server"), text)


def not_writable(error: OSError) -> DownloadError:
    """Return an error of the cache's disk as one of r1local's."""
    return DownloadError(
        _("the cache can't be written: {reason}", reason=reason_of(error)),
        _(
            "check the permissions and the disk of {hub_cache_folder}, or set HF_HOME",
            hub_cache_folder=hub_cache_folder(),
        ),
    )
