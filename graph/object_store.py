"""Files on their way in and reports on their way out: S3, through aioboto3, which nothing else imports."""

import os
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import aioboto3
import aiohttp
from aiobotocore.config import AioConfig
from botocore.exceptions import BotoCoreError, ClientError

if TYPE_CHECKING:
    from types_aiobotocore_s3 import S3Client
    from types_aiobotocore_s3.type_defs import CompletedPartTypeDef, CORSRuleTypeDef

MIB = 2**20

# S3 takes at most 10,000 parts, none but the last below 5 MiB: an object of up to 80 GB.
PART_SIZE = 8 * MIB

# An answer that stands still for so long counts as broken off.
READ_TIMEOUT_S = 20.0

# Browsers ask again after so long.
CORS_KEPT_S = 600


class ObjectMissing(Exception):
    """There is no object of this key."""


class ObjectChanged(Exception):
    """The object is no longer the one that had this ETag."""


class ObjectStoreAway(Exception):
    """The object store does not answer, or breaks its answers off: later it may."""


@dataclass(frozen=True)
class ObjectStoreAddress:
    """Where the objects are. What is None is found the way AWS's own tools find it."""

    bucket: str
    endpoint_url: str | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    region: str | None = None
    # A link to PUT to bounds nothing: S3 signs a length that is known beforehand, or none.
    max_upload_bytes: int = 5 * 2**30


@dataclass(frozen=True)
class StoredObject:
    """What an object is: `etag` is quoted, as S3 gives it, and changes with its bytes."""

    size_bytes: int
    etag: str


