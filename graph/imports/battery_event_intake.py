"""The intake of battery events: blocks are stored chunk by chunk, and count only once the import completes."""

import asyncio
from collections import defaultdict
from datetime import UTC, date, datetime
from typing import Self

from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

import db.import_runs
import db.sites
from db.engine.database import Database
from db.engine.scope import UNRESTRICTED, Scope
from db.import_runs import Claim
from graph.imports.battery_events import BatteryEventChunk, BatteryEventReader
from graph.imports.csv.chunks import TextFile
from graph.imports.site_month_totals import SiteMonthTotals
from graph.settlement.month import settlement_date


class BatteryEventIntake:
    """The intake of one file of battery events."""

    def __init__(self, claim: Claim, reader: BatteryEventReader) -> None:
        self._claim = claim
        self._reader = reader
        self.header = reader.header
        # The totals of the whole file. None if another worker imported its first chunks, or if there are too many
        # totals to keep in memory: Postgres then computes them from the blocks.
        self._totals: SiteMonthTotals | None = None

    @classmethod
    async def open(cls, database: Database, claim: Claim, file: TextFile) -> Self:
        """Load the sites that the file's rows may refer to. Raises HeaderRefused."""
        member_days: dict[str, list[Range[date]]] = defaultdict(list)
        if claim.vpp_ids is None:
            sites = await database.rows(db.sites.sites(UNRESTRICTED))
        else:
            sites = await database.rows(db.sites.member_days(Scope(vpp_ids=frozenset(claim.vpp_ids))))
            for site in sites:
                member_days[site.nmi].append(site.effective)
        reader = await asyncio.to_thread(
            BatteryEventReader,
            file.header,
            import_id=claim.import_id,
            charge_tariff_earns=claim.charge_tariff == "EARNING",
            is_interval_end=claim.timestamps == "INTERVAL_END",
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
            self._totals = await asyncio.to_thread(self._totals.add, totals)
        return chunk

    async def complete(self, session: AsyncSession) -> None:
        totals = None if self._totals is None else self._reader.encode_totals(self._totals)
        today = settlement_date(datetime.now(UTC))
        await db.import_runs.complete_events(session, self._claim, totals, today=today)
