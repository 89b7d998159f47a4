"""A hash table from NMIs to sites, for looking up a whole column of NMIs with numpy."""

from collections.abc import Mapping
from uuid import UUID

import numpy as np

from graph.imports.csv.arrays import BoolArray, Int64Array, StructArray, Uint64Array
from graph.imports.csv.line_positions import Fields
from graph.settlement.nmi import check_digit

# Multiplicative hashing: odd multipliers spread NMIs that differ in few bits over all buckets. The first multiplier is
# 2^64 divided by the golden ratio (Fibonacci hashing), the second is a prime of xxHash.
HEAD_MULTIPLIER, TAIL_MULTIPLIER = 0x9E37_79B9_7F4A_7C15, 0xC2B2_AE3D_27D4_EB4F
# The bytes of the tail that belong to an NMI of ten characters, and to one of eleven.
TAIL_MASK_10, TAIL_MASK_11 = 0xFFFF, 0xFF_FFFF


class SiteLookup:
    """The sites that the rows of an import may refer to, numbered from 0 in the order of their ids."""

    def __init__(self, site_ids: Mapping[str, UUID]) -> None:
        nmis = sorted(site_ids, key=lambda nmi: site_ids[nmi].bytes)
        self.numbers_by_nmi = {nmi: number for number, nmi in enumerate(nmis)}
        self.ids: StructArray = np.frombuffer(b"".join(site_ids[nmi].bytes for nmi in nmis), "V16")

        # Two words of eight bytes per NMI: the head (8 characters) and the tail (2 characters and the check digit).
        characters = b"".join(f"{nmi}{check_digit(nmi)}".encode().ljust(16) for nmi in nmis)
        words: Uint64Array = np.frombuffer(characters, "<u8").reshape(-1, 2)
        hashes = _hashes(words[:, 0], words[:, 1])
        # The site numbers in ascending order of their hashes.
        self._numbers = np.argsort(hashes)
        self._hashes = hashes[self._numbers]
        self._heads, self._tails = words[self._numbers].T

        # The upper bits of a hash are its bucket. There are more buckets than sites, so most buckets hold at most one
        # site.
        self._shift = 63 - len(nmis).bit_length()
        buckets = np.arange(2 ** (64 - self._shift) + 1).astype(np.uint64)
        self._bucket_starts = np.searchsorted(self._hashes >> self._shift, buckets)
        self._max_bucket_size = int(np.diff(self._bucket_starts).max())

    def find_sites(self, fields: Fields) -> tuple[Int64Array, BoolArray]:
        """
        Return the site number of each NMI, and a mask of the NMIs that were found.

        An NMI is found as ten characters, or as eleven with the correct check digit. The site number of an NMI that was
        not found is arbitrary.
        """
        if not self.numbers_by_nmi:
            return np.zeros(len(fields.starts), np.int64), np.zeros(len(fields.starts), np.bool_)

        heads = fields.words_at(fields.starts)
        tails = fields.words_at(fields.starts + 8)
        hashes = _hashes(heads, tails)
        last = len(self._hashes) - 1
        found = np.minimum(self._bucket_starts[hashes >> self._shift], last)
        # Linear search within the bucket, by the hash.
        for _ in range(self._max_bucket_size - 1):
            found = np.minimum(found + (self._hashes[found] < hashes), last)

        lengths = fields.lengths
        differences = tails ^ self._tails[found]
        has_same_tail = (lengths == 10) & (differences & TAIL_MASK_10 == 0)
        has_same_tail |= (lengths == 11) & (differences & TAIL_MASK_11 == 0)
        return self._numbers[found], (heads == self._heads[found]) & has_same_tail


def _hashes(heads: Uint64Array, tails: Uint64Array) -> Uint64Array:
    return heads * HEAD_MULTIPLIER + (tails & TAIL_MASK_10) * TAIL_MULTIPLIER
