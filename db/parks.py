"""Wind and solar parks, whose readings are dated in their own timezones."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import (
    ARRAY,
    BindParameter,
    CheckConstraint,
    ColumnElement,
    String,
    UniqueConstraint,
    Uuid,
    any_,
    bindparam,
    column,
    delete,
    exists,
    select,
    table,
    update,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import Field, col

from db import energy_type_days
from db.engine.database import ReadStatement, take_advisory_lock
from db.engine.refusals import Conflict, NotFound, Unauthorized, ValidationFailed, translate_violations
from db.engine.scope import Scope, scope_of
from db.engine.tables import Table, created_at_column, text_length_check, updated_at_column

# No more of the table than it takes: whose it is imports this.
READINGS = table("energy_readings", column("park_id", Uuid))


class EnergyType(StrEnum):
    SOLAR = "SOLAR"
    WIND = "WIND"


class Park(Table, table=True):
    __tablename__ = "parks"
    __table_args__ = (
        UniqueConstraint("name", name="parks_name_once"),
        text_length_check("parks", "name", max_length=200),
        CheckConstraint("energy_type in ('SOLAR', 'WIND')", name="parks_energy_type_is_known"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str
    timezone: str
    energy_type: str
    created_at: datetime = created_at_column()
    updated_at: datetime = updated_at_column()


class ImportedPark(Table, table=True):
    """What an import said of a park, and what had been said of it before: null where the import created it."""

    __tablename__ = "imported_parks"

    import_id: UUID = Field(foreign_key="imports.id", ondelete="CASCADE", primary_key=True)
    park_id: UUID = Field(foreign_key="parks.id", ondelete="CASCADE", primary_key=True)
    timezone: str
    energy_type: str
    old_timezone: str | None = None
    old_energy_type: str | None = None


class ParkNotFound(NotFound):
    """There is no park with the id {id}."""

    field = ("input", "id")


class ParkNameTaken(Conflict):
    """There is a park named "{name}" already."""

    constraint = "parks_name_once"
    field = ("input", "name")


class ParkNameRefused(ValidationFailed):
    """A park's name has 1 to 200 characters."""

    constraint = "parks_name_is_text"
    field = ("input", "name")


class UnknownTimezone(ValidationFailed):
    """{timezone} is not a timezone; expected a name in the IANA time zone database, such as Europe/Amsterdam."""

    field = ("input", "timezone")


class ParkIdTaken(Conflict):
    """The id {id} already belongs to another park."""

    field = ("input", "id")


class ParkOutOfScope(Unauthorized):
    """Your access is limited to some VPPs, and parks belong to none; ask an operator for all VPPs to create them."""


class ParkHasReadings(Conflict):
    """The park {name} has readings dated in {timezone}: revert their imports to change its timezone or delete it."""

    field = ("input", "timezone")


class ParkHasImports(Conflict):
    """The park {name} has imports of readings, reverted ones included: it can be changed but not deleted."""

    constraint = "imports_park_id_fkey"
    field = ("input", "id")


class ParkTimezoneChanged(Conflict):
    """The park's timezone was changed from {timezone} while its readings were imported; start the import again."""


@dataclass(frozen=True)
class ParkFilter:
    """Which parks are wanted, by what each is one of: None for anything, and nothing is one of none."""

    names: Sequence[str] | None = None
    energy_types: Sequence[str] | None = None
    timezones: Sequence[str] | None = None

    def conditions(self, of: Any = None) -> tuple[ColumnElement[bool], ...]:
        """Return what holds of the parks that are wanted, or of the rows of another table with columns of theirs."""
        wanted = {"name": self.names, "energy_type": self.energy_types, "timezone": self.timezones}
        # One value each, however many are named.
        return tuple(
            col(getattr(of or Park, column)) == any_(these if hasattr(these, "__clause_element__") else _texts(these))
            for column, these in wanted.items()
            if these is not None
        )


def parks(scope: Scope, wanted: ParkFilter | None = None) -> ReadStatement:
    """Read parks."""
    return select(
        *(col(Park.id), col(Park.name), col(Park.timezone), col(Park.energy_type)),
        *(col(Park.created_at), col(Park.updated_at)),
    ).where(*scope.parks(), *(wanted.conditions() if wanted else ()))


