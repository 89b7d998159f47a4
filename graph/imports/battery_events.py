"""The reader of battery event files: it turns whole lines into blocks of events and rejections."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

import numpy as np
from sqlalchemy.dialects.postgresql import Range
from sqlalchemy.ext.asyncio import AsyncSession

import db.events
from graph.imports.battery_event_row import (
    COLUMNS,
    MAX_ENERGY_KWH,
    MAX_TARIFF_CENTS_PER_KWH,
    MIN_ENERGY_KWH,
    MIN_TARIFF_CENTS_PER_KWH,
    check_row,
)
from graph.imports.block_copy import encode_blocks
from graph.imports.blocks import Block, Blocks, EventColumns
from graph.imports.csv.arrays import BoolArray, StructArray
from graph.imports.csv.fields import FIRST_YEAR
from graph.imports.csv.line_positions import LinePositions
from graph.imports.csv.lines import read_header, split_pieces
from graph.imports.csv.pieces import PIECE_BYTES, read_pieces
from graph.imports.csv.rejection import Rejection
from graph.imports.csv.vectorised_fields import (
    read_event_time_column,
    read_event_type_column,
    read_millionths_column,
)
from graph.imports.kind_intake import KeepResult
from graph.imports.site_lookup import SiteLookup
from graph.imports.site_month_totals import SiteMonthTotals

# A row takes at least 33 bytes, so a chunk of 64 MiB has at most about two million events. Sums are exact for up to
# four million events (see blocks.py).
MAX_CHUNK_BYTES = 64 * 2**20


class BatteryEventChunk:
    """The blocks and rejections of one chunk; `lines_read` includes empty lines, `rows_read` does not."""

    def __init__(
        self,
        blocks: Blocks,
        rejections: list[Rejection],
        *,
        import_id: UUID,
        chunk_number: int,
        site_ids: StructArray,
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
        return SiteMonthTotals.from_blocks(self._unencoded())

    def blocks(self) -> list[Block]:
        """List the chunk's blocks in order of month and site id; call it before `encode`."""
        return list(self._unencoded().to_rows(self._site_ids))

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
    Reads the chunks of one file, in any order. Creating it raises HeaderRefused.

    Rows of a site that has an entry in `member_days` are accepted only on those days.
    """

    def __init__(
        self,
        header: bytes,
        *,
        import_id: UUID,
        charge_tariff_earns: bool,
        is_interval_end: bool = False,
        site_ids: Mapping[str, UUID],
        member_days: Mapping[str, Sequence[Range[date]]] | None = None,
    ) -> None:
        self.header = read_header(header, COLUMNS)
        self._import_id = import_id
        self._charge_tariff_earns = charge_tariff_earns
        self._is_interval_end = is_interval_end
        self._sites = SiteLookup(site_ids)
        # The sites that are members on some days only: check_row checks the dates of their rows.
        self._member_days = {nmi: days for nmi, days in (member_days or {}).items() if Range(None, None) not in days}
        self._have_member_days = np.zeros(len(site_ids), np.bool_)
        self._have_member_days[[self._sites.numbers_by_nmi[nmi] for nmi in self._member_days]] = True

    def encode_totals(self, totals: SiteMonthTotals) -> list[memoryview]:
        """Encode the totals of the file's chunks as a binary COPY into site_months, in parts."""
        return totals.encode(self._import_id, site_ids=self._sites.ids)

    def read(self, lines: bytes | bytearray, *, chunk_number: int, first_line_number: int) -> BatteryEventChunk:
        """Read up to MAX_CHUNK_BYTES of whole lines; only the file's last line may lack its newline."""
        if len(lines) > MAX_CHUNK_BYTES:
            raise ValueError(f"A chunk has at most {MAX_CHUNK_BYTES} bytes, not {len(lines)}.")

        parts, rejections, lines_read = read_pieces(
            split_pieces(lines, PIECE_BYTES),
            self.header,
            first_line_number=first_line_number,
            read_rows=self._read_rows,
            check_row=self._check_row,
        )
        events = EventColumns.concatenate(parts)
        parts.clear()
        return BatteryEventChunk(
            Blocks.group(events),
            rejections,
            import_id=self._import_id,
            chunk_number=chunk_number,
            site_ids=self._sites.ids,
            lines_read=lines_read,
        )

    def _read_rows(self, positions: LinePositions, first_line_number: int) -> tuple[EventColumns, BoolArray]:
        """Parse all lines as events, and return a mask of the valid ones; the others are placeholders."""
        nmi, settlement_date, event_type, energy, tariff = map(positions.column, self.header.positions)
        site_numbers, are_sites = self._sites.find_sites(nmi)
        if self._member_days:
            are_sites &= ~self._have_member_days[site_numbers]
        month_numbers, days, times_ms, are_dates = read_event_time_column(
            settlement_date, is_interval_end=self._is_interval_end
        )
        discharges, are_event_types = read_event_type_column(event_type)
        energies_microkwh, are_energies = read_millionths_column(energy, minimum=MIN_ENERGY_KWH, maximum=MAX_ENERGY_KWH)
        tariffs_microcents_per_kwh, are_tariffs = read_millionths_column(
            tariff, minimum=MIN_TARIFF_CENTS_PER_KWH, maximum=MAX_TARIFF_CENTS_PER_KWH
        )
        if not self._charge_tariff_earns:
            tariffs_microcents_per_kwh = np.where(discharges, tariffs_microcents_per_kwh, -tariffs_microcents_per_kwh)

        events = EventColumns(
            site_numbers=site_numbers.astype(np.int32),
            month_numbers=month_numbers.astype(np.int16),
            days=days.astype(np.int16),
            times_ms=times_ms.astype(np.int32),
            discharges=discharges,
            energies_microkwh=energies_microkwh,
            tariffs_microcents_per_kwh=tariffs_microcents_per_kwh,
            line_numbers=np.arange(first_line_number, first_line_number + len(site_numbers), dtype=np.int32),
        )
        return events, positions.have_all_fields & are_sites & are_dates & are_event_types & are_energies & are_tariffs

    def _check_row(self, line: bytes, index: int, events: EventColumns) -> None:
        """Check a line by itself, and replace its placeholder by the event. Raises RowRejected."""
        event = check_row(
            line,
            self.header,
            self._sites.numbers_by_nmi,
            charge_tariff_earns=self._charge_tariff_earns,
            is_interval_end=self._is_interval_end,
            member_days=self._member_days,
        )
        events.site_numbers[index] = self._sites.numbers_by_nmi[event.nmi]
        events.month_numbers[index] = (event.settlement_date.year - FIRST_YEAR) * 12 + event.settlement_date.month - 1
        events.days[index] = event.settlement_date.day
        events.times_ms[index] = event.time_ms
        events.discharges[index] = event.is_discharge
        events.energies_microkwh[index] = event.energy_microkwh
        events.tariffs_microcents_per_kwh[index] = event.tariff_microcents_per_kwh
