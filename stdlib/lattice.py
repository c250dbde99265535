"""The lattices of facts: intervals, curvature, monotonicity, smoothness, dependence.

A fact is what is known of an expression for every admissible value of params and vars. Each lattice is ordered by
"says less than"; the top says nothing. Nothing here knows an expression.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from fractions import Fraction
from math import inf, isinf, nextafter


@dataclass(frozen=True)
class Interval:
    """The real numbers between ``lower`` and ``upper``; an open end is not attained, an infinite end never is.

    Arithmetic encloses: an end that is rounded is rounded outwards, and the sign of a product or a sum survives the
    rounding (an underflow does not make a positive number nonpositive).
    """

    lower: float = -inf
    upper: float = inf
    lower_open: bool = False
    upper_open: bool = False

    def __post_init__(self) -> None:
        if self.lower == -inf:
            object.__setattr__(self, "lower_open", True)
        if self.upper == inf:
            object.__setattr__(self, "upper_open", True)

    @staticmethod
    def point(value: float) -> Interval:
        """The one number."""
        return Interval(float(value), float(value))

    # ------------------------------------------------------------ questions

    def __contains__(self, value: float) -> bool:
        above = value > self.lower or (value == self.lower and not self.lower_open)
        below = value < self.upper or (value == self.upper and not self.upper_open)
        return above and below

    def within(self, other: Interval) -> bool:
        """Is every number of this interval one of the other?"""
        low = self.lower > other.lower or (self.lower == other.lower and (self.lower_open or not other.lower_open))
        high = self.upper < other.upper or (self.upper == other.upper and (self.upper_open or not other.upper_open))
        return self.is_empty or (low and high)

    @property
    def is_empty(self) -> bool:
        """Has it no number at all?"""
        return self.lower > self.upper or (self.lower == self.upper and (self.lower_open or self.upper_open))

    @property
    def is_nonnegative(self) -> bool:
        """x >= 0 for every x?"""
        return self.lower >= 0

    @property
    def is_nonpositive(self) -> bool:
        """x <= 0 for every x?"""
        return self.upper <= 0

    @property
    def is_positive(self) -> bool:
        """x > 0 for every x?"""
        return self.lower > 0 or (self.lower == 0 and self.lower_open)

    @property
    def is_negative(self) -> bool:
        """x < 0 for every x?"""
        return self.upper < 0 or (self.upper == 0 and self.upper_open)

    @property
    def value(self) -> float | None:
        """The number, where there is only one."""
        return self.lower if self.lower == self.upper else None

    # ------------------------------------------------------------ lattice

    def hull(self, other: Interval) -> Interval:
        """The smallest interval that holds both."""
        low, low_open = min((self.lower, self.lower_open), (other.lower, other.lower_open))
        high, high_closed = max((self.upper, not self.upper_open), (other.upper, not other.upper_open))
        return Interval(low, high, low_open, not high_closed)

    def intersect(self, other: Interval) -> Interval:
        """What lies in both; where the two facts contradict each other, this one."""
        low, low_open = max((self.lower, self.lower_open), (other.lower, other.lower_open))
        high, high_closed = min((self.upper, not self.upper_open), (other.upper, not other.upper_open))
        both = Interval(low, high, low_open, not high_closed)
        return self if both.is_empty else both

    # ------------------------------------------------------------ arithmetic

    def __add__(self, other: Interval) -> Interval:
        low, low_inexact = _sum_end(self.lower, other.lower, -inf)
        high, high_inexact = _sum_end(self.upper, other.upper, inf)
        return Interval(
            low,
            high,
            self.lower_open or other.lower_open or low_inexact,
            self.upper_open or other.upper_open or high_inexact,
        )

    def __neg__(self) -> Interval:
        return Interval(-self.upper, -self.lower, self.upper_open, self.lower_open)

    def __sub__(self, other: Interval) -> Interval:
        return self + (-other)

    def __mul__(self, other: Interval) -> Interval:
        corners = [
            (a, b, a_open, b_open)
            for a, a_open in ((self.lower, self.lower_open), (self.upper, self.upper_open))
            for b, b_open in ((other.lower, other.lower_open), (other.upper, other.upper_open))
        ]
        low, low_open = min(_corner(*corner, -inf) for corner in corners)
        high, high_closed = max((end, not is_open) for end, is_open in (_corner(*c, inf) for c in corners))
        return Interval(low, high, low_open, not high_closed)

    def reciprocal(self) -> Interval:
        """The numbers 1/x for x ≠ 0."""
        if self.value == 0 or not (self.is_nonnegative or self.is_nonpositive):
            return FREE
        if self.is_nonpositive:
            return -((-self).reciprocal())
        low, low_inexact = _quotient_end(self.upper, -inf)
        high, high_inexact = _quotient_end(self.lower, inf)
        return Interval(low, high, self.upper_open or low_inexact, self.lower_open or high_inexact)

    def __truediv__(self, other: Interval) -> Interval:
        return self * other.reciprocal()

    def __str__(self) -> str:
        left, right = "(" if self.lower_open else "[", ")" if self.upper_open else "]"
        return f"{left}{_number(self.lower)}, {_number(self.upper)}{right}"


def _number(value: float) -> str:
    return str(int(value)) if not isinf(value) and value == int(value) else str(value)


def _sum_end(a: float, b: float, outward: float) -> tuple[float, bool]:
    """An end of a sum, and whether it was moved outwards."""
    if isinf(a) or isinf(b):
        return outward, False
    total = a + b
    if isinf(total):
        return (total, False) if (total > 0) == (outward > 0) else (nextafter(total, 0.0), True)
    part = total - a  # two-sum (Knuth): the error of a rounded sum is itself a number
    if (a - (total - part)) + (b - part) == 0:
        return total, False
    return nextafter(total, outward), True


def _corner(a: float, b: float, a_open: bool, b_open: bool, outward: float) -> tuple[float, bool]:
    """A corner of a product as an end: its value rounded outwards, and whether it is not attained."""
    if a == 0 or b == 0:
        attained = (a == 0 and not a_open) or (b == 0 and not b_open)
        return 0.0, not attained
    product = a * b
    if isinf(a) or isinf(b):
        return product, True
    if isinf(product):
        return (product, True) if (product > 0) == (outward > 0) else (nextafter(product, 0.0), True)
    if Fraction(a) * Fraction(b) == Fraction(product):
        return product, a_open or b_open
    towards_zero = (product < 0 or (product == 0 and (a > 0) != (b > 0))) == (outward > 0)
    if product == 0 and towards_zero:
        return 0.0, True
    return nextafter(product, outward), True


def _quotient_end(divisor: float, outward: float) -> tuple[float, bool]:
    """An end 1/divisor for divisor >= 0."""
    if divisor == 0:
        return inf, False
    if isinf(divisor):
        return 0.0, True
    quotient = 1.0 / divisor
    if isinf(quotient):
        return (inf, False) if outward > 0 else (nextafter(inf, 0.0), True)
    if Fraction(quotient) * Fraction(divisor) == 1:
        return quotient, False
    return nextafter(quotient, outward), True


FREE = Interval()
NONNEGATIVE = Interval(0.0, inf)
NONPOSITIVE = Interval(-inf, 0.0)
POSITIVE = Interval(0.0, inf, lower_open=True)
NEGATIVE = Interval(-inf, 0.0, upper_open=True)
UNIT = Interval(0.0, 1.0)


class Curvature(Enum):
    """Curvature in the vars: constant below affine below convex and concave below unknown."""

    CONSTANT = "constant"
    AFFINE = "affine"
    CONVEX = "convex"
    CONCAVE = "concave"
    UNKNOWN = "neither convex nor concave by the rules"

    @property
    def is_affine(self) -> bool:
        """Constant or affine."""
        return self in (Curvature.CONSTANT, Curvature.AFFINE)

    @property
    def is_convex(self) -> bool:
        """Constant, affine or convex."""
        return self.is_affine or self is Curvature.CONVEX

    @property
    def is_concave(self) -> bool:
        """Constant, affine or concave."""
        return self.is_affine or self is Curvature.CONCAVE

    def __neg__(self) -> Curvature:
        return {Curvature.CONVEX: Curvature.CONCAVE, Curvature.CONCAVE: Curvature.CONVEX}.get(self, self)

    def __add__(self, other: Curvature) -> Curvature:
        if self is Curvature.CONSTANT:
            return other
        if other is Curvature.CONSTANT:
            return self
        if self is other:
            return self
        if Curvature.UNKNOWN in (self, other) or not (self.is_affine or other.is_affine):
            return Curvature.UNKNOWN
        return other if self.is_affine else self

    def scaled(self, factor: Interval) -> Curvature:
        """Curvature of k·f for a constant k of this interval."""
        if factor.is_nonnegative or self.is_affine:
            return self
        return -self if factor.is_nonpositive else Curvature.UNKNOWN


class Monotonicity(Enum):
    """How a function moves with one argument."""

    NONDECREASING = "nondecreasing"
    NONINCREASING = "nonincreasing"
    UNKNOWN = "unknown"


class Smoothness(IntEnum):
    """How far a function can be differentiated; the join is the maximum.

    ``SMOOTH`` as often as one likes; ``ONCE`` with a continuous derivative that has kinks (Huber's loss);
    ``NONSMOOTH`` is path differentiable (locally Lipschitz, a conservative derivative everywhere); ``SINGULAR`` has a
    slope without bound at an end of its domain (√ at 0) or a pole; ``DISCONTINUOUS`` has no derivative to speak of.
    """

    SMOOTH = 0
    ONCE = 1
    NONSMOOTH = 2
    SINGULAR = 3
    DISCONTINUOUS = 4

    def join(self, other: Smoothness) -> Smoothness:
        """The worse of the two."""
        return max(self, other)


@dataclass(frozen=True)
class Dependence:
    """Names of the vars, params and binders that occur."""

    vars: frozenset[str] = frozenset()
    params: frozenset[str] = frozenset()
    binders: frozenset[str] = frozenset()

    def join(self, other: Dependence) -> Dependence:
        """All that occur in either."""
        return Dependence(self.vars | other.vars, self.params | other.params, self.binders | other.binders)

    def without_binders(self, names: frozenset[str]) -> Dependence:
        """What is left outside a clause that binds these names."""
        return Dependence(self.vars, self.params, self.binders - names)

    @property
    def is_constant(self) -> bool:
        """Does no var occur?"""
        return not self.vars
