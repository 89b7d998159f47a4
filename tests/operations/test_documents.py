"""The cache of parsed and validated documents."""

import pytest

from graph.operations import documents as module
from graph.operations.documents import Documents
from graph.schema import schema

CALLER = "{ getCaller { role } }"


@pytest.mark.parametrize("text", [CALLER, "{ getCaller { nme } }", "{ getCaller {"])
def test_valid_and_invalid_documents_are_cached(text: str) -> None:
    documents = Documents()

    assert documents.read(text, schema._schema) is documents.read(text, schema._schema)


def test_least_recently_used_document_is_evicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CACHE_CHARACTERS", 3 * (len(CALLER) + 1 + module.CHARACTERS_PER_ENTRY))
    documents = Documents()
    texts = [f"{CALLER}{end}" for end in ("", " ", ",")]
    first = [documents.read(text, schema._schema) for text in texts]

    documents.read(texts[0], schema._schema)
    documents.read(f"{CALLER}\n", schema._schema)
    again = [documents.read(text, schema._schema) for text in (texts[0], texts[2])]

    assert again == [first[0], first[2]]
    assert documents.read(texts[1], schema._schema) is not first[1]


def test_document_larger_than_the_cache_is_read_without_caching() -> None:
    documents = Documents()
    small = documents.read(CALLER, schema._schema)
    long = f'{CALLER[:-1]} getSiteByNmi(nmi: "{"1" * module.MAX_CACHE_CHARACTERS}") {{ id }} }}'

    first, second = documents.read(long, schema._schema), documents.read(long, schema._schema)

    assert first is not second
    assert first.errors == second.errors == []
    assert documents.read(CALLER, schema._schema) is small
