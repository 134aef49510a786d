"""Text from outside made harmless: nothing a model, a template or a file name holds is obeyed.

Two tables over the same characters, those that a terminal obeys or that hide or
reorder what stands beside them. Zero-width joiners and variation selectors are
left alone: emoji and several scripts are written with them.
"""

_BIDIRECTIONAL = (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x2070))
_SEPARATORS = (0x2028, 0x2029, 0xFEFF)
_C1 = range(0x80, 0xA0)
_SURROGATES = range(0xD800, 0xE000)
_TAGS = range(0xE0000, 0xE0080)
_CODED = (*_C1, *_BIDIRECTIONAL, *_SEPARATORS, *_SURROGATES, *_TAGS)

_VISIBLE = {code: f"<U+{code:04X}>" for code in _CODED}
_VISIBLE |= {code: chr(0x2400 + code) for code in range(0x20) if chr(code) not in "\n\t"}
_VISIBLE[0x7F] = "\u2421"

_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in (0x7F, *_CODED) if code < 0x10000}
_JSON_ESCAPES |= {code: f"\\udb40\\u{0xDC00 + code - 0xE0000:04x}" for code in _TAGS}


def visible(text: str) -> str:
    """Return `text` for a screen: control and bidirectional characters as visible stand-ins.

    Newlines and tabs stay. A byte of C1 can't slip in as part of a character cut in
    two: `text` is decoded already.
    """
    return text.translate(_VISIBLE)


def visible_json(document: str) -> str:
    r"""Return a JSON document that means the same and is harmless on a screen.

    JSON escapes only the characters below U+0020. The others that `visible` shows
    can stand nowhere but in its strings, where `\uXXXX` is the same character.
    """
    return document.translate(_JSON_ESCAPES)
