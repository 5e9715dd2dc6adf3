"""The names of the arrays that all parts of the package pass around."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Offsets = npt.NDArray[np.int64]
"""Places in bytes, or numbers of rows."""

NO_ROWS: Offsets = np.empty(0, np.int64)

Mask = npt.NDArray[np.bool_]
Hashes = npt.NDArray[np.uint64]
Bytes = npt.NDArray[np.uint8]
