"""Wind and solar parks. The readings of a park are dated in its own timezone."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import available_timezones

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
from db.engine.names import escaped, normalised_name
from db.engine.refusals import Conflict, NotFound, Unauthorized, ValidationFailed, translate_violations
from db.engine.scope import Scope, scope_of
from db.engine.tables import Table, created_at_column, nfc_check, text_length_check, updated_at_column

# The one column that is needed here; readings.py, which defines the table, imports this module.
READINGS = table("energy_readings", column("park_id", Uuid))


class EnergyType(StrEnum):
    SOLAR = "SOLAR"
    WIND = "WIND"


class Park(Table, table=True):
    __tablename__ = "parks"
    __table_args__ = (
        UniqueConstraint("name", name="parks_name_once"),
        text_length_check("parks", "name", max_length=200),
        nfc_check("parks", "name"),
        CheckConstraint("energy_type in ('SOLAR', 'WIND')", name="parks_energy_type_is_known"),
    )

    id: UUID = Field(default_factory=uuid4, primary_key=True)
    name: str
    timezone: str
    energy_type: str
    created_at: datetime = created_at_column()
    updated_at: datetime = updated_at_column()


class ImportedPark(Table, table=True):
    """The values that an import set for a park, and the old values; the old ones are null if it created the park."""

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
    """Access limited to some VPPs excludes parks; ask an operator with access to all VPPs to create them."""


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
    """A filter for parks: each list admits its values, None admits all values, and an empty list admits none."""

    names: Sequence[str] | None = None
    energy_types: Sequence[str] | None = None
    timezones: Sequence[str] | None = None

    def conditions(self, table: Any = None) -> tuple[ColumnElement[bool], ...]:
        """Return the filter's conditions on parks, or on another table that has columns with the same names."""
        filters = {"name": self.names, "energy_type": self.energy_types, "timezone": self.timezones}
        # `= any (array)` has one parameter for any number of values, so the SQL text is always the same.
        return tuple(
            col(getattr(table or Park, column))
            == any_(values if hasattr(values, "__clause_element__") else _array(values))
            for column, values in filters.items()
            if values is not None
        )


def parks(scope: Scope, filter: ParkFilter | None = None) -> ReadStatement:
    """Select parks."""
    return select(
        *(col(Park.id), col(Park.name), col(Park.timezone), col(Park.energy_type)),
        *(col(Park.created_at), col(Park.updated_at)),
    ).where(*scope.parks(), *(filter.conditions() if filter else ()))


def is_timezone(name: str) -> bool:
    """Return whether a name is in the IANA time zone database."""
    return name in _timezone_names()


@cache
def _timezone_names() -> set[str]:
    # These two are files of the system's folder, but no timezones of the database.
    return available_timezones() - {"localtime", "Factory"}


async def create(session: AsyncSession, *, id: UUID | None, name: str, timezone: str, energy_type: str) -> UUID:
    """
    Create a park and return its id; the same call sent again returns the same id.

    Raises ParkOutOfScope, InvisibleName, UnknownTimezone, ParkNameTaken, ParkNameRefused, ParkIdTaken.
    """
    if scope_of(session).is_restricted:
        raise ParkOutOfScope
    id, name = id or uuid4(), normalised_name(name)
    _check_timezone(timezone)
    await take_advisory_lock(session, "park", name)
    new = upsert(Park).values(id=id, name=name, timezone=timezone, energy_type=energy_type)
    with translate_violations(ParkNameTaken(name=escaped(name)), ParkNameRefused()):
        created_id = await session.scalar(
            new.on_conflict_do_nothing(index_elements=[col(Park.id)]).returning(col(Park.id))
        )
    if created_id is None:
        existing = (await session.scalars(select(Park).where(col(Park.id) == id))).one()
        if (existing.name, existing.timezone, existing.energy_type) != (name, timezone, energy_type):
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
    """
    Change a park; arguments that are None change nothing. The timezone can change only while the park has no readings.

    Raises ParkNotFound, InvisibleName, UnknownTimezone, ParkHasReadings, ParkNameTaken, ParkNameRefused.
    """
    existing = None if scope_of(session).is_restricted else await _lock_park(session, col(Park.id) == id)
    if existing is None:
        raise ParkNotFound(id=id)
    changes: dict[str, Any] = {} if name is None else {"name": normalised_name(name)}
    has_new_type = energy_type not in (None, existing.energy_type)
    changes |= {"energy_type": energy_type} if has_new_type else {}
    if timezone is not None and timezone != existing.timezone:
        _check_timezone(timezone)
        await _check_no_readings(session, existing)
        changes["timezone"] = timezone
    if changes:
        with translate_violations(ParkNameTaken(name=escaped(name or "")), ParkNameRefused()):
            await session.execute(update(Park).where(col(Park.id) == id).values(**changes))
    if has_new_type:
        await energy_type_days.recompute_all_days(session, park_id=id)
    return id


