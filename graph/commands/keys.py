"""
The commands of `vpp key`, for API keys, access keys and signing keys.

They connect to the database, so they work without an API key, for example to create the first one.
"""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from uuid import UUID

import typer
from rich.text import Text

from graph.commands.running import fail, output, run_command

# Slow imports are in the functions that need them, so that `vpp --help` starts quickly.
if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncSession

    from db.engine.database import AnyRow

keys = typer.Typer(help="Create, list and revoke API keys, and rotate the key that signs tokens.", no_args_is_help=True)


class Role(StrEnum):
    MEMBER = "MEMBER"
    READER = "READER"
    OPERATOR = "OPERATOR"
    ADMIN = "ADMIN"


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="A name for the key, such as the program that uses it.")],
    role: Annotated[Role, typer.Option(help="The role of the key, which determines its permissions.")],
    iam: Annotated[
        bool, typer.Option("--iam", help="Also create an access key, which signs requests as with AWS_IAM.")
    ] = False,
    vpp: Annotated[
        list[UUID] | None,
        typer.Option(help="The id of a VPP to which a READER or OPERATOR is restricted; may be repeated."),
    ] = None,
    site: Annotated[
        list[UUID] | None, typer.Option(help="The id of a site that a MEMBER may see; may be repeated.")
    ] = None,
    expires: Annotated[
        str | None, typer.Option(help="When the key expires, such as 2030-06-30T18:00:00+10:00; by default never.")
    ] = None,
) -> None:
    """Create an API key and print it. It cannot be printed again later."""
    import db.access_keys
    import db.api_keys
    from db.audit_entries import Author, Kind, audited

    expires_at = None if expires is None else _parse_timestamp(expires)

    async def run(session: "AsyncSession") -> list[str]:
        async with audited(session, Author("COMMAND", "vpp key create"), "createApiKey") as change:
            id, secret = await db.api_keys.create(
                session, name=name, role=role, vpp_ids=vpp or None, site_ids=site or None, expires_at=expires_at
            )
            change.track_created(Kind.API_KEY, id)
            if not iam:
                return [secret]
            # Created within the block, so that the API key's entry lists the access key's id.
            access_key_id, access_key = await db.access_keys.create(session, api_key_id=id)
            return [secret, f"AWS_ACCESS_KEY_ID={access_key_id}", f"AWS_SECRET_ACCESS_KEY={access_key}"]

    run_command(_in_database(run))


@keys.command("list")
def list_keys() -> None:
    """List all API keys, newest first: id, prefix, role, state and name; below each, the ids of its access keys."""
    from sqlmodel import col

    import db.access_keys
    import db.api_keys

    async def run(session: "AsyncSession") -> list[str]:
        newest_first = db.api_keys.api_keys().order_by(col(db.api_keys.ApiKey.created_at).desc())
        access_key_ids = defaultdict[UUID, list[str]](list)
        for access_key in await session.execute(db.access_keys.access_key_ids()):
            access_key_ids[access_key.api_key_id].append(access_key.id)
        lines = []
        for key in await session.execute(newest_first):
            lines.append(f"{key.id}  {key.prefix}  {key.role:8}  {_state(key)}  {key.name}")
            lines.extend(f"  access key {id}" for id in access_key_ids[key.id])
        return lines

    run_command(_in_database(run))


@keys.command("revoke")
def revoke_key(id: Annotated[UUID, typer.Argument(help="The key's id.")]) -> None:
    """Revoke an API key, its access keys and its tokens. They stop working immediately."""
    import db.api_keys
    from db.audit_entries import Author, Kind, audited

    async def run(session: "AsyncSession") -> list[str]:
        async with audited(session, Author("COMMAND", "vpp key revoke"), "revokeApiKey") as change:
            await change.track(Kind.API_KEY, id)
            key = await db.api_keys.revoke(session, id=id)
        return [f"Revoked the API key {key.prefix}, {key.name}."]

    run_command(_in_database(run))


@keys.command("rotate")
def rotate_key() -> None:
    """Create a new key that signs tokens. Tokens that the previous key signed remain valid until they expire."""
    import db.signing_keys
    from db.audit_entries import Author, Kind, audited
    from graph.settings import OwnTokenSettings

    async def run(session: "AsyncSession") -> list[str]:
        token_lifetime = timedelta(seconds=OwnTokenSettings().lifetime_s)
        async with audited(session, Author("COMMAND", "vpp key rotate"), "rotateSigningKey") as change:
            previous_id = await db.signing_keys.lock_current(session)
            if previous_id is not None:
                await change.track(Kind.SIGNING_KEY, previous_id)
            id = await db.signing_keys.rotate(session, token_lifetime=token_lifetime)
            change.track_created(Kind.SIGNING_KEY, id)
        return [f"The new signing key is {id}."]

    run_command(_in_database(run))


async def _in_database(action: "Callable[[AsyncSession], Awaitable[list[str]]]") -> None:
    """Migrate the database, run an action in a transaction, and print the lines that it returns after the commit."""
    from db.engine.database import Database
    from graph.embedded.infrastructure import open_or_join_infrastructure, upgrade_database
    from graph.settings import Settings

    async with open_or_join_infrastructure(Settings()) as infrastructure:
        await upgrade_database(infrastructure.database_url)
        database = Database(infrastructure.database_url, pool_size=1)
        try:
            async with database.transaction() as session:
                lines = await action(session)
        finally:
            await database.close()
        for line in lines:
            output.print(Text(line), soft_wrap=True)


def _state(key: "AnyRow") -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%dT%H:%MZ}"
    if key.expires_at is not None:
        return f"{'expired' if key.expires_at <= datetime.now(UTC) else 'expires'} {key.expires_at:%Y-%m-%dT%H:%MZ}"
    return "valid"


def _parse_timestamp(text: str) -> datetime:
    try:
        timestamp = datetime.fromisoformat(text)
    except ValueError:
        timestamp = None
    if timestamp is None or timestamp.tzinfo is None:
        fail(f"{text} is not a timestamp with a UTC offset; write one such as 2030-06-30T18:00:00+10:00.")
    return timestamp
