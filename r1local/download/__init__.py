"""Downloading a file of the hub: resumable, over several connections, with its hash checked."""

from r1local.download.journal import Partial, partials
from r1local.download.transfer import Cancelled, Progress, Report, Told, fetch

__all__ = ["Cancelled", "Partial", "Progress", "Report", "Told", "fetch", "partials"]
