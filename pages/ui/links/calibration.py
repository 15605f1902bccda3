"""How does a link carry a calibration? Factors, how far off they leave times, a device's mark, as compact text."""

import re
from dataclasses import dataclass
from zlib import crc32

from calculators.calibrate import HIGHEST, LOWEST, Factors
from calculators.calibrate import NAMES as FACTORS
from calculators.intervals import Span
from presets.catalog import engines
from presets.intervals import OwnErrors

WIDEST = 99.0  # times off that a calibration's interval may be


def device_mark(name: str) -> str:
    """Four characters that tell a device from others, as a link has no room for its name."""
    return f"{crc32(name.encode()):08x}"[:4]


@dataclass(frozen=True, kw_only=True, slots=True)
class Calibration:
    """Factors on an engine's constants, fitted to so many rows of a visitor's on a device of this mark.

    `first_token`, `token`: how many times off predictions of rows left out are at most for four in five, 1 to WIDEST;
    0 where none was measured. A link of before such intervals has no mark.
    """

    factors: Factors
    rows: int
    engine: str
    first_token: float = 0.0
    token: float = 0.0
    mark: str = ""

    @property
    def text(self) -> str:
        """As a link carries it: "0.97,1.05,1.2,0.9,1.32,1.08,3ae0,6,vLLM"."""
        factors = [f"{getattr(self.factors, name):.3g}" for name in FACTORS]
        spans = [f"{self.first_token:.3g}", f"{self.token:.3g}", self.mark] if self.mark else []
        return ",".join([*factors, *spans, str(self.rows), self.engine])

    def own(self, device: str) -> OwnErrors | None:
        """What the visitor's rows say of times on a device."""
        first, token = (Span(low=1 / off, high=off) if off else None for off in (self.first_token, self.token))
        return OwnErrors(first_token=first, token=token, rows=self.rows, here=device_mark(device) == self.mark)


def read_calibration(text: str) -> Calibration:
    """The calibration of a link's text; raises ValueError saying what would be right."""
    parts = text.split(",")
    numbers, spans = parts[: len(FACTORS)], parts[len(FACTORS) : -2]
    if (
        len(parts) in (len(FACTORS) + 2, len(FACTORS) + 5)
        and all(re.fullmatch(r"[0-9](\.[0-9]{1,3})?", number) for number in numbers)
        and all(LOWEST <= float(number) <= HIGHEST for number in numbers)
        and re.fullmatch(r"[1-9][0-9]{0,3}", parts[-2])
        and parts[-1] in engines()
        and (not spans or re.fullmatch(r"((0|[1-9][0-9]?(\.[0-9]{1,2})?),){2}[0-9a-f]{4}", ",".join(spans)))
    ):
        first, token, mark = (float(spans[0]), float(spans[1]), spans[2]) if spans else (0.0, 0.0, "")
        factors = Factors(**dict(zip(FACTORS, map(float, numbers), strict=True)))
        found = Calibration(
            factors=factors, rows=int(parts[-2]), engine=parts[-1], first_token=first, token=token, mark=mark
        )
        if found.text == text:
            return found
    raise ValueError(
        f"expected {len(FACTORS)} factors from {LOWEST:g} to {HIGHEST:g}, how far off first and further tokens may be, "
        "a device's mark, a number of rows and an engine, as the Calibrate page writes them"
    )
