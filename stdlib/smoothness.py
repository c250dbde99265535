"""Where the primitives are less than smooth, which intervals keep their arguments away from there, and what to do.

A place is a tie (relu at 0: the derivative jumps, one element of the conservative one is taken), an end of the domain
or a pole (√ at 0: the slope has no bound), or a jump (floor at the whole numbers: no derivative tells of it).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import pi

from karush.stdlib.lattice import FREE, Interval, Smoothness

Away = Callable[..., bool]


@dataclass(frozen=True)
class Roughness:
    """A place where a function is less than smooth.

    ``rule`` is the element of the conservative derivative that is taken there, for a tie; ``surrogate`` is a function
    to put in its stead. ``away`` says of the intervals of all arguments that they exclude the place.
    """

    smoothness: Smoothness
    where: str
    surrogate: str
    rule: str | None = None
    away: Away = lambda *intervals: False


def never_zero(interval: Interval, *others: Interval) -> bool:
    """Is 0 no number of the (first) interval?"""
    return 0.0 not in interval


def positive(*intervals: Interval) -> bool:
    """Are all numbers of all intervals > 0?"""
    return all(interval.is_positive for interval in intervals)


def apart(x: Interval, y: Interval) -> bool:
    """Have the two intervals no number in common?"""
    return never_zero(x - y)


def _inside(low: float, high: float) -> Away:
    """Do all numbers of the last interval lie between, the ends left out?"""
    return lambda *intervals: intervals[-1].within(Interval(low, high, True, True))


def _not_at_a_bound(x: Interval, lower: Interval, upper: Interval) -> bool:
    return apart(x, lower) and apart(x, upper)


def _between_whole_numbers(x: Interval) -> bool:
    low, high = x.lower, x.upper
    if not (abs(low) < 2**52 and abs(high) < 2**52):
        return False
    return low // 1 == high // 1 and low != low // 1


def _between_halves(x: Interval) -> bool:
    return _between_whole_numbers(x + Interval.point(0.5))


def _never(*points: float) -> Away:
    """Are none of these points in the interval?"""
    return lambda interval: all(point not in interval for point in points)


def _off_origin(x: Interval, y: Interval) -> bool:
    return never_zero(x) or never_zero(y)


SQUARED_LENGTH = "`sqrt(sumsq(x) + eps)`"
SMOOTH_MAX = "`logsumexp(t * x) / t`"


def _kink(where: str, rule: str, surrogate: str, away: Away = lambda *intervals: False) -> Roughness:
    return Roughness(Smoothness.NONSMOOTH, where, surrogate, rule, away)


def _steep(where: str, surrogate: str, away: Away) -> Roughness:
    return Roughness(Smoothness.SINGULAR, where, surrogate, None, away)


def _jump(where: str, surrogate: str, away: Away) -> Roughness:
    return Roughness(Smoothness.DISCONTINUOUS, where, surrogate, None, away)


_LESS = "keep its argument away from there: `x + eps`, or a set that does"
_STEPS = "a continuous form (`clip`, `sigmoid`, `tanh`)"
_ORDERED = "weights that sum to 1 on equal entries"

ROUGHNESS: Mapping[str, Roughness] = {
    "abs": _kink("0", "0 (least norm)", "`huber(x, eps)`, `sqrt(x^2 + eps)`", never_zero),
    "relu": _kink("0", "0 (least norm)", "`softplus(t * x) / t`", never_zero),
    "neg_part": _kink("0", "0 (least norm)", "`softplus(-t * x) / t`", never_zero),
    "leaky_relu": _kink("0", "its slope (least norm)", "`softplus`, `elu`", never_zero),
    "elu": _kink("0", "`alpha` (least norm)", "`alpha = 1`", lambda x, alpha: alpha.value == 1 or never_zero(x)),
    "relu6": _kink("0 and 6", "0 (least norm)", "`6 * sigmoid(x - 3)`", _never(0.0, 6.0)),
    "hard_tanh": _kink("-1 and 1", "0 (least norm)", "`tanh`", _never(-1.0, 1.0)),
    "hard_sigmoid": _kink("-3 and 3", "0 (least norm)", "`sigmoid`", _never(-3.0, 3.0)),
    "hard_swish": _kink("-3 and 3", "0 at -3, 1 at 3 (least norm)", "`silu`", _never(-3.0, 3.0)),
    "selu": _kink("0", "1.0507 (least norm)", "`elu`", never_zero),
    "maximum": _kink("equal arguments", "equal shares (least norm)", SMOOTH_MAX, apart),
    "minimum": _kink("equal arguments", "equal shares (least norm)", f"-{SMOOTH_MAX} of -x", apart),
    "clip": _kink("a bound", "weights of x and bound that sum to 1", "`sigmoid`, `tanh`", _not_at_a_bound),
    "max": _kink("equal entries", "equal shares (least norm)", SMOOTH_MAX),
    "min": _kink("equal entries", "equal shares (least norm)", f"-{SMOOTH_MAX} of -x"),
    "norm1": _kink("an entry 0", "0 (least norm)", "`sum(huber(x, eps))`", never_zero),
    "norm2": _kink("the origin", "0 (least norm)", SQUARED_LENGTH, never_zero),
    "hypot": _kink("the origin", "0 (least norm)", "`sqrt(x^2 + y^2 + eps)`", _off_origin),
    "norminf": _kink("equal magnitudes", "equal shares (least norm)", SMOOTH_MAX),
    "norm": _kink("the origin", "0 (least norm)", SQUARED_LENGTH, never_zero),
    "sum_largest": _kink("equal entries", _ORDERED, SMOOTH_MAX),
    "sum_smallest": _kink("equal entries", _ORDERED, f"-{SMOOTH_MAX} of -x"),
    "median": _kink("equal entries", _ORDERED, "`mean`, or the least of a sum of `huber`"),
    "quantile": _kink("equal entries", _ORDERED, "`mean`, or the least of a sum of `huber`"),
    "sort": _kink("equal entries", _ORDERED, "a smooth function of the entries"),
    "cummax": _kink("equal entries", _ORDERED, SMOOTH_MAX),
    "cummin": _kink("equal entries", _ORDERED, f"-{SMOOTH_MAX} of -x"),
    "tv": _kink("equal neighbours", "0 (least norm)", "`sum(huber(diff(x), eps))`"),
    "lambda_max": _kink("a repeated eigenvalue", "V Vᵀ/k (least norm)", "`log(trace(exp))` of a matrix, or its mean"),
    "lambda_min": _kink("a repeated eigenvalue", "V Vᵀ/k (least norm)", "`logdet`"),
    "sigma_max": _kink("a repeated singular value", "equal shares (least norm)", "`norm_fro`"),
    "norm_nuc": _kink("a singular value 0", "U Vᵀ (least norm)", "`norm_fro`"),
    "sqrt": _steep("0", "`sqrt(x + eps)`", positive),
    "log": _steep("0", "`log(x + eps)`, or a set that keeps x > 0", positive),
    "log1p": _steep("-1", _LESS, lambda x: x.within(Interval(-1.0, lower_open=True))),
    "inv_pos": _steep("0", "`1 / (x + eps)`, or a set that keeps x > 0", positive),
    "tan": _steep("π/2 + kπ", "`atan`, `tanh`", _inside(-pi / 2 + 1e-15, pi / 2 - 1e-15)),
    "asin": _steep("-1 and 1", _LESS, _inside(-1.0, 1.0)),
    "acos": _steep("-1 and 1", _LESS, _inside(-1.0, 1.0)),
    "atan2": _steep("the origin", "keep x > 0, or away from the origin", lambda y, x: never_zero(y) or positive(x)),
    "xlogx": _steep("0", _LESS, positive),
    "entropy": _steep("0", _LESS, positive),
    "rel_entr": _steep("0", _LESS, positive),
    "kl_div": _steep("0", _LESS, positive),
    "geo_mean": _steep("an entry 0", _LESS, positive),
    "poisson_nll": _steep("a rate 0", _LESS, lambda y, rate: positive(rate)),
    "bernoulli_nll": _steep("a probability 0 or 1", "`logistic` of a score", _inside(0.0, 1.0)),
    "sign": _jump("0", "`tanh(t * x)`", never_zero),
    "floor": _jump("whole numbers", _STEPS, _between_whole_numbers),
    "ceil": _jump("whole numbers", _STEPS, _between_whole_numbers),
    "round": _jump("halves", _STEPS, _between_halves),
}  # fmt: skip
"""The place of each primitive that is not smooth for all finite arguments of its domain and its boundary."""

SINGULAR_MATRICES = Roughness(
    Smoothness.SINGULAR, "a singular matrix", "`X + eps * eye(n)`, or a param in `pd`", None, lambda *intervals: False
)
"""Of ``inv``, ``solve``, ``cholesky``, ``logdet``: away from it where the eigenvalues are known to be > 0 or < 0."""

INVERSES = frozenset({"inv", "solve", "cholesky", "logdet"})
"""Primitives whose first argument must not be a singular matrix."""

DIVISION = _steep("a divisor 0", "a divisor that a set keeps from 0 (`pos`), or `y + eps`", lambda x, y: never_zero(y))
"""Of a quotient."""

REDUCED = {"max": ROUGHNESS["max"], "min": ROUGHNESS["min"]}
"""Of reductions over a clause."""


def power_roughness(base: Interval, exponent: Interval) -> Roughness | None:
    """Of x^p: smooth for whole p >= 0 and for x > 0; for p < 0 a pole at 0, for p < 1 an unbounded slope there.

    For p > 1 the derivative p x^(p - 1) goes to 0 with x.
    """
    p = exponent.value
    if (p is not None and p >= 0 and p == int(p)) or base.is_positive:
        return None
    if p is not None and p < 0 and p == int(p):
        return None if never_zero(base) else _steep("0", DIVISION.surrogate, never_zero)
    if exponent.lower > 1:
        return ONCE
    return _steep("0", "`(x + eps)^p`, or a set that keeps x > 0", positive)


ONCE = Roughness(Smoothness.ONCE, "0", "nothing is needed: the derivative is continuous")
"""Of powers x^p with p > 1 that is no whole number."""


def smoothness(primitive: str | None) -> Smoothness:
    """How smooth a primitive is where nothing is known of its arguments."""
    if primitive in INVERSES:
        return Smoothness.SINGULAR
    found = ROUGHNESS.get(primitive or "")
    return Smoothness.SMOOTH if found is None else found.smoothness


def unmet(primitive: str, intervals: tuple[Interval, ...], spectrum: Interval | None) -> Roughness | None:
    """The place of a primitive that arguments in these intervals may meet; None where they do not, or there is none.

    ``spectrum`` holds the eigenvalues of the first argument, where it is a symmetric matrix.
    """
    if primitive in INVERSES:
        return None if never_zero(spectrum or FREE) else SINGULAR_MATRICES
    found = ROUGHNESS.get(primitive)
    return None if found is None or found.away(*intervals) else found
