"""Greatest and least: of arguments, of the entries of an array, of the entries of segments.

The derivative is Σ w_i dx_i with weights w >= 0 on the entries that attain the extreme, Σ w = 1. Any such weights are
an element of the Clarke derivative; equal ones are that of least norm. A least entry is the greatest negative one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.stdlib.primitives.rule import Arrays, Rule, magnitude, total
from karush.stdlib.primitives.ties import LEAST, Element, Tie, columns, first_of, first_sign, foremost, shares

Moved = Sequence[Array | None]

PAIRS: Mapping[str, Callable[[float], float]] = {
    LEAST: lambda sign: 0.5,
    "jax": lambda sign: 0.5,
    "torch": lambda sign: 0.5,
    "tf": lambda sign: 1.0,
    "left": lambda sign: 0.0 if sign > 0 else 1.0,
    "right": lambda sign: 1.0 if sign > 0 else 0.0,
}
"""The weight of the first of two equal arguments, of which the greater (sign 1) or the lesser (-1) is taken."""


# ---------------------------------------------------------------- of two arguments


def pair_weight(x: Array, y: Array, tangents: Moved, tie: Tie, sign: float) -> Array:
    """The weight of the first of two, of which the greater (sign 1) or the lesser (-1) is taken."""
    ahead = ((x > y) if sign > 0 else (x < y)).astype(x.dtype)
    if isinstance(tie, Element):
        share = PAIRS[tie.choice](sign) if isinstance(tie.choice, str) else tie.choice
        if share == 1:
            return ((x >= y) if sign > 0 else (x <= y)).astype(x.dtype)
        return ahead if share == 0 else jnp.where(x == y, jnp.asarray(share, x.dtype), ahead)
    apart = total((tangents[0], None if tangents[1] is None else -tangents[1]), x)
    side = sign * first_sign(columns(apart, tie))
    return jnp.where(x == y, ((1 + side) / 2).astype(x.dtype), ahead)


def _of_two(x: Array, y: Array, tangents: Moved, tie: Tie, sign: float) -> Array:
    weight = pair_weight(x, y, tangents, tie, sign)
    first, second = tangents
    if first is not None and second is not None:
        return second + weight * (first - second)
    weights = (weight, 1 - weight)
    return total([None if t is None else w * t for w, t in zip(weights, tangents, strict=True)], x)


# ---------------------------------------------------------------- of the first axis of an array


def weights_of(parts: Array, moved: Array, tie: Tie, sign: float = 1.0) -> Array:
    """The weights along the first axis, of which the greatest entry is taken; ``moved`` are its tangents.

    ``sign`` is -1 where the entries stand for the negative ones of a least entry: left and right are the other way
    round then.
    """
    top = parts == jnp.max(parts, axis=0)
    if isinstance(tie, Element):
        if tie.choice not in ("left", "right"):
            weights = top.astype(parts.dtype)
            return weights / jnp.sum(weights, axis=0)
        last = (tie.choice == "left") == (sign > 0)
        return by_column(lambda mask: first_of(mask, last=last), top).astype(parts.dtype)
    directions = columns(moved, tie)
    flat = directions.reshape(*directions.shape[:2], -1)
    chosen = jax.vmap(foremost, in_axes=(1, 2), out_axes=1)(top.reshape(top.shape[0], -1), flat).reshape(top.shape)
    return by_column(lambda mask: shares(mask, parts.dtype), chosen)


def by_column(function: Callable[[Array], Array], array: Array) -> Array:
    """A function of vectors along the first axis."""
    flat = array.reshape(array.shape[0], -1)
    return jax.vmap(function, in_axes=1, out_axes=1)(flat).reshape(array.shape)


def _order(parts: Array) -> Array:
    """The places along the first axis."""
    return jnp.arange(parts.shape[0]).reshape((-1,) + (1,) * (parts.ndim - 1))


def _runner_up(parts: Array) -> tuple[Array, Array]:
    """How far the greatest entry of the first axis is above the next one."""
    if parts.shape[0] < 2:
        return jnp.full(parts.shape[1:], jnp.inf, parts.dtype), magnitude(parts)
    leader = jnp.argmax(parts, axis=0)
    others = jnp.where(jnp.expand_dims(leader, 0) == _order(parts), -jnp.inf, parts)
    first, second = jnp.max(parts, axis=0), jnp.max(others, axis=0)
    finite = jnp.where(jnp.isfinite(parts), parts, 0)
    return jnp.where(jnp.isfinite(second), first - second, jnp.inf), magnitude(finite)


def _of_arguments(sign: float) -> Rule:
    """The rule of ``max(a, b, …)``, elementwise."""

    def value(*arguments: Array) -> Array:
        if len(arguments) == 2:
            return jnp.maximum(*arguments) if sign > 0 else jnp.minimum(*arguments)
        parts = jnp.stack(arguments)
        return jnp.max(parts, axis=0) if sign > 0 else jnp.min(parts, axis=0)

    def derivative(arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
        if len(arguments) == 2:
            return _of_two(arguments[0], arguments[1], tangents, tie, sign)
        parts = jnp.stack(arguments)
        moved = jnp.stack([jnp.zeros_like(a) if t is None else t for a, t in zip(arguments, tangents, strict=True)])
        return jnp.sum(weights_of(sign * parts, sign * moved, tie, sign) * moved, axis=0)

    def margin(*arguments: Array) -> tuple[Array, Array]:
        return _runner_up(sign * jnp.stack(arguments))

    return Rule(value, derivative, margin, numbers=True)


def over_first_axis(sign: float) -> Rule:
    """The rule of the greatest (sign 1) or least (-1) entry along the first axis."""

    def value(x: Array) -> Array:
        return jnp.max(x, axis=0) if sign > 0 else jnp.min(x, axis=0)

    def derivative(arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
        (x,), (moved,) = arguments, tangents
        if moved is None:
            return jnp.zeros(x.shape[1:], x.dtype)
        if isinstance(tie, Element) and tie.choice not in ("left", "right"):
            top = x == value(x)  # the mean over the equal ones costs less than weights for each entry
            return jnp.sum(jnp.where(top, moved, 0), axis=0) / jnp.sum(top.astype(x.dtype), axis=0)
        return jnp.sum(weights_of(sign * x, sign * moved, tie, sign) * moved, axis=0)

    return Rule(value, derivative, lambda x: _runner_up(sign * x), elementwise=False)


def _of_entries(sign: float) -> Rule:
    """The rule of the greatest or least of all entries."""
    along = over_first_axis(sign)

    def derivative(arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
        flat = [None if t is None else t.ravel() for t in tangents]
        return along.derivative([arguments[0].ravel()], flat, tie)

    return Rule(lambda x: along.value(x.ravel()), derivative, lambda x: along.margin(x.ravel()), elementwise=False)


MAXIMUM, MINIMUM = _of_arguments(1.0), _of_arguments(-1.0)
"""The greatest and the least argument; a number is the weight of the first of two equal ones."""

MAX, MIN = _of_entries(1.0), _of_entries(-1.0)
"""The greatest and the least entry."""

RULES: Mapping[str, Rule] = {"maximum": MAXIMUM, "minimum": MINIMUM, "max": MAX, "min": MIN}


# ---------------------------------------------------------------- of segments


def over_segments(sign: float, places: Array, number: Any) -> Rule:
    """The rule of the greatest or least entry of each of ``number`` segments; ``places`` says where an entry belongs.

    An entry whose place is none of them belongs to no segment; the extreme of an empty one is ∓∞.
    """

    def spread(of_segments: Array) -> Array:
        return jnp.take(of_segments, jnp.clip(places, 0, number - 1), axis=0)

    def greatest(x: Array) -> Array:
        return jax.ops.segment_max(x, places, num_segments=number)

    def value(x: Array) -> Array:
        return sign * greatest(sign * x)

    def derivative(arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
        (x,), (moved,) = arguments, tangents
        if moved is None:
            return jnp.zeros_like(value(x))
        inside = ((places >= 0) & (places < number)).reshape((-1,) + (1,) * (x.ndim - 1))
        top = (sign * x == spread(greatest(sign * x))) & inside
        if isinstance(tie, Element) and tie.choice in ("left", "right"):
            order = _order(x).astype(x.dtype)
            last = (tie.choice == "left") == (sign > 0)
            top = refine(top, jnp.broadcast_to(order if last else -order, x.shape))
        elif not isinstance(tie, Element):
            top, _ = lax.scan(lambda mask, key: (refine(mask, key), None), top, columns(sign * moved, tie))
        weights = top.astype(x.dtype)
        count = jax.ops.segment_sum(weights, places, num_segments=number)
        return jax.ops.segment_sum(weights * moved, places, num_segments=number) / jnp.maximum(count, 1)

    def refine(mask: Array, key: Array) -> Array:
        chosen = jnp.where(mask, key, -jnp.inf)
        return mask & (chosen == spread(greatest(chosen)))

    def margin(x: Array) -> tuple[Array, Array]:
        best = greatest(sign * x)
        top = sign * x == spread(best)
        order = _order(x)
        leader = spread(jax.ops.segment_min(jnp.where(top, order, x.shape[0]), places, num_segments=number)) == order
        gap = jnp.where(leader, jnp.inf, spread(best) - sign * x)
        return gap, magnitude(jnp.where(jnp.isfinite(x), x, 0))

    return Rule(value, derivative, margin, elementwise=False)