def is_timezone(name: str) -> bool:
    """Tell whether a name is one of the IANA database's."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    # Such as those the system keeps beside it, "localtime" among them.
    return "/" in name or name in ("UTC", "GMT")


async def create(session: AsyncSession, *, id: UUID | None, name: str, timezone: str, energy_type: str) -> UUID:
    """Create a park; the same create sent again finds the one it created."""
    if scope_of(session).is_restricted:
        raise ParkOutOfScope
    id, name = id or uuid4(), name.strip()
    _check_timezone(timezone)
    await take_advisory_lock(session, "park", name)
    new = upsert(Park).values(id=id, name=name, timezone=timezone, energy_type=energy_type)
    with translate_violations(ParkNameTaken(name=name), ParkNameRefused()):
        created_id = await session.scalar(
            new.on_conflict_do_nothing(index_elements=[col(Park.id)]).returning(col(Park.id))
        )
    if created_id is None:
        there = (await session.scalars(select(Park).where(col(Park.id) == id))).one()
        if (there.name, there.timezone, there.energy_type) != (name, timezone, energy_type):
            raise ParkIdTaken(id=id)
    return id


async def update_park(
    session: AsyncSession,
    *,
    id: UUID,
    name: str | None = None,
    timezone: str | None = None,
    energy_type: str | None = None,
) -> UUID:
    """Change a park; what is None stays. Its timezone stays while it has readings."""
    there = None if scope_of(session).is_restricted else await _lock_park(session, col(Park.id) == id)
    if there is None:
        raise ParkNotFound(id=id)
    changes: dict[str, Any] = {} if name is None else {"name": name.strip()}
    is_of_another_type = energy_type not in (None, there.energy_type)
    changes |= {"energy_type": energy_type} if is_of_another_type else {}
    if timezone is not None and timezone != there.timezone:
        _check_timezone(timezone)
        await _check_no_readings(session, there)
        changes["timezone"] = timezone
    if changes:
        with translate_violations(ParkNameTaken(name=name), ParkNameRefused()):
            await session.execute(update(Park).where(col(Park.id) == id).values(**changes))
    if is_of_another_type:
        await energy_type_days.recompute_all_days(session, park_id=id)
    return id


async def lock_timezone(session: AsyncSession, *, id: UUID, timezone: str) -> None:
    """Let nobody change a park until the transaction ends; `ParkTimezoneChanged` unless its timezone is still this."""
    there = select(col(Park.timezone)).where(col(Park.id) == id).with_for_update(read=True)
    if await session.scalar(there) != timezone:
        raise ParkTimezoneChanged(timezone=timezone)


async def lock_park_imports(session: AsyncSession) -> None:
    """Let no other transaction change parks for an import until this one ends: each changes many, in any order."""
    await take_advisory_lock(session, "imported parks")


async def upsert_imported(
    session: AsyncSession, *, import_id: UUID, name: str, timezone: str, energy_type: str
) -> bool:
    """
    Create the park of a name, or change it to what a file says; tell whether that was anything new.

    `ParkHasReadings` where the timezone would change under readings. Call it under `take_turns_at_imports`.
    """
    await take_advisory_lock(session, "park", name)
    there = await _lock_park(session, col(Park.name) == name)
    said = {"timezone": timezone, "energy_type": energy_type}
    if there is None:
        there = Park(name=name, timezone=timezone, energy_type=energy_type)
        session.add(there)
        await session.flush()
        old: dict[str, str | None] = {"old_timezone": None, "old_energy_type": None}
    elif (there.timezone, there.energy_type) == (timezone, energy_type):
        return False
    else:
        if there.timezone != timezone:
            await _check_no_readings(session, there)
        old = {"old_timezone": there.timezone, "old_energy_type": there.energy_type}
        await session.execute(update(Park).where(col(Park.id) == there.id).values(**said))
        await energy_type_days.recompute_all_days(session, park_id=there.id)
    # A file may speak of a park twice: what was before its first word is what was before it.
    first = upsert(ImportedPark).values(import_id=import_id, park_id=there.id, **said, **old)
    await session.execute(
        first.on_conflict_do_update(index_elements=["import_id", "park_id"], set_=said),
    )
    return True


async def undo_import(session: AsyncSession, *, import_id: UUID) -> None:
    """
    Let parks be what they were before an import, where they still are what it said: those it created go.

    `ParkHasReadings` where readings keep one from it, and `ParkHasImports`.
    """
    await lock_park_imports(session)
    of_import = select(ImportedPark).where(col(ImportedPark.import_id) == import_id)
    for said in (await session.scalars(of_import)).all():
        there = await _lock_park(session, col(Park.id) == said.park_id)
        if there is None or (there.timezone, there.energy_type) != (said.timezone, said.energy_type):
            continue
        if said.old_timezone is None or said.old_timezone != there.timezone:
            await _check_no_readings(session, there)
        if said.old_timezone is None:
            with translate_violations(ParkHasImports(name=there.name)):
                await session.execute(delete(Park).where(col(Park.id) == there.id))
        else:
            old = {"timezone": said.old_timezone, "energy_type": said.old_energy_type}
            await session.execute(update(Park).where(col(Park.id) == there.id).values(**old))
            await energy_type_days.recompute_all_days(session, park_id=there.id)


async def _lock_park(session: AsyncSession, condition: Any) -> Park | None:
    return (await session.scalars(select(Park).where(condition).with_for_update())).one_or_none()


async def _check_no_readings(session: AsyncSession, park: Park) -> None:
    if await session.scalar(select(exists().where(READINGS.c.park_id == park.id))):
        raise ParkHasReadings(name=park.name, timezone=park.timezone)


def _check_timezone(timezone: str) -> None:
    if not is_timezone(timezone):
        raise UnknownTimezone(timezone=timezone)


def park_ids(names: Sequence[str]) -> ReadStatement:
    """Read which parks some names mean."""
    return select(col(Park.id), col(Park.name)).where(col(Park.name).in_(names))


def _texts(texts: Sequence[str]) -> BindParameter[Any]:
    return bindparam(None, list(texts), ARRAY(String))
