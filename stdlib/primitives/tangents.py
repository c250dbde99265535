"""How an elementary rule is written: linear in the tangent, so that reverse mode is the transpose of forward mode.

A slope may be infinite or undefined at single points (√ at 0). There the rule is 0 for a zero tangent and the limit for
any other, so that a loss masked elsewhere is differentiated right: inf · 0 never makes a NaN. Such a product is the
"solve" of a linear equation, which is what lets it transpose.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax


def real(x: jax.typing.ArrayLike) -> Array:
    """The array of real numbers that an argument is; integers become reals that take the type of what they meet."""
    array = jnp.asarray(x)
    return array if jnp.issubdtype(array.dtype, jnp.inexact) else 1.0 * array


def reals(*arguments: jax.typing.ArrayLike) -> tuple[Array, ...]:
    """Arguments of one dtype."""
    arrays = tuple(real(x) for x in arguments)
    dtype = jnp.result_type(*arrays)
    return tuple(array.astype(dtype) for array in arrays)


def at_singularity(tangent: Array, mask: Array, limit: Array) -> Array:
    """``limit * tangent`` where ``mask`` holds and the tangent is not 0; 0 elsewhere. Linear where it is finite."""

    def solve(_: Callable[[Array], Array], right: Array) -> Array:
        return jnp.where(mask & (right != 0), limit * jnp.where(right == 0, 1, right), jnp.zeros_like(right))

    return lax.custom_linear_solve(lambda v: jnp.where(mask, jnp.zeros_like(v), v), tangent, solve, symmetric=True)


Function = Callable[[Array], Array]


def with_slope(value: Function, slope: Function) -> Callable[[jax.typing.ArrayLike], Array]:
    """The elementwise function with this derivative; ``slope`` is called where it is finite only."""

    @jax.custom_jvp
    def rule(x: Array) -> Array:
        return value(x)

    @rule.defjvp
    def rule_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        (x,), (tangent,) = primals, tangents
        return rule(x), slope(x) * tangent

    def function(x: jax.typing.ArrayLike) -> Array:
        return rule(real(x))

    return function


def with_singular_slope(
    value: Function, slope: Function, singular: Function, safe: float, limit: Function
) -> Callable[[jax.typing.ArrayLike], Array]:
    """As ``with_slope``, where the slope tends to ``limit(x)`` (infinite) on ``singular(x)``.

    The slope is taken at ``safe`` there, so that no derivative of any order meets the singularity.
    """

    @jax.custom_jvp
    def rule(x: Array) -> Array:
        return value(x)

    @rule.defjvp
    def rule_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        (x,), (tangent,) = primals, tangents
        mask = singular(x)
        regular = jnp.where(mask, 0, slope(jnp.where(mask, safe, x)))
        return rule(x), regular * tangent + at_singularity(tangent, mask, lax.stop_gradient(limit(x)))

    def function(x: jax.typing.ArrayLike) -> Array:
        return rule(real(x))

    return function
