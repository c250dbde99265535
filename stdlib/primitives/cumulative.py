"""Running extremes: y_i = max(x_0, …, x_i), and with min.

Each y_i is an extreme of a prefix, so its derivative is a share of the entries before i that attain it. One pass of an
associative operation finds them: of two prefixes the one with the greater extreme, of equal ones both together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.stdlib.primitives.rule import Arrays, Rule, magnitude
from karush.stdlib.primitives.ties import LEAST, Element, Tie, columns

Moved = Sequence[Array | None]
Prefix = tuple[Array, ...]


def _together(first: Prefix, second: Prefix) -> Prefix:
    """Extreme, sum of the tangents that attain it, and their number, of two prefixes in a row."""
    (x, sum_x, count_x), (y, sum_y, count_y) = first, second
    ahead, behind = x > y, x < y
    sums = jnp.where(ahead, sum_x, jnp.where(behind, sum_y, sum_x + sum_y))
    counts = jnp.where(ahead, count_x, jnp.where(behind, count_y, count_x + count_y))
    return jnp.maximum(x, y), sums, counts


def _leader(first: Prefix, second: Prefix) -> Prefix:
    """The lexicographically greater of two columns of keys with its place; the last row is the place."""
    (a,), (b,) = first, second
    differs = a != b
    row = jnp.argmax(differs, axis=0)[None]
    greater = jnp.take_along_axis(a, row, axis=0) > jnp.take_along_axis(b, row, axis=0)
    return (jnp.where(greater, a, b),)


def _derivative(arguments: Arrays, tangents: Moved, tie: Tie, sign: float) -> Array:
    (x,), (tangent,) = arguments, tangents
    if tangent is None:
        return jnp.zeros_like(x)
    if tie == Element(LEAST):
        counts = jnp.ones_like(lax.stop_gradient(x))
        _, sums, attained = lax.associative_scan(_together, (sign * x, tangent, counts))
        return sums / attained
    if tie == Element("jax"):
        # a tree of halves, as JAX makes it
        return jax.jvp(lax.cummax if sign > 0 else lax.cummin, (x,), (tangent,))[1]
    return tangent[_leaders(lax.stop_gradient(x), tangent, tie, sign)]


def _leaders(x: Array, tangent: Array, tie: Tie, sign: float) -> Array:
    """The place of the entry that is taken for each prefix; torch and TensorFlow take the last."""
    places = jnp.arange(x.size, dtype=x.dtype)
    if isinstance(tie, Element):
        last = tie.choice != ("right" if sign > 0 else "left")
        keys = jnp.stack([sign * x, places if last else -places])
    else:
        keys = jnp.concatenate([(sign * x)[None], sign * columns(tangent, tie), -places[None]])
    (found,) = lax.associative_scan(_leader, (keys,), axis=1)
    return jnp.abs(found[-1]).astype(int)


def _margin(x: Array, sign: float) -> tuple[Array, Array]:
    """How far each entry is from the extreme of those before it."""
    before = lax.cummax(sign * x)[:-1]
    return jnp.abs(before - sign * x[1:]), magnitude(x)


def _running(sign: float) -> Rule:
    return Rule(
        lambda x: lax.cummax(x) if sign > 0 else lax.cummin(x),
        lambda arguments, tangents, tie: _derivative(arguments, tangents, tie, sign),
        lambda x: _margin(x, sign),
        elementwise=False,
    )


CUMMAX, CUMMIN = _running(1.0), _running(-1.0)
"""The running greatest and least entry."""

RULES: Mapping[str, Rule] = {"cummax": CUMMAX, "cummin": CUMMIN}
