"""Scales of small multiples: where values are, and the numbers beside them.

values that are drawn, or limits -> places from 0 to 1, ticks with their texts
"""

import itertools
import math

import numpy as np
from matplotlib.ticker import MaxNLocator

SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
POWERS = 6.5  # of ten, of which each has its number
MARGIN = 0.04  # share of the range that is free at either end
BEYOND = 5.0  # heights of a panel beyond which a curve is cut off


class Scale:
    """A direction of one panel or of several. limits: None: as what is drawn. named: texts of ticks."""

    def __init__(self, log: bool = False, limits: tuple[float, float] | None = None):
        self.log, self.limits = log, limits
        self.named: dict[float, str] = {}
        self._seen: list[float] = []

    def plain(self, values) -> np.ndarray:
        """Values as they are evenly spaced: where the scale is logarithmic, their logarithms."""
        values = np.asarray(values, float)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(values > 0, np.log10(values), np.nan) if self.log else values

    def see(self, values) -> None:
        """Something is drawn at these values."""
        plain = self.plain(values)
        finite = plain[np.isfinite(plain)]
        if finite.size:
            self._seen += [finite.min(), finite.max()]

    def bound(self, low: float, high: float) -> None:
        """Makes no room for what is drawn beyond these."""
        least, most = self.plain([low, high])
        self._seen = [float(min(max(one, least), most)) for one in self._seen]

    @property
    def ends(self) -> tuple[float, float]:
        """What lies at either end, as a logarithm where it is logarithmic."""
        if self.limits:
            low, high = self.plain(self.limits)
            return float(low), float(high)
        low, high = (min(self._seen), max(self._seen)) if self._seen else (0.0, 1.0)
        same = 1e-6 if self.log else 1e-12 * max(abs(low), abs(high))  # but for rounding
        room = 0.5 * (abs(low) or 1.0) * (0.3 if self.log else 1.0) if high - low <= same else MARGIN * (high - low)
        return low - room, high + room

    def place(self, values) -> np.ndarray:
        """Where values are, from 0 to 1 within the limits; NaN if they are nowhere."""
        low, high = self.ends
        with np.errstate(invalid="ignore"):
            return np.clip((self.plain(values) - low) / (high - low), -BEYOND, 1 + BEYOND)

    def ticks(self) -> list[tuple[float, str]]:
        """Places of ticks, from 0 to 1, and what stands there: of many powers of ten not at each."""
        if self.named:
            return list(zip(self.place(list(self.named)), self.named.values(), strict=True))
        low, high = self.ends
        if self.log and high - low >= 2:
            step = math.ceil((high - low) / POWERS)
            powers = range(math.ceil(low), math.floor(high) + 1)
            texts = [f"10{str(power).translate(SUPERSCRIPTS)}" if power % step == 0 else "" for power in powers]
            return [((power - low) / (high - low), text) for power, text in zip(powers, texts, strict=True)]
        inner = self._round(low, high)
        least = min((abs(one - other) for one, other in itertools.pairwise(inner)), default=1.0)
        digits = max(6, 2 + math.ceil(math.log10(max(map(abs, inner), default=1.0) / least or 1.0)))
        return list(zip(self.place(inner), [f"{value:.{digits}g}" for value in inner], strict=True))

    def _round(self, low: float, high: float) -> list[float]:
        """Round values between the ends; of a logarithmic scale of less than two decades."""
        if self.log and high - low >= 0.7:
            subs = (1, 3) if high - low > 1 else (1, 2, 5)
            powers = range(math.floor(low), math.ceil(high) + 1)
            found = [one * 10.0**power for power, one in itertools.product(powers, subs)]
        else:
            ends = (10**low, 10**high) if self.log else (low, high)
            found = [float(one) for one in MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]).tick_values(*ends)]
        tiny = 1e-9 * (high - low)
        return [one for one in found if low - tiny <= self.plain(one) <= high + tiny]
