"""
The S3 object store of uploaded files and reports.

No other module imports an S3 client.
"""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef, CORSRuleTypeDef

MIB = 2**20

# S3 allows at most 10,000 parts per object, all but the last of at least 5 MiB. With parts of this size, an object has
# up to 80 GB.
PART_BYTES = 8 * MIB
# Larger objects are copied in parts of this size, so that the store answers each request within READ_TIMEOUT_S.
COPY_PART_BYTES = 256 * MIB

# The longest time without a byte of a response before the connection counts as lost.
READ_TIMEOUT_S = 20.0

# How long browsers cache the response to a preflight request.
CORS_MAX_AGE_S = 600


class ObjectMissing(Exception):
    """No object has this key."""


class ObjectChanged(Exception):
    """The object was replaced: its ETag is another one."""


class ObjectStoreUnavailable(Exception):
    """The object store did not respond, lost the connection or failed with a 5xx status. A retry may succeed."""


@dataclass(frozen=True)
class ObjectStoreAddress:
    """The bucket and how to connect to it. Fields that are None come from AWS's default configuration chain."""

    bucket: str
    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    region: str | None = None
    # Checked after the upload: a presigned PUT can fix an exact length, but not a maximum.
    max_upload_bytes: int = 5 * 2**30
    # The data folder of a server on this machine that responds before its files are on the disk: `ObjectStore.sync`
    # writes them there. S3 itself needs none.
    sync_folder: Path | None = None


@dataclass(frozen=True)
class StoredObject:
    """The metadata of an object. `etag` is quoted as in S3's responses, and changes with the object's bytes."""

    size_bytes: int
    etag: str


@asynccontextmanager
async def open_object_store(
    address: ObjectStoreAddress, *, read_timeout_s: float = READ_TIMEOUT_S
) -> "AsyncIterator[ObjectStore]":
    """Yield a client of an object store, which any number of tasks may use concurrently."""
    session = aioboto3.Session(
        aws_access_key_id=address.access_key_id,
        aws_secret_access_key=address.secret_access_key,
        # botocore reads AWS_DEFAULT_REGION only; ECS and Lambda set AWS_REGION.
        region_name=address.region or os.environ.get("AWS_REGION"),
    )
    config = AioConfig(
        signature_version="s3v4",
        s3={"addressing_style": "path" if address.endpoint_url else "virtual"},
        connect_timeout=5,
        read_timeout=read_timeout_s,
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=50,
    )
    async with session.client("s3", endpoint_url=address.endpoint_url, config=config) as client:
        yield ObjectStore(
            client, address.bucket, max_upload_bytes=address.max_upload_bytes, sync_folder=address.sync_folder
        )


@asynccontextmanager
async def _translate_errors() -> AsyncIterator[None]:
    """Raise ObjectMissing, ObjectChanged or ObjectStoreUnavailable in place of the client's exceptions."""
    try:
        yield
    except ClientError as error:
        if _code(error) == "NoSuchKey":
            raise ObjectMissing from error
        if _code(error) == "PreconditionFailed":
            raise ObjectChanged from error
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise ObjectStoreUnavailable(str(error)) from error
        raise
    except (BotoCoreError, aiohttp.ClientPayloadError) as error:
        raise ObjectStoreUnavailable(str(error)) from error


