"""The totals of a file for each site and month: the sums of its blocks, kept in memory while the file is read."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

import numpy as np

from graph.imports import copy_values
from graph.imports.blocks import Amounts, Blocks
from graph.imports.copy_values import DAYS_FROM_2000, write_amounts, write_energies
from graph.imports.csv.arrays import Int64Array, StructArray

# 200,000 site months take about 20 MiB; a worker has no memory for more.
MAX_SITE_MONTHS = 200_000
# A chunk adds at most 4 * 10^18 to a sum, so a sum of up to 2^62 does not overflow 64 bits with the next chunk.
MAX_SUM = 2**62
PICOCENTS_PER_CENT = 10**12

ROW = copy_values.row_type(
    {
        "import_id": copy_values.UUID,
        "site_id": copy_values.UUID,
        "month": copy_values.DATE,
        "block_count": copy_values.INTEGER,
        "row_count": copy_values.INTEGER,
        "event_count": copy_values.INTEGER,
        "revenue_aud": copy_values.AUD,
        "cost_only_aud": copy_values.AUD,
        "charged_kwh": copy_values.KWH,
        "discharged_kwh": copy_values.KWH,
    }
)


@dataclass(frozen=True, slots=True)
class SiteMonthTotals:
    """A matrix of sums, with one column per site and month, in ascending order of the keys."""

    # The month number in the upper 32 bits, the site number in the lower 32 bits.
    keys: Int64Array
    # Rows: blocks, events, revenue (cents, picocents), cost-only (cents, picocents), 10^-6 kWh charged and discharged.
    sums: Int64Array

    @classmethod
    def from_blocks(cls, blocks: Blocks) -> Self:
        """Return the sums of a chunk's blocks."""
        month_numbers = blocks.events.month_numbers[blocks.starts].astype(np.int64)
        sums = (
            *(np.ones_like(blocks.event_counts), blocks.event_counts),
            *(blocks.revenues.cents, blocks.revenues.picocents),
            *(blocks.cost_only.cents, blocks.cost_only.picocents),
            *(blocks.charged_microkwh, blocks.discharged_microkwh),
        )
        return cls(month_numbers << 32 | blocks.events.site_numbers[blocks.starts], np.stack(sums))

    def add(self, other: Self) -> Self | None:
        """Add another chunk's totals; return None if there are too many site months, or if a sum could overflow."""
        keys = np.union1d(self.keys, other.keys)
        if len(keys) > MAX_SITE_MONTHS or np.abs(self.sums).max(initial=0) > MAX_SUM:
            return None
        sums = np.zeros((len(self.sums), len(keys)), np.int64)
        for totals in (self, other):
            sums[:, np.searchsorted(keys, totals.keys)] += totals.sums
        for cents, picocents in ((2, 3), (4, 5)):
            sums[cents] += sums[picocents] // PICOCENTS_PER_CENT
            sums[picocents] %= PICOCENTS_PER_CENT
        return type(self)(keys, sums)

    def encode(self, import_id: UUID, *, site_ids: StructArray) -> list[memoryview]:
        """Encode the totals as a binary COPY into site_months; `site_ids` maps site numbers to ids of 16 bytes."""
        rows = np.repeat(copy_values.row_template(ROW, column_count=len(ROW.names or ()) - 1), len(self.keys))
        rows["import_id"]["value"] = np.void(import_id.bytes)
        rows["site_id"]["value"] = site_ids[self.keys & 0xFFFF_FFFF]
        rows["month"]["value"] = DAYS_FROM_2000[self.keys >> 32]
        rows["block_count"]["value"], rows["row_count"]["value"], *amounts, charged_microkwh, discharged_microkwh = (
            self.sums
        )
        rows["event_count"]["value"] = rows["row_count"]["value"]
        write_amounts(rows["revenue_aud"], Amounts(*amounts[:2]))
        write_amounts(rows["cost_only_aud"], Amounts(*amounts[2:]))
        write_energies(rows["charged_kwh"], charged_microkwh)
        write_energies(rows["discharged_kwh"], discharged_microkwh)
        return [copy_values.FILE_HEADER, rows.view(np.uint8).data, copy_values.FILE_TRAILER]
