"""Documents are read once, and remembered as long as there is room."""

import pytest

from graph.operations import documents as module
from graph.operations.documents import Documents
from graph.schema import schema

CALLER = "{ getCaller { role } }"


@pytest.mark.parametrize("text", [CALLER, "{ getCaller { nme } }", "{ getCaller {"])
def test_a_document_is_read_once_right_or_wrong(text: str) -> None:
    documents = Documents()

    assert documents.read(text, schema._schema) is documents.read(text, schema._schema)


def test_what_was_not_sent_for_longest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CACHE_CHARACTERS", 3 * (len(CALLER) + 1 + module.CHARACTERS_PER_ENTRY))
    documents = Documents()
    texts = [f"{CALLER}{end}" for end in ("", " ", ",")]
    first = [documents.read(text, schema._schema) for text in texts]

    documents.read(texts[0], schema._schema)
    documents.read(f"{CALLER}\n", schema._schema)
    again = [documents.read(text, schema._schema) for text in (texts[0], texts[2])]

    assert again == [first[0], first[2]]
    assert documents.read(texts[1], schema._schema) is not first[1]


def test_a_document_too_long_to_be_remembered_is_read_all_the_same() -> None:
    documents = Documents()
    small = documents.read(CALLER, schema._schema)
    long = f'{CALLER[:-1]} getSiteByNmi(nmi: "{"1" * module.MAX_CACHE_CHARACTERS}") {{ id }} }}'

    first, second = documents.read(long, schema._schema), documents.read(long, schema._schema)

    assert first is not second
    assert first.errors == second.errors == []
    assert documents.read(CALLER, schema._schema) is small
