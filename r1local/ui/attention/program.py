"""The user's own program that tells of something.

It is run without a shell, so that nothing a model wrote is ever read as a command: the text is one
argument, where the command says `{text}`, and the value of environment variables.
"""

import os
import shlex
import shutil
import subprocess
import sys
from contextlib import suppress
from threading import Thread

from r1local.config.options import NOTIFY_VARIABLES, NOTIFY_WORDS
from r1local.errors import InvalidSetting
from r1local.language import _
from r1local.ui.attention.news import News
from r1local.ui.safe_text import visible

#: Characters of the answer that the program gets; systems limit an environment's size.
_MOST_OF_ANSWER = 4_000
_TEXT = "{text}"


class Program:
    """A program to be run with what there is to tell.

    Args:
        command: its path or name, and its arguments.

    Raises:
        InvalidSetting: a quote in it isn't closed, or there is no such program.
    """

    def __init__(self, command: str) -> None:
        self._words = _words_of(command)

    def tell(self, news: News) -> None:
        """Run it, and don't wait for it."""
        answer = visible(news.answer[:_MOST_OF_ANSWER])
        values = (news.state, news.text, f"{news.seconds:.0f}", answer)
        environment = dict(zip(NOTIFY_VARIABLES, values, strict=True))
        with suppress(OSError):  # it was there when r1local started
            process = subprocess.Popen(
                [word.replace(_TEXT, news.text) for word in self._words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                env=os.environ | environment,
            )
            Thread(target=process.wait, daemon=True).start()


def _words_of(command: str) -> list[str]:
    try:
        program, *words = shlex.split(command, posix=sys.platform != "win32") or [""]
        program = os.path.expanduser(program)  # noqa: PTH111  (its own raises for unknown users)
    except ValueError:
        program = ""
    if program and shutil.which(program):
        return [program, *words]
    raise InvalidSetting(
        _("notify: there is no program {command!r}", command=command),
        _(
            "it must be {notify_words}, or a command: notify-send r1local {text}",
            notify_words=", ".join(NOTIFY_WORDS),
            text=_TEXT,
        ),
    )
