"""The reader of battery event files: bytes of whole lines in, blocks of events and rejections out."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

import numpy as np
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

import db.events
from graph.imports.battery_event_row import (
    COLUMNS,
    HIGHEST_ENERGY,
    HIGHEST_TARIFF,
    LOWEST_ENERGY,
    LOWEST_TARIFF,
    check_row,
)
from graph.imports.block_copy import encode_blocks
from graph.imports.blocks import Block, Blocks, EventColumns
from graph.imports.csv.arrays import Flags, Records
from graph.imports.csv.fields import FIRST_YEAR
from graph.imports.csv.line_positions import LinePositions
from graph.imports.csv.lines import cut_pieces, read_header
from graph.imports.csv.pieces import PIECE_BYTES, read_pieces
from graph.imports.csv.plain_fields import plain_discharges, plain_millionths, plain_months_and_days
from graph.imports.csv.rejection import Rejection
from graph.imports.kind_intake import KeepResult
from graph.imports.site_lookup import SiteLookup
from graph.imports.site_month_totals import SiteMonthTotals

# No event takes fewer than 33 bytes, so sums in a chunk of this size stay exact (see blocks.py).
CHUNK_LIMIT_BYTES = 64 * 2**20


class BatteryEventChunk:
    """The blocks and rejections of one chunk; `lines_read` includes empty lines, `rows_read` does not."""

    def __init__(
        self,
        blocks: Blocks,
        rejections: list[Rejection],
        *,
        import_id: UUID,
        chunk_number: int,
        site_ids: Records,
        lines_read: int,
    ) -> None:
        self._blocks: Blocks | None = blocks
        self._encoded: list[memoryview] = []
        self._import_id = import_id
        self._chunk_number = chunk_number
        self._site_ids = site_ids
        self.rejections = rejections
        self.lines_read = lines_read
        self.rows_imported = len(blocks.events.line_numbers)
        self.rows_read = self.rows_imported + len(rejections)

    def totals(self) -> SiteMonthTotals:
        """Return the sums of the chunk's blocks; call it before `encode`."""
        return SiteMonthTotals.of(self._unencoded())

    def blocks(self) -> list[Block]:
        """List the chunk's blocks in order of month and site id; call it before `encode`."""
        return list(self._unencoded().one_by_one(self._site_ids))

    def encode(self) -> None:
        """Encode the blocks as a binary COPY into event_blocks, and release them to halve the memory of a chunk."""
        self._encoded = encode_blocks(
            self._unencoded(), site_ids=self._site_ids, import_id=self._import_id, chunk_number=self._chunk_number
        )
        self._blocks = None

    async def keep(self, session: AsyncSession) -> KeepResult:
        """Copy the encoded blocks into event_blocks."""
        await db.events.copy_blocks(session, self._encoded)
        return KeepResult()

    def _unencoded(self) -> Blocks:
        if self._blocks is None:
            raise RuntimeError("The chunk's blocks were released when it was encoded.")
        return self._blocks


class BatteryEventReader:
    """
    Reads the chunks of one file, in any order; HeaderRefused says what is wrong with its header.

    Sites with member days may be spoken of on these alone.
    """

    def __init__(
        self,
        header: bytes,
        *,
        import_id: UUID,
        charge_tariff_earns: bool,
        site_ids: Mapping[str, UUID],
        member_days: Mapping[str, Sequence[Range[date]]] | None = None,
    ) -> None:
        self._header = read_header(header, COLUMNS)
        self._import_id = import_id
        self._charge_tariff_earns = charge_tariff_earns
        self._sites = SiteLookup(site_ids)
        # Of sites that have other days, too: their rows go to check_row.
        self._member_days = {nmi: days for nmi, days in (member_days or {}).items() if Range(None, None) not in days}
        self._have_other_days = np.zeros(len(site_ids), np.bool_)
        self._have_other_days[[self._sites.numbers[nmi] for nmi in self._member_days]] = True

    def totals_copy(self, totals: SiteMonthTotals) -> list[memoryview]:
        """
        Encode what the file's chunks brought as a binary COPY into site_months, in parts.
        """
        return totals.copy(self._import_id, site_ids=self._sites.ids)

    def read(self, lines: bytes | bytearray, *, chunk_number: int, first_line_number: int) -> BatteryEventChunk:
        """
        Read whole lines, at most CHUNK_LIMIT_BYTES of them; only the file's last line may lack its newline.
        """
        if len(lines) > CHUNK_LIMIT_BYTES:
            raise ValueError(f"A chunk has at most {CHUNK_LIMIT_BYTES} bytes, not {len(lines)}.")

        parts, rejections, lines_read = read_pieces(
            cut_pieces(lines, PIECE_BYTES),
            self._header,
            first_line_number=first_line_number,
            plain_rows=self._plain_events,
            check=self._check,
        )
        events = EventColumns.joined(parts)
        parts.clear()
        return BatteryEventChunk(
            Blocks.of(events),
            rejections,
            import_id=self._import_id,
            chunk_number=chunk_number,
            site_ids=self._sites.ids,
            lines_read=lines_read,
        )

    def _plain_events(self, positions: LinePositions, first_line_number: int) -> tuple[EventColumns, Flags]:
        """
        Read all lines as events, and tell which are; the others are there for check_row to put in their place.
        """
        nmi, day, event_type, energy, tariff = map(positions.column, self._header.positions)
        sites, are_sites = self._sites.plain_sites(nmi)
        if self._member_days:
            are_sites &= ~self._have_other_days[sites]
        months, days, are_dates = plain_months_and_days(day)
        discharges, are_event_types = plain_discharges(event_type)
        energies, are_energies = plain_millionths(energy, at_least=LOWEST_ENERGY, at_most=HIGHEST_ENERGY)
        tariffs, are_tariffs = plain_millionths(tariff, at_least=LOWEST_TARIFF, at_most=HIGHEST_TARIFF)
        if not self._charge_tariff_earns:
            tariffs = np.where(discharges, tariffs, -tariffs)
        line_numbers = np.arange(first_line_number, first_line_number + len(sites), dtype=np.int32)

        shorts = (months.astype(np.int16), days.astype(np.int16))
        events = EventColumns(sites.astype(np.int32), *shorts, discharges, energies, tariffs, line_numbers)
        return events, positions.are_whole & are_sites & are_dates & are_event_types & are_energies & are_tariffs

    def _check(self, line: bytes, index: int, events: EventColumns) -> None:
        """
        Put what check_row says of a line in its place among the events; RowRejected where it says no.
        """
        event = check_row(
            line,
            self._header,
            self._sites.numbers,
            charge_tariff_earns=self._charge_tariff_earns,
            member_days=self._member_days,
        )
        events.sites[index] = self._sites.numbers[event.nmi]
        events.months[index] = (event.settlement_date.year - FIRST_YEAR) * 12 + event.settlement_date.month - 1
        events.days[index] = event.settlement_date.day
        events.discharges[index] = event.is_discharge
        events.energies[index] = event.energy
        events.tariffs[index] = event.tariff
