"""Piecewise functions, elementwise. Every one owns its derivative at the tie.

At a tie the derivative is one element of the conservative one: of least norm by default (relu 0, abs 0, equal shares
of a maximum), or the number that ``derivative rule(relu = 0.5)`` states. The weights of all arguments sum to the
derivative along the tie: moving x and its bound together moves ``clip`` by as much. ``lax.clamp`` does not have that
and is not used.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from karush.stdlib.primitives.tangents import real, reals, with_slope

ArrayLike = jax.typing.ArrayLike
Unary = Callable[[ArrayLike], Array]


def absolute_with(tie: float = 0.0) -> Unary:
    """|x| with the slope ``tie`` at 0."""
    return with_slope(jnp.abs, lambda x: jnp.where(x == 0, tie, jnp.sign(x)))


def relu_with(tie: float = 0.0) -> Unary:
    """max(x, 0) with the slope ``tie`` at 0."""
    return with_slope(
        lambda x: jnp.maximum(x, 0),
        lambda x: jnp.where(x == 0, jnp.asarray(tie, x.dtype), (x > 0).astype(x.dtype)),
    )


def neg_part_with(tie: float = 0.0) -> Unary:
    """max(-x, 0) with the slope ``tie`` at 0."""
    return with_slope(
        lambda x: jnp.maximum(-x, 0),
        lambda x: jnp.where(x == 0, jnp.asarray(tie, x.dtype), -(x < 0).astype(x.dtype)),
    )


absolute = absolute_with()
relu = relu_with()
neg_part = neg_part_with()


@jax.custom_jvp
def _leaky_relu(x: Array, slope: Array) -> Array:
    return jnp.where(x > 0, x, slope * x)


@_leaky_relu.defjvp
def _leaky_relu_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    x, slope = primals
    moved = jnp.where(x > 0, 1, slope) * tangents[0] + jnp.where(x > 0, 0, x) * tangents[1]
    return _leaky_relu(x, slope), moved


def leaky_relu(x: ArrayLike, slope: ArrayLike = 0.01) -> Array:
    """max(x, slope x) for a slope in [0, 1]; the slope at 0 is the lesser one."""
    return _leaky_relu(*jnp.broadcast_arrays(*reals(x, slope)))


def _pair_with(first: Callable[[Array, Array], Array], value: Callable[[Array, Array], Array]) -> Callable:
    """An extreme of two whose first argument has the weight ``first``, the second the rest of 1."""

    @jax.custom_jvp
    def rule(x: Array, y: Array) -> Array:
        return value(x, y)

    @rule.defjvp
    def rule_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
        x, y = primals
        weight = first(x, y)
        return rule(x, y), weight * tangents[0] + (1 - weight) * tangents[1]

    return rule


def _extreme_with(many: Callable, pair: Callable) -> Callable[..., Array]:
    def function(*arguments: ArrayLike) -> Array:
        arrays = jnp.broadcast_arrays(*reals(*arguments))
        return pair(*arrays) if len(arrays) == 2 else many(jnp.stack(arrays), axis=0)

    return function


def maximum_with(tie: float = 0.5) -> Callable[..., Array]:
    """The greatest of its arguments; of two equal ones the first has the weight ``tie``, of k equal ones each 1/k."""

    def weight(x: Array, y: Array) -> Array:
        return jnp.where(x == y, jnp.asarray(tie, x.dtype), (x > y).astype(x.dtype))

    return _extreme_with(jnp.max, _pair_with(weight, jnp.maximum))


def minimum_with(tie: float = 0.5) -> Callable[..., Array]:
    """The least of its arguments; of two equal ones the first has the weight ``tie``, of k equal ones each 1/k."""

    def weight(x: Array, y: Array) -> Array:
        return jnp.where(x == y, jnp.asarray(tie, x.dtype), (x < y).astype(x.dtype))

    return _extreme_with(jnp.min, _pair_with(weight, jnp.minimum))


maximum = maximum_with()
minimum = minimum_with()


@jax.custom_jvp
def _clip(x: Array, lower: Array, upper: Array) -> Array:
    return jnp.minimum(jnp.maximum(x, lower), upper)


@_clip.defjvp
def _clip_jvp(primals: tuple[Array, ...], tangents: tuple[Array, ...]) -> tuple[Array, Array]:
    x, lower, upper = primals
    at_upper = jnp.maximum(x, lower) >= upper
    at_lower = (x <= lower) & ~at_upper
    moved = jnp.where(at_upper, tangents[2], jnp.where(at_lower, tangents[1], tangents[0]))
    return _clip(x, lower, upper), moved


def clip(x: ArrayLike, lower: ArrayLike, upper: ArrayLike) -> Array:
    """x moved into [lower, upper]; at a bound the result moves with the bound."""
    return _clip(*jnp.broadcast_arrays(*reals(x, lower, upper)))


def sign(x: ArrayLike) -> Array:
    """-1, 0 or 1."""
    return jnp.sign(real(x))


def floor(x: ArrayLike) -> Array:
    """The greatest integer at most x."""
    return jnp.floor(real(x))


def ceil(x: ArrayLike) -> Array:
    """The least integer at least x."""
    return jnp.ceil(real(x))


def round_half_even(x: ArrayLike) -> Array:
    """The nearest integer; halves to even."""
    return jnp.round(real(x))


TIES: dict[str, Callable[[float], Callable[..., Array]]] = {
    "abs": absolute_with,
    "relu": relu_with,
    "neg_part": neg_part_with,
    "maximum": maximum_with,
    "minimum": minimum_with,
}
"""Primitives whose element at the tie can be stated: name -> (number -> function)."""
