"""Text from outside made visible: nothing a model, a template or a file name holds is obeyed.

One pattern finds the characters that a terminal obeys, that hide, or that reorder what
stands beside them. Joiners and selectors stay where people write them: a zero-width
joiner after a letter or an emoji, a variation selector after what has variants.
"""

import re

# Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties.txt), but for the joiners and
# selectors below; separators of lines; bidirectional and other format characters; C1; surrogates.
_HIDDEN = (
    r"\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u2028-\u202e"
    r"\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U00013430-\U0001343f"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff"
)
# What has a variant as text or as emoji, with room for later ones (emoji-variation-sequences.txt).
_EMOJI = (
    r"#*0-9\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u23ff\u24c2\u25a0-\u27bf"
    r"\u2900-\u297f\u2b00-\u2bff\u3030\u303d\u3297\u3299\U0001f000-\U0001faff"
)
_IDEOGRAPHS = r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_OBEYED = (
    rf"[\x00-\x08\x0b-\x1f{_HIDDEN}]"
    rf"|(?<![^\x00-\x7f{_HIDDEN}\u200c\u200d])[\u200c\u200d]"
    rf"|(?<![{_EMOJI}])[\ufe0e\ufe0f]"
    rf"|(?<![{_IDEOGRAPHS}])[\ufe00-\ufe0d\U000e0100-\U000e01ef]"
    r"|(?<![\u1820-\u18aa])[\u180b-\u180d\u180f]"
)
_LINE_ENDS = str.maketrans({"\n": "␊", "\t": "␉"})


def visible(text: str, before: str = "") -> str:
    """Return `text` for a screen: what is obeyed or hidden as visible stand-ins.

    Newlines and tabs stay. A byte of C1 can't slip in as part of a character cut in
    two: `text` is decoded already.

    Args:
        text: untrusted.
        before: the character that stands before it.
    """
    if text.isascii() and text.isprintable():
        return text
    stands_before = len(before)
    return re.sub(
        _OBEYED,
        lambda match: _stand_in(match[0]) if match.start() >= stands_before else match[0],
        before + text,
    )[stands_before:]


def visible_line(text: str) -> str:
    """Return `text` for one line of a screen, as a file's name: line breaks are shown as well."""
    return unbroken(visible(text))


def unbroken(text: str) -> str:
    """Return `text` as one line, its line breaks and tabs shown; all else stays exact."""
    return text.translate(_LINE_ENDS)


class VisibleStream:
    """Makes text visible that comes in pieces; where they were cut makes no difference."""

    def __init__(self) -> None:
        self._last = ""

    def feed(self, text: str) -> str:
        """Return the next characters in a form that is safe for a screen."""
        shown = visible(text, self._last)
        self._last = text[-1:] or self._last
        return shown


def visible_json(document: str) -> str:
    r"""Return a JSON document that means the same and is harmless on a screen.

    JSON escapes only the characters below U+0020. The others that `visible` shows
    can stand nowhere but in its strings, where `\uXXXX` is the same character.
    """
    return re.sub(_OBEYED, lambda match: _json_escape(ord(match[0])), document)


def _stand_in(character: str) -> str:
    code = ord(character)
    if code < 0x20:
        return chr(0x2400 + code)
    return "\u2421" if code == 0x7F else f"<U+{code:04X}>"


def _json_escape(code: int) -> str:
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
