"""
Persisted operations: a manifest of all operations that the server runs, and requests that send an id instead of a text.

Sources: Apollo's persisted query manifest and GraphQL Code Generator's persisted documents for the file; Apollo's
automatic persisted queries, which urql implements too, for the request's `extensions.persistedQuery` and the errors.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeAlias

from graphql import GraphQLSchema

from db.engine.refusals import ValidationFailed
from graph.operations.documents import Documents

APOLLO_FORMAT = "apollo-persisted-query-manifest"

# The texts of documents by their ids. An id is usually the SHA-256 of the text.
Manifest: TypeAlias = Mapping[str, str]


class InvalidManifest(Exception):
    """A manifest file cannot be read, is malformed or holds a document that cannot be run."""


class PersistedQueryRefusal(ValidationFailed):
    """The base class of refusals of a request's text or id. Clients recognise a refusal by its code in `extensions`."""

    code: ClassVar[str]

    @property
    def extensions(self) -> dict[str, str]:
        """The `extensions` of the GraphQL error."""
        return {"code": self.code}


class PersistedQueryNotSupported(PersistedQueryRefusal):
    """PersistedQueryNotSupported"""

    # Clients that read this message or code send the request again, with the text.
    code = "PERSISTED_QUERY_NOT_SUPPORTED"


class UnknownId(PersistedQueryRefusal):
    """No persisted operation has the id {id}; this server runs only the operations in its manifest."""

    code = "PERSISTED_QUERY_NOT_IN_LIST"


class NotListed(PersistedQueryRefusal):
    """This operation is not in the manifest of persisted operations, and this server runs no others."""

    code = "QUERY_NOT_IN_SAFELIST"


class WrongHash(PersistedQueryRefusal):
    """The operation's text does not match its sha256Hash."""

    code = "PERSISTED_QUERY_HASH_MISMATCH"


def operation_text(request: Mapping[str, Any], manifest: Manifest | None) -> Any:
    """
    Return the text of the document to run: the request's `query`, or the persisted document with the request's id.

    Without an id, the `query` of a malformed request is returned unchanged, even if it is not a string. Raises
    PersistedQueryRefusal.
    """
    text, id = request.get("query"), _id(request.get("extensions"))
    if manifest is None:
        if id is not None and text is None:
            raise PersistedQueryNotSupported
        if id is not None and isinstance(text, str) and _sha256(text) != id:
            raise WrongHash
        return text
    if id is not None:
        if id not in manifest:
            raise UnknownId(id=id[:100])
        if text is not None and text != manifest[id]:
            raise WrongHash
        return manifest[id]
    if isinstance(text, str) and _sha256(text) not in manifest:
        raise NotListed
    return text


def read_manifest(path: Path, documents: Documents, schema: GraphQLSchema) -> Manifest:
    """
    Read a manifest in one of the two formats, and check that each of its operations can be run.

    The result holds each text under its id and under its SHA-256. Raises InvalidManifest.
    """
    try:
        content = json.loads(path.read_bytes())
    except OSError as fault:
        raise InvalidManifest(f"{path} cannot be read: {fault.strerror}.") from None
    except ValueError as fault:
        raise InvalidManifest(f"{path} is not JSON: {fault}.") from None
    manifest: dict[str, str] = {}
    for position, id, text in _entries(path, content):
        if not isinstance(id, str) or not isinstance(text, str):
            raise InvalidManifest(
                f"{path}, {position}: an operation needs an id and the text of a document, both strings."
            )
        if manifest.setdefault(id, text) != text:
            raise InvalidManifest(f"{path}, {position}: the id {id} is used for two different documents.")
        error = next(iter(documents.errors(text, schema)), None)
        if error is not None:
            raise InvalidManifest(f"{path}, {position}: {error.message}")
    return manifest | {_sha256(text): text for text in manifest.values()}


def _entries(path: Path, content: Any) -> Iterator[tuple[str, Any, Any]]:
    """Yield the position, the id and the text of each document in a manifest; the latter two are not validated."""
    match content:
        case {"format": str(name), "version": version, "operations": list(operations)}:
            if (name, version) != (APOLLO_FORMAT, 1):
                raise InvalidManifest(
                    f"{path} has the format {name}, version {version}; expected {APOLLO_FORMAT}, version 1."
                )
            for number, operation in enumerate(operations, start=1):
                each = operation if isinstance(operation, dict) else {}
                yield f"operation {number} ({each.get('name')})", each.get("id"), each.get("body")
        case dict() if "operations" not in content:
            for id, text in content.items():
                yield f"operation {id}", id, text
        case _:
            raise InvalidManifest(
                f"{path} is neither an {APOLLO_FORMAT} nor a JSON object of documents by their hashes."
            )


def _id(extensions: Any) -> str | None:
    match extensions:
        case {"persistedQuery": {"sha256Hash": str(id)}}:
            return id
    return None


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()
