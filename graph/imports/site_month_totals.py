"""What a file brought for each site and month: its chunks' blocks, added up while they are at hand."""

from dataclasses import dataclass
from typing import Self
from uuid import UUID

import numpy as np

from graph.imports import copy_values
from graph.imports.blocks import Amounts, Blocks
from graph.imports.copy_values import DAYS_FROM_2000, put_amounts, put_energies
from graph.imports.csv.arrays import Integers, Records

# More would take memory that a worker does not have: some 20 MiB.
SITE_MONTHS_AT_MOST = 200_000
# A chunk brings at most 4 * 10^18 to any sum, which fits 64 bits on top of this.
SUM_AT_MOST = 2**62
CENT = 10**12

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
    """
    A column a site and month, in their order; a row a sum.
    """

    # Months in the high half and sites by number in the low one.
    keys: Integers
    # Blocks, events, revenue and cost in cents and 10^-12 cents, energy charged and discharged in 10^-6 kWh.
    sums: Integers

    @classmethod
    def of(cls, blocks: Blocks) -> Self:
        """
        Take the sums of a chunk's blocks.
        """
        months = blocks.events.months[blocks.firsts].astype(np.int64)
        sums = (
            *(np.ones_like(blocks.counts), blocks.counts),
            *(blocks.revenues.cents, blocks.revenues.trillionths),
            *(blocks.cost_only.cents, blocks.cost_only.trillionths),
            *(blocks.charged, blocks.discharged),
        )
        return cls(months << 32 | blocks.events.sites[blocks.firsts], np.stack(sums))

    def plus(self, other: Self) -> Self | None:
        """
        Add another chunk's; None where that would be too many, or too large.
        """
        keys = np.union1d(self.keys, other.keys)
        if len(keys) > SITE_MONTHS_AT_MOST or np.abs(self.sums).max(initial=0) > SUM_AT_MOST:
            return None
        sums = np.zeros((len(self.sums), len(keys)), np.int64)
        for each in (self, other):
            sums[:, np.searchsorted(keys, each.keys)] += each.sums
        for cents, trillionths in ((2, 3), (4, 5)):
            sums[cents] += sums[trillionths] // CENT
            sums[trillionths] %= CENT
        return type(self)(keys, sums)

    def copy(self, import_id: UUID, *, site_ids: Records) -> list[memoryview]:
        """
        Encode them as a binary COPY into site_months, in parts; a site's id is found at its number, as 16 bytes.
        """
        rows = np.repeat(copy_values.empty_row(ROW, column_count=len(ROW.names or ()) - 1), len(self.keys))
        rows["import_id"]["value"] = np.void(import_id.bytes)
        rows["site_id"]["value"] = site_ids[self.keys & 0xFFFF_FFFF]
        rows["month"]["value"] = DAYS_FROM_2000[self.keys >> 32]
        rows["block_count"]["value"], rows["row_count"]["value"], *amounts, charged, discharged = self.sums
        rows["event_count"]["value"] = rows["row_count"]["value"]
        put_amounts(rows["revenue_aud"], Amounts(*amounts[:2]))
        put_amounts(rows["cost_only_aud"], Amounts(*amounts[2:]))
        put_energies(rows["charged_kwh"], charged)
        put_energies(rows["discharged_kwh"], discharged)
        return [copy_values.PREAMBLE, rows.view(np.uint8).data, copy_values.TRAILER]
