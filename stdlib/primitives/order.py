"""Order statistics: functions Σ s_j y_j of the sorted entries y₀ <= y₁ <= …, and the sorted entries themselves.

Where entries are equal, any order of them that is a limit gives an element of the derivative; the mean over the equal
ones is that of least norm. ``left`` lets the first of them come first, ``right`` last.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from karush.stdlib.primitives.piecewise import clip
from karush.stdlib.primitives.rule import Arrays, Rule, magnitude
from karush.stdlib.primitives.ties import LEAST, Element, Tie, columns, first_sign

Moved = Sequence[Array | None]

# ---------------------------------------------------------------- the order


def ascending(x: Array, tangent: Array | None, tie: Tie) -> Array:
    """The places of the entries in ascending order, equal ones as the tie says."""
    if isinstance(tie, Element):
        if tie.choice == "right":
            return x.size - 1 - jnp.argsort(x[::-1], stable=True)
        return jnp.argsort(x, stable=True)
    if tangent is None:
        return jnp.argsort(x, stable=True)
    return jnp.lexsort((*columns(tangent, tie)[::-1], x))


def averaged(ordered: Array, values: Array) -> Array:
    """The mean of the values over each run of equal entries."""
    starts = jnp.concatenate([jnp.zeros(1, bool), ordered[1:] != ordered[:-1]])
    run = jnp.cumsum(starts)
    sums = jax.ops.segment_sum(values, run, num_segments=values.size, indices_are_sorted=True)
    counts = jax.ops.segment_sum(jnp.ones_like(values), run, num_segments=values.size, indices_are_sorted=True)
    return (sums / jnp.maximum(counts, 1))[run]


# ---------------------------------------------------------------- sort


def _sort_derivative(arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
    (x,), (tangent,) = arguments, tangents
    if tangent is None:
        return jnp.zeros_like(x)
    order = ascending(x, tangent, tie)
    return averaged(x[order], tangent[order]) if tie == Element(LEAST) else tangent[order]


def _sort_margin(x: Array) -> tuple[Array, Array]:
    return jnp.diff(jnp.sort(x)), magnitude(x)


SORT = Rule(jnp.sort, _sort_derivative, _sort_margin, elementwise=False)
"""The entries in ascending order; frameworks take a stable permutation."""


# ---------------------------------------------------------------- weighted sums of the sorted entries

Words = Mapping[str, str]


def weighted(weights: Array, entries: Array) -> Array:
    """Σ w y; an entry without a weight may be infinite."""
    return jnp.sum(jnp.where(weights != 0, weights * entries, 0))


@dataclass(frozen=True)
class Statistic:
    """Σ s_j(k) y_j of the sorted entries y of x, for a number k.

    ``shares(n, k)`` are the s, and ``sides(n, k)`` their slopes in k from the left and from the right: where these
    differ is a kink in k. ``words`` says what the words of frameworks are among ``left``, ``right`` and least norm.
    """

    shares: Callable[[int, Array], Array]
    sides: Callable[[int, Array], tuple[Array, Array]]
    words: Words

    def value(self, x: Array, k: Array) -> Array:
        """The sum."""
        return weighted(self.shares(x.size, k), jnp.sort(x))

    def derivative(self, arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
        """Σ w dx with the shares as weights on the entries, and the slope in k."""
        x, k = arguments
        tie = Element(self.words.get(str(tie.choice), tie.choice)) if isinstance(tie, Element) else tie
        moved = jnp.zeros((), x.dtype)
        if tangents[0] is not None:
            moved = moved + jnp.sum(self.weights(x, k, tangents[0], tie) * tangents[0])
        if tangents[1] is not None:
            moved = moved + self.in_number(x, k, tangents[1], tie) * tangents[1]
        return moved

    def weights(self, x: Array, k: Array, tangent: Array, tie: Tie) -> Array:
        """The share of every entry."""
        order, shares = ascending(x, tangent, tie), self.shares(x.size, k)
        if tie == Element(LEAST):
            shares = averaged(x[order], shares)
        return jnp.zeros_like(shares).at[order].set(shares)

    def in_number(self, x: Array, k: Array, tangent: Array, tie: Tie) -> Array:
        """The slope in k."""
        y = jnp.sort(x)
        left, right = (weighted(side, y) for side in self.sides(x.size, k))
        if not isinstance(tie, Element):
            return jnp.where(first_sign(columns(tangent, tie)) < 0, left, right)
        if tie.choice in ("left", "right"):
            return left if tie.choice == "left" else right
        low, high = jnp.minimum(left, right), jnp.maximum(left, right)
        return jnp.where(low > 0, low, jnp.where(high < 0, high, 0))

    def margin(self, x: Array, k: Array) -> tuple[Array, Array]:
        """How far apart neighbours of different shares are; the kinks in k, a constant as a rule, are not counted."""
        shares = self.shares(x.size, k)
        return jnp.where(jnp.diff(shares) != 0, jnp.diff(jnp.sort(x)), jnp.inf), magnitude(x)

    def rule(self) -> Rule:
        """Its rule."""
        return Rule(self.value, self.derivative, self.margin, elementwise=False)


def _places(n: int, k: Array) -> Array:
    return jnp.arange(n, dtype=k.dtype)


def _least_shares(n: int, k: Array) -> Array:
    """1 for the first ⌊k⌋, what is left of k for the next."""
    return clip(k - _places(n, k), 0, 1)


def _least_sides(n: int, k: Array) -> tuple[Array, Array]:
    """From the left the entry that was taken last, from the right the next."""
    j = _places(n, k)
    return tuple(side.astype(k.dtype) for side in ((k > j) & (k <= j + 1), (k >= j) & (k < j + 1)))  # type: ignore[return-value]


def _greatest_shares(n: int, k: Array) -> Array:
    return _least_shares(n, k)[::-1]


def _greatest_sides(n: int, k: Array) -> tuple[Array, Array]:
    left, right = _least_sides(n, k)
    return left[::-1], right[::-1]


def _quantile_shares(n: int, q: Array) -> Array:
    """Linear between the two order statistics around place q (n - 1)."""
    return clip(1 - jnp.abs(clip(q, 0, 1) * (n - 1) - _places(n, q)), 0, 1)


def _quantile_sides(n: int, q: Array) -> tuple[Array, Array]:
    """(n - 1)(y_(j+1) - y_j) of the interval on the left, and of that on the right; at the ends the one that is."""
    j, last = _places(n, q), max(n - 2, 0)
    position = q * (n - 1)
    lower, upper = (clip(end, 0, last) for end in (jnp.ceil(position) - 1, jnp.floor(position)))

    def rise(interval: Array) -> Array:
        return (n - 1) * ((j == interval + 1).astype(q.dtype) - (j == interval).astype(q.dtype))

    return rise(lower), rise(upper)


FIRST_ON_TOP = dict.fromkeys(("jax", "torch", "tf"), "right")
FIRST_BELOW = dict.fromkeys(("jax", "torch", "tf"), "left")

SUM_LARGEST = Statistic(_greatest_shares, _greatest_sides, FIRST_ON_TOP).rule()
"""Sum of the k greatest entries, of ⌊k⌋ and a share of the next; frameworks take the first of equal ones (top_k)."""

SUM_SMALLEST = Statistic(_least_shares, _least_sides, FIRST_BELOW).rule()
"""Sum of the k least entries."""

_QUANTILE = Statistic(_quantile_shares, _quantile_sides, FIRST_BELOW)
QUANTILE = _QUANTILE.rule()
"""The q-quantile, linear between order statistics; frameworks take a stable permutation."""

_MEDIAN = Statistic(_quantile_shares, _quantile_sides, {**FIRST_BELOW, "torch": LEAST})


def _half(x: Array) -> Array:
    return jnp.asarray(0.5, x.dtype)


MEDIAN = Rule(
    lambda x: _MEDIAN.value(x, _half(x)),
    lambda arguments, tangents, tie: _MEDIAN.derivative((*arguments, _half(arguments[0])), (*tangents, None), tie),
    lambda x: _MEDIAN.margin(x, _half(x)),
    elementwise=False,
)
"""The middle of the sorted entries, between two their mean; torch shares it among equal entries."""

RULES: Mapping[str, Rule] = {
    "sort": SORT,
    "sum_largest": SUM_LARGEST,
    "sum_smallest": SUM_SMALLEST,
    "quantile": QUANTILE,
    "median": MEDIAN,
}
