"""What the arrays of the import's readers hold."""

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Flags = NDArray[np.bool_]
Integers = NDArray[np.int64]
# Of a column that is kept for a whole chunk, as narrow as its values allow.
Shorts = NDArray[np.int16]
Ints = NDArray[np.int32]
# Eight bytes each.
Words = NDArray[np.uint64]
# Structures of several values each, or bytes of one length.
Records = NDArray[np.void]
