"""Intervals that hold the values of primitives, where a clause of the atom's declaration does not say them.

A monotone function is enclosed by its values at the ends, moved outwards by two units in the last place except where
they are known to be exact, as log 1 = 0 is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from math import inf, nextafter

from karush.stdlib.lattice import FREE, NONNEGATIVE, Interval

Enclosure = Callable[..., Interval]


def _end(function: Callable[[float], float], x: float, exact: float | None, outward: float) -> tuple[float, bool]:
    """The value at an end moved outwards, and whether it was moved."""
    if x == exact:
        return function(x), False
    try:
        value = function(x)
    except OverflowError:
        value = math.copysign(inf, x)
    except ValueError:
        return outward, True
    if math.isinf(value) or math.isnan(value):
        finite = math.isinf(value) and (value > 0) != (outward > 0)
        return (math.copysign(nextafter(inf, 0.0), value) if finite else outward), True
    return nextafter(nextafter(value, outward), outward), True


def increasing(function: Callable[[float], float], exact: float | None = None) -> Enclosure:
    """Enclosure of an increasing function, exact at one point."""

    def enclose(x: Interval) -> Interval:
        low, low_moved = _end(function, x.lower, exact, -inf)
        high, high_moved = _end(function, x.upper, exact, inf)
        return Interval(low, high, x.lower_open or low_moved, x.upper_open or high_moved)

    return enclose


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -inf


def _log1p(x: float) -> float:
    return math.log1p(x) if x > -1 else -inf


def _sqrt(x: float) -> float:
    return math.sqrt(max(x, 0.0))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x >= 0 else math.exp(x) / (1 + math.exp(x))


def magnitude(x: Interval) -> Interval:
    """|x|."""
    if x.is_nonnegative:
        return x
    if x.is_nonpositive:
        return -x
    return Interval(0.0, max(x.upper, -x.lower), False, _upper_open(x, -x))


def _upper_open(x: Interval, y: Interval) -> bool:
    top = max(x.upper, y.upper)
    return all(z.upper_open for z in (x, y) if z.upper == top)


def square(x: Interval) -> Interval:
    """x²."""
    size = magnitude(x)
    return size * size


def positive_part(x: Interval) -> Interval:
    """max(x, 0)."""
    return maximum(x, Interval.point(0.0))


def maximum(*items: Interval) -> Interval:
    """The greatest of numbers of these intervals."""
    low = max((x.lower, x.lower_open) for x in items)
    high = max((x.upper, not x.upper_open) for x in items)
    return Interval(low[0], high[0], low[1], not high[1])


def minimum(*items: Interval) -> Interval:
    """The least of numbers of these intervals."""
    return -maximum(*(-x for x in items))


def clip(x: Interval, lower: Interval, upper: Interval) -> Interval:
    """x moved into [lower, upper]."""
    return minimum(maximum(x, lower), upper)


def leaky_relu(x: Interval, slope: Interval) -> Interval:
    """max(x, slope x), for a slope in [0, 1]."""
    return maximum(x, slope * x)


def _xlogx(x: float) -> float:
    return x * math.log(x) if 0 < x < inf else inf if x == inf else 0.0


def _outward(value: float, outward: float) -> float:
    """A value with two units in the last place to spare; 0 is exact."""
    return nextafter(nextafter(value, outward), outward) if value else value


def xlogx(x: Interval) -> Interval:
    """x log x for x >= 0, which is least at 1/e."""
    low, high, dip = max(x.lower, 0.0), max(x.upper, 0.0), math.exp(-1)
    ends = (_xlogx(low), _xlogx(high))
    return Interval(_outward(-dip if low < dip < high else min(ends), -inf), _outward(max(ends), inf))


def rectified(dip: float) -> Enclosure:
    """Enclosure of a function between max(x, 0) - dip and max(x, 0), and of no sign but that of x."""

    def enclose(x: Interval) -> Interval:
        if x.is_nonnegative:
            return Interval(0.0, x.upper, False, x.upper_open)
        return Interval(-dip, max(x.upper, 0.0))

    return enclose


def elu(x: Interval, alpha: Interval) -> Interval:
    """x for x > 0, alpha (eˣ - 1) otherwise."""
    if x.is_nonnegative:
        return x
    return Interval(-alpha.upper, max(x.upper, 0.0)) if alpha.is_nonnegative else FREE


def between(lower: float, upper: float) -> Enclosure:
    """Enclosure of x moved into [lower, upper]."""
    return lambda x: clip(x, Interval.point(lower), Interval.point(upper))


_SELU = 1.0507009873554806


def selu(x: Interval) -> Interval:
    """The self-normalising unit, which is above -1.7581 and at most 1.0507… x for x >= 0."""
    high = Interval(0.0, max(x.upper, 0.0)) * Interval.point(_SELU)
    return Interval(0.0 if x.is_nonnegative else -1.75810, _outward(high.upper, inf))


def hypot(x: Interval, y: Interval) -> Interval:
    """√(x² + y²), at least the greater magnitude and at most their sum."""
    a, b = magnitude(x), magnitude(y)
    return Interval(max(a.lower, b.lower), _outward(a.upper + b.upper, inf))


def total(x: Interval, count: int | None) -> Interval:
    """The sum of ``count`` numbers of an interval; of any number of them, also none, where the count is not known."""
    if count is not None:
        return x * Interval.point(count)
    return Interval(0.0 if x.is_nonnegative else -inf, 0.0 if x.is_nonpositive else inf)


def product(x: Interval) -> Interval:
    """The product of any number of numbers of an interval, also none."""
    if x.within(Interval(0.0, 1.0)):
        return Interval(0.0, 1.0)
    return NONNEGATIVE if x.is_nonnegative else FREE


def power(x: Interval, exponent: float) -> Interval:
    """x to a fixed exponent."""
    if exponent < 0:
        return power(x, -exponent).reciprocal()
    whole = exponent == int(exponent)
    if whole and exponent <= 64:
        return _whole_power(x, int(exponent))
    if whole and exponent % 2 == 0:
        return NONNEGATIVE
    return NONNEGATIVE if x.is_nonnegative or not whole else FREE


def _whole_power(x: Interval, exponent: int) -> Interval:
    base, result = (magnitude(x) if exponent % 2 == 0 else x), Interval.point(1.0)
    if exponent % 2 == 1 and not (x.is_nonnegative or x.is_nonpositive):
        low, high = (_whole_power(Interval(0.0, end), exponent) for end in (-x.lower, x.upper))
        return Interval(-low.upper, high.upper, x.lower_open or low.upper_open, x.upper_open or high.upper_open)
    for _ in range(exponent):
        result = result * base
    return result


_CIRCLE = Interval(-1.0, 1.0)

ENCLOSURES: Mapping[str, Enclosure] = {
    "exp": increasing(math.exp, 0.0),
    "expm1": increasing(math.expm1, 0.0),
    "log": increasing(_log, 1.0),
    "log1p": increasing(_log1p, 0.0),
    "sqrt": increasing(_sqrt, 0.0),
    "atan": increasing(math.atan, 0.0),
    "asin": increasing(lambda x: math.asin(min(max(x, -1.0), 1.0)), 0.0),
    "sinh": increasing(math.sinh, 0.0),
    "cosh": lambda x: increasing(math.cosh, 0.0)(magnitude(x)),
    "tanh": increasing(math.tanh, 0.0),
    "sigmoid": increasing(_sigmoid, 0.0),
    "softplus": increasing(lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x)))),
    "elu": elu,
    "gelu": rectified(0.17),
    "silu": rectified(0.2785),
    "xlogx": xlogx,
    "entropy": lambda x: -xlogx(x),
    "logsumexp": lambda x: Interval(x.lower, inf, x.lower_open),
    "square": square,
    "inv_pos": lambda x: maximum(x, Interval.point(0.0)).reciprocal(),
    "sin": lambda x: _CIRCLE,
    "cos": lambda x: _CIRCLE,
    "abs": magnitude,
    "relu": positive_part,
    "neg_part": lambda x: positive_part(-x),
    "leaky_relu": leaky_relu,
    "relu6": between(0.0, 6.0),
    "hard_tanh": between(-1.0, 1.0),
    "hard_sigmoid": lambda x: Interval(0.0, 1.0),
    "hard_swish": rectified(0.376),
    "selu": selu,
    "hypot": hypot,
    "cummax": lambda x: x,
    "cummin": lambda x: x,
    "maximum": maximum,
    "minimum": minimum,
    "clip": clip,
    "floor": lambda x: Interval(_rounded(math.floor, x.lower), _rounded(math.floor, x.upper)),
    "ceil": lambda x: Interval(_rounded(math.ceil, x.lower), _rounded(math.ceil, x.upper)),
    "round": lambda x: Interval(_rounded(round, x.lower), _rounded(round, x.upper)),
    "sign": lambda x: Interval(1.0 if x.is_positive else 0.0 if x.is_nonnegative else -1.0,
                               -1.0 if x.is_negative else 0.0 if x.is_nonpositive else 1.0),
    "max": lambda x: x,
    "min": lambda x: x,
    "mean": lambda x: x,
    "median": lambda x: x,
    "sort": lambda x: x,
    "quantile": lambda x, q: x,
    "geo_mean": lambda x: x,
    "norminf": magnitude,
    "prod": product,
    "diag": lambda x: x.hull(Interval.point(0.0)),
    "vec": lambda x: x,
    "kron": lambda a, b: a * b,
    "diff": lambda x: x - x,
    "cumsum": lambda x: total(x, None),
    "trace": lambda x: total(x, None),
    "sum": lambda x: total(x, None),
    "sum_largest": lambda x, k: total(x, None),
    "sum_smallest": lambda x, k: total(x, None),
}  # fmt: skip
"""Primitive -> an interval that holds every entry of its result, from intervals that hold those of its arguments."""


def _rounded(function: Callable[[float], int], end: float) -> float:
    return end if math.isinf(end) else float(function(end))