class ObjectStore:
    """
    The objects of one bucket.

    Methods raise ObjectStoreUnavailable for errors that a retry may fix, and ClientError for other refusals.
    """

    def __init__(
        self, client: "S3Client", bucket: str, *, max_upload_bytes: int, sync_folder: Path | None = None
    ) -> None:
        self.max_upload_bytes = max_upload_bytes
        self._sync_folder = sync_folder
        self._client = client
        self._bucket = bucket

    @_translate_errors()
    async def origin(self) -> str:
        """Return the origin of presigned links, for a Content-Security-Policy."""
        link = urlsplit(await self.upload_link("any", expires_in_s=1))
        return f"{link.scheme}://{link.netloc}"

    async def upload_link(self, key: str, *, expires_in_s: int) -> str:
        """Return a presigned link, with which any client may PUT this object."""
        return await self._client.generate_presigned_url(
            "put_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=expires_in_s
        )

    async def download_link(self, key: str, *, file_name: str, content_type: str, expires_in_s: int) -> str:
        """Return a presigned link, with which any client may download this object, as a file with this name."""
        parameters = {
            "Bucket": self._bucket,
            "Key": key,
            "ResponseContentDisposition": _attachment(file_name),
            "ResponseContentType": content_type,
        }
        return await self._client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=expires_in_s)

    @_translate_errors()
    async def find(self, key: str) -> StoredObject | None:
        """Return an object's metadata; None if there is no such object."""
        try:
            head = await self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if _code(error) == "404":
                return None
            raise
        return StoredObject(size_bytes=head["ContentLength"], etag=head["ETag"])

    async def read(self, key: str, *, etag: str, offset: int = 0, size: int | None = None) -> bytes:
        """Return `size` bytes from `offset`, or fewer at the object's end. Raises ObjectMissing or ObjectChanged."""
        return b"".join([piece async for piece in self.stream(key, etag=etag, offset=offset, size=size)])

    async def stream(
        self, key: str, *, etag: str, offset: int = 0, size: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """
        Yield the same bytes as `read`, in pieces of at most 1 MiB. After a lost connection it resumes.

        Raises ObjectMissing, or ObjectChanged if the object's ETag is another one, also after resuming.
        """
        end = None if size is None else offset + size
        while end is None or offset < end:
            started_at = offset
            range_header = f"bytes={offset}-{'' if end is None else end - 1}"
            try:
                async with _translate_errors():
                    response = await self._client.get_object(
                        Bucket=self._bucket, Key=key, IfMatch=etag, Range=range_header
                    )
                    body = response["Body"]
                    async with body:
                        while piece := await body.read(MIB):
                            offset += len(piece)
                            yield piece
            except ClientError as error:
                if _code(error) == "InvalidRange":
                    return  # `offset` is at or after the object's end.
                raise
            # S3 closes the connection of a reader that pauses for a minute or two, as a busy import may. Without any
            # progress since the last attempt, the error is raised.
            except ObjectStoreUnavailable:
                if offset == started_at:
                    raise
            else:
                return

    async def sync(self) -> None:
        """Return once all stored objects survive a loss of power. S3 itself responds only then, so nothing happens."""
        if self._sync_folder is not None:
            await asyncio.to_thread(_sync_to_disk, self._sync_folder)

    @_translate_errors()
    async def write(self, key: str, data: bytes, *, content_type: str) -> None:
        """Write an object in one request, replacing an existing one; it survives a loss of power."""
        await self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)
        await self.sync()

    @_translate_errors()
    async def write_stream(self, key: str, pieces: AsyncIterable[bytes], *, content_type: str) -> None:
        """Write an object of any size with one part in memory. An existing object is replaced only at the end."""
        remaining_parts = _parts(pieces)
        first = await anext(remaining_parts)
        if len(first) < PART_BYTES:
            await self.write(key, first, content_type=content_type)
            return
        upload = await self._client.create_multipart_upload(
            Bucket=self._bucket, Key=key, ContentType=content_type, ChecksumAlgorithm="CRC32"
        )
        async with self._completed_upload(key, upload["UploadId"]) as parts:
            part: bytes | None = first
            while part is not None:
                response = await self._client.upload_part(
                    Bucket=self._bucket,
                    Key=key,
                    UploadId=upload["UploadId"],
                    PartNumber=len(parts) + 1,
                    Body=part,
                    ChecksumAlgorithm="CRC32",
                )
                parts.append(
                    {
                        "PartNumber": len(parts) + 1,
                        "ETag": response["ETag"],
                        "ChecksumCRC32": response["ChecksumCRC32"],
                    }
                )
                part = await anext(remaining_parts, None)

    @_translate_errors()
    async def copy(self, source: str, target: str, *, etag: str, size_bytes: int) -> None:
        """
        Copy an object within the store; `etag` and `size_bytes` are those of the source.

        Raises ObjectMissing, or ObjectChanged if the source's ETag is another one. Then no object is written.
        """
        source_bucket_and_key: CopySourceTypeDef = {"Bucket": self._bucket, "Key": source}
        if size_bytes <= COPY_PART_BYTES:
            await self._client.copy_object(
                Bucket=self._bucket, Key=target, CopySource=source_bucket_and_key, CopySourceIfMatch=etag
            )
            await self.sync()
            return
        upload = await self._client.create_multipart_upload(Bucket=self._bucket, Key=target)
        async with self._completed_upload(target, upload["UploadId"]) as parts:
            for start in range(0, size_bytes, COPY_PART_BYTES):
                response = await self._client.upload_part_copy(
                    Bucket=self._bucket,
                    Key=target,
                    UploadId=upload["UploadId"],
                    PartNumber=len(parts) + 1,
                    CopySource=source_bucket_and_key,
                    CopySourceRange=f"bytes={start}-{min(start + COPY_PART_BYTES, size_bytes) - 1}",
                    CopySourceIfMatch=etag,
                )
                parts.append({"PartNumber": len(parts) + 1, "ETag": response["CopyPartResult"]["ETag"]})

    @asynccontextmanager
    async def _completed_upload(self, key: str, upload_id: str) -> AsyncIterator[list["CompletedPartTypeDef"]]:
        """Yield an empty list of parts; complete the multipart upload with them, or abort it after an exception."""
        parts: list[CompletedPartTypeDef] = []
        try:
            yield parts
            await self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )
            await self.sync()
        except BaseException:
            # If the abort fails too, the parts stay in the bucket, unlisted, until a lifecycle rule removes them.
            with suppress(BotoCoreError, ClientError):
                await self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id)
            raise

    @_translate_errors()
    async def delete(self, key: str) -> None:
        """Delete an object if it exists."""
        await self._client.delete_object(Bucket=self._bucket, Key=key)

    @_translate_errors()
    async def delete_unchanged(self, key: str, *, etag: str) -> None:
        """Delete an object. Raises ObjectMissing, or ObjectChanged if its ETag is another one."""
        await self._client.delete_object(Bucket=self._bucket, Key=key, IfMatch=etag)

    @_translate_errors()
    async def set_cors_origins(self, origins: Sequence[str]) -> None:
        """Set the origins whose pages may use presigned links, in place of the bucket's earlier CORS rules."""
        rule: CORSRuleTypeDef = {
            "AllowedOrigins": origins,
            "AllowedMethods": ["GET", "PUT"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": CORS_MAX_AGE_S,
        }
        await self._client.put_bucket_cors(Bucket=self._bucket, CORSConfiguration={"CORSRules": [rule]})

    @_translate_errors()
    async def ping(self) -> None:
        """Raise an exception if the bucket cannot be used."""
        await self._client.head_bucket(Bucket=self._bucket)


def _sync_to_disk(folder: Path) -> None:
    for parent, _, file_names in os.walk(folder):
        paths = [Path(parent, name) for name in file_names]
        for path in (*(path for path in paths if path.is_file()), Path(parent)):
            try:
                descriptor = os.open(path, os.O_RDONLY)
            except FileNotFoundError:
                continue  # It was deleted meanwhile.
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


async def _parts(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    part = bytearray()
    is_first = True
    async for piece in pieces:
        part += piece
        if len(part) >= PART_BYTES:
            yield bytes(part)
            part.clear()
            is_first = False
    if part or is_first:
        yield bytes(part)


def _attachment(file_name: str) -> str:
    # RFC 6266: clients that know `filename*`, in the encoding of RFC 5987, prefer it; others use the ASCII name.
    plain = "".join(letter if " " <= letter <= "~" and letter not in '"\\%' else "_" for letter in file_name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='', errors='replace')}"


def _code(error: ClientError) -> str:
    return error.response["Error"]["Code"]
