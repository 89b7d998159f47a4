"""Names for the numpy array types that the readers use."""

import numpy as np
from numpy.typing import NDArray

BoolArray = NDArray[np.bool_]
Uint8Array = NDArray[np.uint8]
Uint64Array = NDArray[np.uint64]
Int64Array = NDArray[np.int64]
# The narrowest types that fit the values, for columns that stay in memory for a whole chunk.
Int16Array = NDArray[np.int16]
Int32Array = NDArray[np.int32]
# A structured array, or an array of byte strings of a fixed length.
StructArray = NDArray[np.void]
