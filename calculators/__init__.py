"""The arithmetic of Weighbridge: pure functions over frozen records, importing NumPy alone.

Quantities (counts of requests and tokens, bytes, seconds) may be numbers or NumPy arrays: one formula serves both.
"""

from typing import Any

from numpy.typing import NDArray

Quantity = int | float | NDArray[Any]

UNKNOWN = float("nan")  # a figure nobody published: it spreads through the arithmetic and is shown as "unknown"
