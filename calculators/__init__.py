"""The arithmetic of Weighbridge: pure functions over frozen records, importing NumPy alone.

Quantities (counts of requests and tokens, bytes, seconds) may be numbers or NumPy arrays: one formula serves both.
"""

import numpy as np
from numpy.typing import NDArray

Quantity = int | float | NDArray[np.float64] | NDArray[np.int64]

UNKNOWN = float("nan")  # a figure nobody published: it spreads through the arithmetic and is shown as "unknown"
