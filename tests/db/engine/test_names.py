"""Names are compared in Unicode NFC, and invisible characters alone are no name."""

import pytest

from db.engine.names import InvisibleName, escaped, normalised, normalised_name

COMPOSED, DECOMPOSED = "Caf\u00e9", "Cafe\u0301"
ENGLAND = "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (DECOMPOSED, COMPOSED),
        (f"\ufeff {COMPOSED}\u200b\u00a0\n", COMPOSED),
        ("\u2800\u3164Sun\u00ad", "Sun"),
        # Within a name, a joiner may change what is seen.
        ("Sun\u200bdial", "Sun\u200bdial"),
        ("\U0001f469\u200d\U0001f33e", "\U0001f469\u200d\U0001f33e"),
        # A variation selector and tags are a part of the emoji before them.
        ("Sun \u2600\ufe0f", "Sun \u2600\ufe0f"),
        (ENGLAND, ENGLAND),
        ("\ufe0f\u200d Sun", "Sun"),
        ("", ""),
        (" \t\u00a0", ""),
    ],
)
def test_name_is_composed_and_stripped_of_invisible_characters(text: str, name: str) -> None:
    assert normalised_name(text) == normalised(text) == name
    assert normalised(name) == name


@pytest.mark.parametrize("text", ["\u200b", " \u200b\u200d ", "\u3164", "\u2800\u2800", "\ufeff", "\u00ad", "\ufe0f"])
def test_name_of_invisible_characters_alone_is_refused_and_shown_escaped(text: str) -> None:
    with pytest.raises(InvisibleName) as refused:
        normalised_name(text, "input", "serial")

    message = f'The name "{escaped(text)}" has only invisible characters; send a name that can be seen.'
    assert (str(refused.value), refused.value.info) == (message, {"field": ["input", "serial"]})


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{COMPOSED} & Söhne 日本 ☀", f"{COMPOSED} & Söhne 日本 ☀"),
        ("a\u200bb\u00a0c\nd", "a\\u200bb\\xa0c\\nd"),
        (ENGLAND[1:2], "\\U000e0067"),
    ],
)
def test_invisible_characters_are_escaped(text: str, shown: str) -> None:
    assert escaped(text) == shown
