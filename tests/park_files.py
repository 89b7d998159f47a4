"""Files of parks and of their readings on their way in, and what the database then holds of them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import select
from sqlmodel import col

import db.imports
import db.parks
import db.verification
from db.engine import Database
from db.readings import EnergyReading, ParkDay
from graph.imports.intake import upload_key
from graph.object_store import ObjectStore
from tests.api import Api, new_name

START = "mutation ($id: ID!) { startImport(input: {id: $id}) { status } }"
REVERT = "mutation ($id: ID!) { revertImport(input: {id: $id}) { status } }"
CANCEL = "mutation ($id: ID!) { cancelImport(input: {id: $id}) { status } }"
HEADER = "datetime,MW\n"


class ParkFiles:
    """The API and the database it is on, for files of parks."""

    def __init__(self, api: Api, database: Database, object_store: ObjectStore) -> None:
        self.api = api
        self.database = database
        self.object_store = object_store

    async def park(self, timezone: str = "Europe/Amsterdam") -> UUID:
        """Create a wind park."""
        async with self.database.transaction() as session:
            return await db.parks.create(
                session, id=None, name=f"Park of {new_name()}", timezone=timezone, energy_type="WIND"
            )

    async def started(self, content: str | bytes, park_id: UUID | None = None) -> str:
        """Start the import of a file: of readings of a park, or of parks where none is given."""
        id = uuid4()
        await self.object_store.write(
            upload_key(id), content if isinstance(content, bytes) else content.encode(), content_type="text/csv"
        )
        async with self.database.transaction() as session:
            await db.imports.create(
                session,
                id=id,
                kind="PARK_READINGS" if park_id else "PARKS",
                file_name="park.csv",
                charge_tariff="COST",
                park_id=park_id,
            )
        await self.api.ask(START, id=str(id))
        return str(id)

    async def imported(self, content: str | bytes, park_id: UUID | None = None) -> Any:
        """Import a file to its end, and return the import."""
        return await self.api.finished(await self.started(content, park_id))

    async def reverted(self, imported: Any) -> None:
        await self.api.ask(REVERT, id=imported["id"])

    async def readings(self, park_id: UUID) -> list[tuple[str, str, int]]:
        """List a park's readings in order: the instant, the local day, and the power in 10^-6 MW."""
        read = select(col(EnergyReading.interval_start), col(EnergyReading.local_date), col(EnergyReading.power))
        of_park = read.where(col(EnergyReading.park_id) == park_id).order_by(col(EnergyReading.interval_start))
        return [(f"{at:%Y-%m-%dT%H:%MZ}", str(day), power) for at, day, power in await self.database.rows(of_park)]

    async def days(self, park_id: UUID) -> list[tuple[str, int, int, int, int]]:
        """List a park's days in order: the least, the most and the sum of their powers, and how many they are."""
        read = select(
            *(col(ParkDay.local_date), col(ParkDay.min_power), col(ParkDay.max_power)),
            *(col(ParkDay.sum_power), col(ParkDay.reading_count)),
        )
        rows = await self.database.rows(read.where(col(ParkDay.park_id) == park_id).order_by(col(ParkDay.local_date)))
        return [(str(day), least, most, total, count) for day, least, most, total, count in rows]

    async def assert_all_agree(self) -> None:
        """Make every sum that the database keeps again: all must agree."""
        async with self.database.transaction(snapshot=True) as session:
            assert [finding async for finding in db.verification.verify(session) if finding.exceptions] == []


def file_of(rows: Sequence[str]) -> str:
    """Put rows below a header of readings."""
    return HEADER + "".join(f"{row}\n" for row in rows)


def counts_of(imported: Any) -> tuple[str, int, int, int, int]:
    """Return an import's status, and its rows read, imported, duplicated and rejected."""
    return (
        imported["status"],
        imported["rowsRead"],
        imported["rowsImported"],
        imported["rowsDuplicated"],
        imported["rowsRejected"],
    )


def rejections_of(imported: Any) -> list[tuple[int, str | None, str]]:
    """Return where and why rows were rejected."""
    return [(row["lineNumber"], row["column"], row["code"]) for row in imported["rejections"]["items"]]
