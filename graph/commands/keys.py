"""The commands of `vpp key`: what is done to API keys, and to those that sign tokens, without one of them."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated
from uuid import UUID

import typer
from rich.text import Text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from db.engine.database import AnyRow, Database
from graph.commands.running import fail, output, run_command, upgrade_database
from graph.embedded.infrastructure import open_database
from graph.settings import OwnTokenSettings, Settings

keys = typer.Typer(help="API keys.", no_args_is_help=True)


class Role(StrEnum):
    MEMBER = "MEMBER"
    READER = "READER"
    OPERATOR = "OPERATOR"
    ADMIN = "ADMIN"


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Argument(help="What the key is for.")],
    role: Annotated[Role, typer.Option(help="What it may do.")],
    iam: Annotated[bool, typer.Option("--iam", help="An access key too, to sign requests with as AWS's are.")] = False,
    vpp: Annotated[list[UUID] | None, typer.Option(help="The id of a VPP to hold a READER or OPERATOR to.")] = None,
    site: Annotated[list[UUID] | None, typer.Option(help="The id of a site that a MEMBER may see.")] = None,
    expires: Annotated[str | None, typer.Option(help="When it expires, such as 2030-06-30T18:00:00+10:00.")] = None,
) -> None:
    """Make an API key and show it, this once."""
    import db.access_keys
    import db.api_keys
    from db.audit_entries import Author, Kind, audited

    expires_at = None if expires is None else _instant(expires)

    async def run(session: AsyncSession) -> list[str]:
        async with audited(session, Author("COMMAND", "vpp key create"), "createApiKey") as change:
            id, secret = await db.api_keys.create(
                session, name=name, role=role, vpp_ids=vpp or None, site_ids=site or None, expires_at=expires_at
            )
            change.track_created(Kind.API_KEY, id)
            if not iam:
                return [secret]
            # In the block, so that the API key's entry lists the access key's id.
            access_key_id, access_key = await db.access_keys.create(session, api_key_id=id)
            return [secret, f"AWS_ACCESS_KEY_ID={access_key_id}", f"AWS_SECRET_ACCESS_KEY={access_key}"]

    run_command(_in_database(run))


@keys.command("list")
def list_keys() -> None:
    """List all API keys, newest first: id, prefix, role, state and name; below each, the ids of its access keys."""
    import db.access_keys
    import db.api_keys

    async def run(session: AsyncSession) -> list[str]:
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
    """Revoke an API key, at once and for good, and with it its tokens."""
    import db.api_keys
    from db.audit_entries import Author, Kind, audited

    async def run(session: AsyncSession) -> list[str]:
        async with audited(session, Author("COMMAND", "vpp key revoke"), "revokeApiKey") as change:
            await change.track(Kind.API_KEY, id)
            key = await db.api_keys.revoke(session, id=id)
        return [f"The key {key.prefix}, {key.name}, is revoked."]

    run_command(_in_database(run))


@keys.command("rotate")
def rotate_key() -> None:
    """Sign tokens with a new key from now on; what the one before has signed is good until it expires."""
    import db.signing_keys
    from db.audit_entries import Author, Kind, audited

    async def run(session: AsyncSession) -> list[str]:
        token_lifetime = timedelta(seconds=OwnTokenSettings().lifetime_s)
        async with audited(session, Author("COMMAND", "vpp key rotate"), "rotateSigningKey") as change:
            previous_id = await db.signing_keys.lock_current(session)
            if previous_id is not None:
                await change.track(Kind.SIGNING_KEY, previous_id)
            id = await db.signing_keys.rotate(session, token_lifetime=token_lifetime)
            change.track_created(Kind.SIGNING_KEY, id)
        return [f"Tokens are signed with the key {id} from now on."]

    run_command(_in_database(run))


async def _in_database(do: Callable[[AsyncSession], Awaitable[list[str]]]) -> None:
    """Do something in one transaction of a database that is up to date, and print what it returns once that is kept."""
    async with open_database(Settings()) as url:
        await upgrade_database(url)
        database = Database(url)
        try:
            async with database.transaction() as session:
                lines = await do(session)
        finally:
            await database.close()
        for line in lines:
            output.print(Text(line), soft_wrap=True)


def _state(key: AnyRow) -> str:
    if key.revoked_at is not None:
        return f"revoked {key.revoked_at:%Y-%m-%dT%H:%MZ}"
    if key.expires_at is not None:
        return f"{'expired' if key.expires_at <= datetime.now(UTC) else 'expires'} {key.expires_at:%Y-%m-%dT%H:%MZ}"
    return "good"


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        fail(f"{text} is no instant; expected one with its offset, such as 2030-06-30T18:00:00+10:00.")
    return instant
