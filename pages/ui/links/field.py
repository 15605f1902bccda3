"""What is an input? Its default, the values it may take, how it is written in a link and on a widget."""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Any

from pages.ui.links.calibration import read_calibration
from pages.ui.links.values import PRESET
from presets.importing import from_link


def short(number: float) -> str:
    """A whole number as people write token counts: 8k is 8,192 and 1M is 1,048,576.

    >>> short(50), short(8192), short(1048576), short(0.5)
    ('50', '8k', '1M', '0.5')
    """
    for size, letter in ((2**20, "M"), (2**10, "k")):
        if number >= size and number % size == 0:
            return f"{int(number // size)}{letter}"
    return f"{number:g}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One input: its default, the values it may take, how a value is written in a link and on a widget.

    `pages`: the addresses of the pages whose figures it alone changes; none: it is part of the scenario of all.
    """

    default: Any
    options: tuple[Any, ...]
    label: Callable[[Any], str] = str
    pages: tuple[str, ...] = ()

    def read(self, text: str) -> Any:
        """The value that a text stands for; raises ValueError saying what would be right."""
        for option in self.options:
            if text == self.label(option):
                return option
        shown = ", ".join(self.label(option) for option in self.options[:4])
        last = self.label(self.options[-1])
        more = f"{shown}, … {last}" if len(self.options) > 5 else ", ".join(map(self.label, self.options))
        raise ValueError(f"expected one of {more}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Number(Field):
    """A number that is shown with its unit or its thousands; older links and people write it bare: 0.5, 1e+06."""

    def read(self, text: str) -> Any:
        for option in self.options:
            if text == self.label(option) or (option >= 0 and text == f"{option:g}"):
                return option
        return Field.read(self, text)


@dataclass(frozen=True, kw_only=True, slots=True)
class Size(Field):
    """A what-if size: `preset`, or a whole number between two bounds, on a step."""

    def read(self, text: str) -> int | None:
        low, high, step = self.options
        if text == PRESET:
            return None
        if text.isascii() and text.isdigit() and len(text) < 8 and low <= int(text) <= high and int(text) % step == 0:
            return int(text)
        raise ValueError(f"expected {PRESET}, or a whole number from {low:,} to {high:,} in steps of {step}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Own(Field):
    """An imported model as compact text, or empty."""

    def read(self, text: str) -> str:
        if not text:
            return text
        try:
            from_link(text)
        except ValueError as error:
            raise ValueError(plain_text(str(error))[:120].strip()) from error
        return text


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit(Field):
    """A calibration as compact text, or empty."""

    def read(self, text: str) -> str:
        return read_calibration(text).text if text else text


@dataclass(frozen=True, kw_only=True, slots=True)
class Comparison(Field):
    """Scenarios to compare as compact text, or empty."""

    def read(self, text: str) -> str:
        from pages.ui.links.query import compared  # links within a link: their reader needs the table of all fields

        compared(text)
        return text


def counted(number: float) -> str:
    """A number of tokens of a training: 3B, 10T; none, or any for a limit that is none.

    >>> counted(3e9), counted(1e13), counted(0), counted(inf)
    ('3B', '10T', 'none', 'any')
    """
    if number in (0, inf):
        return "any" if number else "none"
    return f"{number / 1e12:g}T" if number >= 1e12 else f"{number / 1e9:g}B"


def per_cent(share: float) -> str:
    """A share as a slider shows it: 5%, 12.5%.

    >>> per_cent(0.05), per_cent(1.0), per_cent(0.55)
    ('5%', '100%', '55%')
    """
    return f"{round(100 * share, 6):g}%"


def dollars(amount: float) -> str:
    """Whole dollars with their thousands separated: 1,000,000."""
    return f"{amount:,}"


def plain_text(text: str) -> str:
    return "".join(c if c.isalnum() or c in " .,:+-_()/" else "·" for c in text)
