"""What `run -x` prints of a reply: the last code block of its answer."""

from typing import TYPE_CHECKING, NamedTuple

from r1local.conversation import Reply
from r1local.language import _

if TYPE_CHECKING:  # only the end of a reply needs it
    from r1local.ui.markdown.fences import CodeBlock


class CodeWanted(NamedTuple):
    """Which code block is wanted: the last one, or the last one in a language."""

    language: str | None = None

    def find(self, reply: Reply) -> str | None:
        """Return the block's code; None if there is no such block, or only the start of one."""
        block = self._block(reply)
        return block.code if block and not _was_cut(block, reply) else None

    def why_none(self, reply: Reply) -> str:
        """Say why `find` returns None."""
        block = self._block(reply)
        if block:
            return _("the code block was cut before it was whole")
        languages = sorted({each.language for each in _blocks(reply) if each.language})
        wanted = _(" in {language}", language=self.language) if self.language else ""
        others = _(", but in {languages}", languages=", ".join(languages)) if languages else ""
        return _("the answer has no code block{wanted}{others}", wanted=wanted, others=others)

    def _block(self, reply: Reply) -> "CodeBlock | None":
        blocks = _blocks(reply)
        if self.language is not None:
            wanted = _names(self.language)
            blocks = [each for each in blocks if wanted & _names(each.language)]
        return blocks[-1] if blocks else None


def _blocks(reply: Reply) -> "list[CodeBlock]":
    from r1local.ui.markdown.fences import code_blocks

    return code_blocks(reply.answer)


def _was_cut(block: "CodeBlock", reply: Reply) -> bool:
    """Tell whether a reply that didn't end by itself ended within a block."""
    return reply.reason != "stop" and not block.ended


def _names(language: str) -> frozenset[str]:
    """Return the names of a language: `py` is another one of Python."""
    from pygments.lexers import find_lexer_class_by_name
    from pygments.util import ClassNotFound

    own = language.strip().lower()
    try:
        return frozenset((own, *find_lexer_class_by_name(own).aliases))
    except ClassNotFound:
        return frozenset((own,))
