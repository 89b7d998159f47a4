"""How battery events are brought in: as blocks, which count once the import completes."""

import asyncio
from collections import defaultdict
from datetime import date
from typing import Self

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

import db.import_runs
import db.sites
from db.engine.database import Database
from db.engine.scope import UNRESTRICTED, Scope
from db.import_runs import Claim
from graph.imports.battery_events import BatteryEventChunk, BatteryEventReader
from graph.imports.site_month_totals import SiteMonthTotals


class BatteryEventIntake:
    """The intake of a file of battery events."""

    def __init__(self, claim: Claim, reader: BatteryEventReader) -> None:
        self._claim = claim
        self._reader = reader
        # Of the whole file, as long as they are known: not where another worker began it, nor where they are too many.
        self._totals: SiteMonthTotals | None = None

    @classmethod
    async def open(cls, database: Database, claim: Claim, header: bytes) -> Self:
        """Find the sites that the file may speak of. Raises HeaderRefused."""
        member_days: dict[str, list[Range[date]]] = defaultdict(list)
        if claim.vpp_ids is None:
            sites = await database.rows(db.sites.sites(UNRESTRICTED))
        else:
            sites = await database.rows(db.sites.member_days(Scope(vpp_ids=frozenset(claim.vpp_ids))))
            for site in sites:
                member_days[site.nmi].append(site.effective)
        reader = await asyncio.to_thread(
            BatteryEventReader,
            header,
            import_id=claim.import_id,
            charge_tariff_earns=claim.charge_tariff == "EARNING",
            site_ids={site.nmi: site.id for site in sites},
            member_days=member_days,
        )
        return cls(claim, reader)

    async def check(self, lines: bytearray, *, number: int, first_line_number: int) -> BatteryEventChunk:
        chunk = await asyncio.to_thread(
            self._reader.read, lines, chunk_number=number, first_line_number=first_line_number
        )
        totals = await asyncio.to_thread(chunk.totals)
        if number == 1:
            self._totals = totals
        elif self._totals is not None:
            self._totals = await asyncio.to_thread(self._totals.plus, totals)
        return chunk

    async def complete(self, session: AsyncSession) -> None:
        totals = None if self._totals is None else self._reader.totals_copy(self._totals)
        await db.import_runs.complete_events(session, self._claim, totals)