async def lock_timezone(session: AsyncSession, *, id: UUID, timezone: str) -> None:
    """
    Take a share lock on a park and check that its timezone is still the given one.

    Raises ParkTimezoneChanged.
    """
    current = select(col(Park.timezone)).where(col(Park.id) == id).with_for_update(read=True)
    if await session.scalar(current) != timezone:
        raise ParkTimezoneChanged(timezone=timezone)


async def lock_park_imports(session: AsyncSession) -> None:
    """
    Take the advisory lock under which an import changes parks.

    Each such transaction changes many parks in any order, so without the lock two of them could deadlock.
    """
    await take_advisory_lock(session, "imported parks")


async def upsert_imported(
    session: AsyncSession, *, import_id: UUID, name: str, timezone: str, energy_type: str
) -> bool:
    """
    Create the park with a name, or update it to the values of an imported row; return whether anything changed.

    The caller holds the lock of `lock_park_imports`. Raises ParkHasReadings if the timezone of a park with readings
    would change.
    """
    await take_advisory_lock(session, "park", name)
    park = await _lock_park(session, col(Park.name) == name)
    new = {"timezone": timezone, "energy_type": energy_type}
    if park is None:
        park = Park(name=name, timezone=timezone, energy_type=energy_type)
        session.add(park)
        await session.flush()
        old: dict[str, str | None] = {"old_timezone": None, "old_energy_type": None}
    elif (park.timezone, park.energy_type) == (timezone, energy_type):
        return False
    else:
        if park.timezone != timezone:
            await _check_no_readings(session, park)
        old = {"old_timezone": park.timezone, "old_energy_type": park.energy_type}
        await session.execute(update(Park).where(col(Park.id) == park.id).values(**new))
        await energy_type_days.recompute_all_days(session, park_id=park.id)
    # A file may have several rows for a park: the stored old values are the values before the first of these rows.
    imported = upsert(ImportedPark).values(import_id=import_id, park_id=park.id, **new, **old)
    await session.execute(
        imported.on_conflict_do_update(index_elements=["import_id", "park_id"], set_=new),
    )
    return True


async def undo_import(session: AsyncSession, *, import_id: UUID) -> None:
    """
    Restore the parks of an import to their old values, and delete those that it created.

    A park that was changed after the import stays as it is. Raises ParkHasReadings if the timezone of a park with
    readings would change or the park would be deleted, and ParkHasImports.
    """
    await lock_park_imports(session)
    of_import = select(ImportedPark).where(col(ImportedPark.import_id) == import_id)
    for imported in (await session.scalars(of_import)).all():
        park = await _lock_park(session, col(Park.id) == imported.park_id)
        if park is None or (park.timezone, park.energy_type) != (imported.timezone, imported.energy_type):
            continue
        if imported.old_timezone is None or imported.old_timezone != park.timezone:
            await _check_no_readings(session, park)
        if imported.old_timezone is None:
            with translate_violations(ParkHasImports(name=park.name)):
                await session.execute(delete(Park).where(col(Park.id) == park.id))
        else:
            old = {"timezone": imported.old_timezone, "energy_type": imported.old_energy_type}
            await session.execute(update(Park).where(col(Park.id) == park.id).values(**old))
            await energy_type_days.recompute_all_days(session, park_id=park.id)


async def _lock_park(session: AsyncSession, condition: Any) -> Park | None:
    return (await session.scalars(select(Park).where(condition).with_for_update())).one_or_none()


async def _check_no_readings(session: AsyncSession, park: Park) -> None:
    if await session.scalar(select(exists().where(READINGS.c.park_id == park.id))):
        raise ParkHasReadings(name=park.name, timezone=park.timezone)


def _check_timezone(timezone: str) -> None:
    if not is_timezone(timezone):
        raise UnknownTimezone(timezone=timezone)


def park_ids(names: Sequence[str]) -> ReadStatement:
    """Select the ids and names of the parks that have one of the given names."""
    return select(col(Park.id), col(Park.name)).where(col(Park.name).in_(names))


def _array(values: Sequence[str]) -> BindParameter[Any]:
    return bindparam(None, list(values), ARRAY(String))
