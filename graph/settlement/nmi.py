"""The National Metering Identifier (NMI): ten characters, and an optional eleventh, the check digit."""

import string

CHARACTERS = frozenset(string.digits + string.ascii_uppercase) - {"O", "I"}


class MalformedNmi(ValueError):
    """A text is not an NMI; the message states the reason."""


def check_digit(nmi: str) -> int:
    """Return the check digit of an NMI's ten characters, by the checksum of AEMO's NMI Procedure."""
    from_right = [ord(character) for character in reversed(nmi)]
    numbers = [2 * number for number in from_right[::2]] + from_right[1::2]
    digits = [int(digit) for number in numbers for digit in str(number)]
    return -sum(digits) % 10


def parse_nmi(text: str) -> str:
    """Parse an NMI with or without its check digit, and return its ten characters. Raises MalformedNmi."""
    if len(text) not in (10, 11):
        raise MalformedNmi(f"An NMI has 10 characters, or 11 with its check digit; this text has {len(text)}.")

    for position, character in enumerate(text, start=1):
        if character not in CHARACTERS:
            # `!a` escapes non-ASCII characters: a full-width digit or a Cyrillic capital looks like a valid one.
            raise MalformedNmi(
                f"Character {position} is {character!a}; an NMI has only digits and capital letters, never O or I."
            )

    nmi = text[:10]
    if len(text) == 11 and text[10] != str(check_digit(nmi)):
        raise MalformedNmi(f"The check digit of {nmi} is {check_digit(nmi)}, not {text[10]}.")
    return nmi
