"""
Operations known beforehand: a list of all that are run, and requests that name one in place of sending its text.

Sources: Apollo's persisted query manifest, GraphQL Code Generator's persisted documents, and for what requests look
like and how clients know that they are not understood, Apollo's automatic persisted queries, which urql takes up.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from graphql import GraphQLSchema

from db.engine.refusals import ValidationFailed
from graph.operations.documents import Documents

APOLLO = "apollo-persisted-query-manifest"

# Texts of operations by their ids, which as a rule are their hashes.
Manifest: TypeAlias = Mapping[str, str]


class BadManifest(Exception):
    """Why a list of operations cannot be used."""


class PersistedQueryRefusal(ValidationFailed):
    """A request that names an operation which is not run, or sends one that is not among those that are."""

    code: ClassVar[str]

    @property
    def extensions(self) -> dict[str, str]:
        """What clients look at to know which it is."""
        return {"code": self.code}


class PersistedQueryNotSupported(PersistedQueryRefusal):
    """PersistedQueryNotSupported"""

    # By these, text and code, a client knows that it is to send the text.
    code = "PERSISTED_QUERY_NOT_SUPPORTED"


class UnknownId(PersistedQueryRefusal):
    """There is no operation with the id {id} among those that are run here."""

    code = "PERSISTED_QUERY_NOT_IN_LIST"


class NotListed(PersistedQueryRefusal):
    """This operation is not among those that are run here."""

    code = "QUERY_NOT_IN_SAFELIST"


class WrongHash(PersistedQueryRefusal):
    """The operation's text is not the one that its sha256Hash stands for."""

    code = "PERSISTED_QUERY_HASH_MISMATCH"


def operation_text(request: Mapping[str, Any], manifest: Manifest | None) -> Any:
    """
    Return the text that a request asks to be run, or what stands in its place.

    Raises PersistedQueryRefusal.
    """
    text, id = request.get("query"), _id(request.get("extensions"))
    if manifest is None:
        if id is not None and text is None:
            raise PersistedQueryNotSupported
        if id is not None and isinstance(text, str) and _hash(text) != id:
            raise WrongHash
        return text
    if id is not None:
        if id not in manifest:
            raise UnknownId(id=id[:100])
        if text is not None and text != manifest[id]:
            raise WrongHash
        return manifest[id]
    if isinstance(text, str) and _hash(text) not in manifest:
        raise NotListed
    return text


def read_manifest(path: Path, documents: Documents, schema: GraphQLSchema) -> Manifest:
    """Read a list of operations, of either kind, each of which can be run. Raises BadManifest."""
    try:
        given = json.loads(path.read_bytes())
    except OSError as fault:
        raise BadManifest(f"{path} cannot be read: {fault.strerror}.") from None
    except ValueError as fault:
        raise BadManifest(f"{path} is not JSON: {fault}.") from None
    manifest: dict[str, str] = {}
    for place, id, text in _entries(path, given):
        if not isinstance(id, str) or not isinstance(text, str):
            raise BadManifest(f"{path}, {place}: an operation has an id and the text of a document, both texts.")
        if manifest.setdefault(id, text) != text:
            raise BadManifest(f"{path}, {place}: the id {id} has another document already.")
        problem = next(iter(documents.problems(text, schema)), None)
        if problem is not None:
            raise BadManifest(f"{path}, {place}: {problem.message}")
    # A text is found by its own hash too, whatever its id.
    return manifest | {_hash(text): text for text in manifest.values()}


def _entries(path: Path, given: Any) -> Iterator[tuple[str, Any, Any]]:
    """List what stands in a manifest: where, the id, and the document."""
    match given:
        case {"format": str(kind), "version": version, "operations": list(operations)}:
            if (kind, version) != (APOLLO, 1):
                raise BadManifest(f"{path} is of the format {kind}, version {version}; expected {APOLLO}, version 1.")
            for number, operation in enumerate(operations, start=1):
                each = operation if isinstance(operation, dict) else {}
                yield f"operation {number} ({each.get('name')})", each.get("id"), each.get("body")
        case dict() if "operations" not in given:
            for id, text in given.items():
                yield f"operation {id}", id, text
        case _:
            raise BadManifest(f"{path} is neither an {APOLLO} nor an object of documents by their hashes.")


def _id(extensions: Any) -> str | None:
    match extensions:
        case {"persistedQuery": {"sha256Hash": str(id)}}:
            return id
    return None


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
