"""Which site an NMI means, for a whole column of NMIs at once."""

from collections.abc import Mapping
from uuid import UUID

import numpy as np

from graph.imports.csv.arrays import Flags, Integers, Records, Words
from graph.imports.csv.line_positions import Fields
from graph.settlement.nmi import check_digit

# Odd numbers with bits all over, which spread NMIs that differ in few of theirs.
SPREAD_HEADS, SPREAD_TAILS = 0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F
TEN, ELEVEN = 0xFFFF, 0xFF_FFFF


class SiteLookup:
    """
    The sites an import may speak of, numbered from 0 in the order of their ids.
    """

    def __init__(self, site_ids: Mapping[str, UUID]) -> None:
        nmis = sorted(site_ids, key=lambda nmi: site_ids[nmi].bytes)
        self.numbers = {nmi: number for number, nmi in enumerate(nmis)}
        self.ids: Records = np.frombuffer(b"".join(site_ids[nmi].bytes for nmi in nmis), "V16")

        # Eleven characters in two words: a head of eight, and a tail of two and the check digit.
        characters = b"".join(f"{nmi}{check_digit(nmi)}".encode().ljust(16) for nmi in nmis)
        words: Words = np.frombuffer(characters, "<u8").reshape(-1, 2)
        keys = _keys(words[:, 0], words[:, 1])
        self._by_key = np.argsort(keys)
        self._keys = keys[self._by_key]
        self._heads, self._tails = words[self._by_key].T

        # Keys that begin with the same bits are in one bucket; with more buckets than sites, hardly two in any.
        self._shift = 63 - len(nmis).bit_length()
        buckets = np.arange(2 ** (64 - self._shift) + 1).astype(np.uint64)
        self._firsts = np.searchsorted(self._keys >> self._shift, buckets)
        self._fullest = int(np.diff(self._firsts).max())

    def plain_sites(self, fields: Fields) -> tuple[Integers, Flags]:
        """
        Find the numbers of NMIs' sites, and tell which are recognised: as they stand, or with the right check digit.
        """
        if not self.numbers:
            return np.zeros(len(fields.starts), np.int64), np.zeros(len(fields.starts), np.bool_)

        heads = fields.words_at(fields.starts)
        tails = fields.words_at(fields.starts + 8)
        keys = _keys(heads, tails)
        last = len(self._keys) - 1
        found = np.minimum(self._firsts[keys >> self._shift], last)
        for _ in range(self._fullest - 1):
            found = np.minimum(found + (self._keys[found] < keys), last)

        lengths = fields.lengths
        differences = tails ^ self._tails[found]
        is_tail = (lengths == 10) & (differences & TEN == 0) | (lengths == 11) & (differences & ELEVEN == 0)
        return self._by_key[found], (heads == self._heads[found]) & is_tail


def _keys(heads: Words, tails: Words) -> Words:
    return heads * SPREAD_HEADS + (tails & TEN) * SPREAD_TAILS
