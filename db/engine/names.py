"""Names as people type them: in Unicode's composed form (NFC), and never of invisible characters alone."""

import unicodedata

from db.engine.refusals import ValidationFailed

# Control and format characters, and separators such as spaces.
INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
# Letters, marks and symbols that are blank: a combining joiner, fillers of Hangul and Khmer, and the braille blank.
BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2800\u3164\uffa0")
# Variation selectors and tags. They are invisible, but at the end of an emoji they are a part of it.
EMOJI_SUFFIXES = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0020, 0xE0080), *range(0xE0100, 0xE01F0))))


class InvisibleName(ValidationFailed):
    """The name "{name}" has only invisible characters; send a name that can be seen."""

    field = ("input", "name")


def normalised(text: str) -> str:
    """Return a text in NFC, without white space and other invisible characters around it."""
    text = unicodedata.normalize("NFC", text)
    end = len(text)
    while end > 0 and _is_invisible(text[end - 1]) and text[end - 1] not in EMOJI_SUFFIXES:
        end -= 1
    start = 0
    while start < end and _is_invisible(text[start]):
        start += 1
    return text[start:end]


def normalised_name(text: str, *field: str) -> str:
    """
    Return a name as it is stored and compared; white space alone becomes "".

    Raises InvisibleName for other invisible characters alone, at the path `field` of the input.
    """
    name = normalised(text)
    if not name and text.strip():
        raise InvisibleName(name=escaped(text[:200]), field=field or None)
    return name


def escaped(text: str) -> str:
    """Return a text for a message, with invisible characters as escape sequences: a zero-width space as `\\u200b`."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) in INVISIBLE_CATEGORIES or character in BLANKS or character in EMOJI_SUFFIXES
