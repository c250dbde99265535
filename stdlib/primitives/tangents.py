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


def divided(tangent: Array, divisor: Array) -> Array:
    """The u with ``divisor`` u = ``tangent``, 0 for a zero tangent whatever the divisor."""

    def solve(_: Callable[[Array], Array], right: Array) -> Array:
        return jnp.where(right == 0, jnp.zeros_like(right), right / divisor)

    return lax.custom_linear_solve(lambda u: divisor * u, tangent, solve, symmetric=True)


@jax.custom_jvp
def _root_times(x: Array, u: Array) -> Array:
    """√x u. Its derivative in x is u dx / (2 √x), 0 where u is: it is what `divided_by_root` is differentiated by."""
    return jnp.sqrt(x) * u


@_root_times.defjvp
def _root_times_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    (x, u), (x_tangent, u_tangent) = primals, tangents
    return _root_times(x, u), divided_by_root(u * x_tangent / 2, x, jnp.sqrt(x)) + _root_times(x, u_tangent)


def divided_by_root(tangent: Array, x: Array, root: Array) -> Array:
    """The u with √x u = ``tangent``, 0 for a zero tangent, also at x = 0; ``root`` is √x, which the caller has."""
    divisor = lax.stop_gradient(root)

    def solve(_: Callable[[Array], Array], right: Array) -> Array:
        return jnp.where(right == 0, jnp.zeros_like(right), right / divisor)

    return lax.custom_linear_solve(lambda u: _root_times(x, u), tangent, solve, symmetric=True)


def undefined_where(mask: Array, tangent: Array) -> Array:
    """The tangent, NaN where it is not 0 and ``mask`` holds.

    Its transpose is the identity: for those whose cotangents are NaN there already, by `divided`.
    """

    def mark(_: Callable[[Array], Array], right: Array) -> Array:
        return jnp.where(mask & (right != 0), jnp.full_like(right, jnp.nan), right)

    return lax.custom_linear_solve(lambda u: u, tangent, mark, lambda _, right: right)


Function = Callable[[Array], Array]
Move = Callable[[Array, Array, Array], Array]
"""(x, f(x), tangent of x) ↦ the tangent of f(x)."""


def with_tangent(name: str, value: Function, move: Move) -> Callable[[jax.typing.ArrayLike], Array]:
    """The elementwise function with this rule; ``name`` is what operation counts call it."""

    def plain(x: Array) -> Array:
        return value(x)

    plain.__name__ = name
    rule = jax.custom_jvp(plain)

    @rule.defjvp
    def rule_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        (x,), (tangent,) = primals, tangents
        y = rule(x)
        return y, move(x, y, tangent)

    def function(x: jax.typing.ArrayLike) -> Array:
        return rule(real(x))

    return function


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