@asynccontextmanager
async def open_object_store(
    address: ObjectStoreAddress, *, read_timeout_s: float = READ_TIMEOUT_S
) -> "AsyncIterator[ObjectStore]":
    """Open an object store for any number of concurrent callers."""
    session = aioboto3.Session(
        aws_access_key_id=address.access_key_id,
        aws_secret_access_key=address.secret_access_key,
        # botocore itself heeds AWS_DEFAULT_REGION alone, and AWS's containers and functions are given this one.
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
        yield ObjectStore(client, address.bucket, max_upload_bytes=address.max_upload_bytes)


@asynccontextmanager
async def _naming_faults() -> AsyncIterator[None]:
    """Raise ObjectMissing, ObjectChanged and ObjectStoreAway for what they are known by here."""
    try:
        yield
    except ClientError as refusal:
        if _code(refusal) == "NoSuchKey":
            raise ObjectMissing from refusal
        if _code(refusal) == "PreconditionFailed":
            raise ObjectChanged from refusal
        if refusal.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            raise ObjectStoreAway(str(refusal)) from refusal
        raise
    except (BotoCoreError, aiohttp.ClientPayloadError) as fault:
        raise ObjectStoreAway(str(fault)) from fault


class ObjectStore:
    """One bucket's objects. What keeps us from them: ObjectMissing, ObjectChanged, ObjectStoreAway or a ClientError."""

    def __init__(self, client: "S3Client", bucket: str, *, max_upload_bytes: int) -> None:
        self.max_upload_bytes = max_upload_bytes
        self._client = client
        self._bucket = bucket

    @_naming_faults()
    async def origin(self) -> str:
        """Return the origin that links lead to, as a browser compares it."""
        link = urlsplit(await self.upload_link("any", expires_in_s=1))
        return f"{link.scheme}://{link.netloc}"

    async def upload_link(self, key: str, *, expires_in_s: int) -> str:
        """Sign a link to which anyone may PUT this object until it expires."""
        return await self._client.generate_presigned_url(
            "put_object", Params={"Bucket": self._bucket, "Key": key}, ExpiresIn=expires_in_s
        )

    async def download_link(self, key: str, *, file_name: str, content_type: str, expires_in_s: int) -> str:
        """Sign a link from which anyone may GET this object until it expires, as a file of this name and type."""
        asked = {
            "Bucket": self._bucket,
            "Key": key,
            "ResponseContentDisposition": _attachment(file_name),
            "ResponseContentType": content_type,
        }
        return await self._client.generate_presigned_url("get_object", Params=asked, ExpiresIn=expires_in_s)

    @_naming_faults()
    async def find(self, key: str) -> StoredObject | None:
        """Look an object up; None when it isn't there."""
        try:
            head = await self._client.head_object(Bucket=self._bucket, Key=key)
        except ClientError as refusal:
            if _code(refusal) == "404":
                return None
            raise
        return StoredObject(size_bytes=head["ContentLength"], etag=head["ETag"])

    async def read(self, key: str, *, etag: str, offset: int = 0, size: int | None = None) -> bytes:
        """Read `size` bytes from `offset` on, or what there is of them. Raises ObjectMissing or ObjectChanged."""
        return b"".join([piece async for piece in self.stream(key, etag=etag, offset=offset, size=size)])

    async def stream(
        self, key: str, *, etag: str, offset: int = 0, size: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Read like `read`, in pieces of at most a MiB, going on from where a connection breaks off."""
        end = None if size is None else offset + size
        while end is None or offset < end:
            began_at = offset
            wanted = f"bytes={offset}-{'' if end is None else end - 1}"
            try:
                async with _naming_faults():
                    answer = await self._client.get_object(Bucket=self._bucket, Key=key, IfMatch=etag, Range=wanted)
                    body = answer["Body"]
                    async with body:
                        while piece := await body.read(MIB):
                            offset += len(piece)
                            yield piece
            except ClientError as refusal:
                if _code(refusal) == "InvalidRange":
                    return  # There is nothing from `offset` on.
                raise
            # S3 hangs up on a reader that pauses for a minute or two, which a busy import may.
            except ObjectStoreAway:
                if offset == began_at:
                    raise
            else:
                return

    @_naming_faults()
    async def write(self, key: str, data: bytes, *, content_type: str) -> None:
        """Write a small object whole, in place of the one that may be there."""
        await self._client.put_object(Bucket=self._bucket, Key=key, Body=data, ContentType=content_type)

    @_naming_faults()
    async def write_stream(self, key: str, pieces: AsyncIterable[bytes], *, content_type: str) -> None:
        """Write an object of any size, holding one part of it in memory; nothing is changed unless all of it comes."""
        to_write = _parts(pieces)
        first = await anext(to_write)
        if len(first) < PART_SIZE:
            await self.write(key, first, content_type=content_type)
            return
        upload = await self._client.create_multipart_upload(
            Bucket=self._bucket, Key=key, ContentType=content_type, ChecksumAlgorithm="CRC32"
        )
        upload_id = upload["UploadId"]
        try:
            parts: list[CompletedPartTypeDef] = []
            part: bytes | None = first
            while part is not None:
                answer = await self._client.upload_part(
                    Bucket=self._bucket,
                    Key=key,
                    UploadId=upload_id,
                    PartNumber=len(parts) + 1,
                    Body=part,
                    ChecksumAlgorithm="CRC32",
                )
                parts.append(
                    {
                        "PartNumber": len(parts) + 1,
                        "ETag": answer["ETag"],
                        "ChecksumCRC32": answer["ChecksumCRC32"],
                    }
                )
                part = await anext(to_write, None)
            await self._client.complete_multipart_upload(
                Bucket=self._bucket, Key=key, UploadId=upload_id, MultipartUpload={"Parts": parts}
            )
        except BaseException:
            # Where this fails too, what was written stays, out of sight, until the bucket's own rules remove it.
            with suppress(BotoCoreError, ClientError):
                await self._client.abort_multipart_upload(Bucket=self._bucket, Key=key, UploadId=upload_id)
            raise

    @_naming_faults()
    async def delete(self, key: str) -> None:
        """Delete an object, if it is there."""
        await self._client.delete_object(Bucket=self._bucket, Key=key)

    @_naming_faults()
    async def let_in(self, origins: Sequence[str]) -> None:
        """Let pages of these origins, and of no others, use the links they are given."""
        rule: CORSRuleTypeDef = {
            "AllowedOrigins": origins,
            "AllowedMethods": ["GET", "PUT"],
            "AllowedHeaders": ["*"],
            "ExposeHeaders": ["ETag"],
            "MaxAgeSeconds": CORS_KEPT_S,
        }
        await self._client.put_bucket_cors(Bucket=self._bucket, CORSConfiguration={"CORSRules": [rule]})

    @_naming_faults()
    async def ping(self) -> None:
        """Raise whatever keeps us from the bucket."""
        await self._client.head_bucket(Bucket=self._bucket)


async def _parts(pieces: AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    part = bytearray()
    is_first = True
    async for piece in pieces:
        part += piece
        if len(part) >= PART_SIZE:
            yield bytes(part)
            part.clear()
            is_first = False
    if part or is_first:
        yield bytes(part)


def _attachment(file_name: str) -> str:
    # RFC 6266: an ASCII name for old readers, and the true one in RFC 5987's encoding, which wins.
    plain = "".join(letter if " " <= letter <= "~" and letter not in '"\\%' else "_" for letter in file_name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='', errors='replace')}"


def _code(refusal: ClientError) -> str:
    return refusal.response["Error"]["Code"]
