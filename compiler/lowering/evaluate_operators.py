"""The operators of the language in JAX: arithmetic, comparisons, selection, and the making of arrays.

Plain Python numbers stay Python numbers as long as only they meet, so that a constant of the file is a constant of
the program and an exponent is known when it is needed.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero

from karush.stdlib.primitives.scalar import sqrt
from karush.stdlib.primitives.table import primitive
from karush.stdlib.primitives.ties import Movement

Value = Any
"""A JAX array, or a Python number where the value is known while tracing."""


def is_number(value: Value) -> bool:
    """Is it known while tracing?"""
    return isinstance(value, (bool, int, float))


# ---------------------------------------------------------------- division


@jax.custom_jvp
def quotient(dividend: Array, divisor: Array) -> Array:
    """q = a / b elementwise, with dq = (da − q db) / b: one division more, and no power of b."""
    return dividend / divisor


def _quotient_jvp(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    dividend, divisor = primals
    d_dividend, d_divisor = tangents
    value = quotient(dividend, divisor)
    if isinstance(d_divisor, SymbolicZero):
        numerator = 0.0 if isinstance(d_dividend, SymbolicZero) else d_dividend
    elif isinstance(d_dividend, SymbolicZero):
        numerator = -value * d_divisor
    else:
        numerator = d_dividend - value * d_divisor
    return value, jnp.broadcast_to(numerator / divisor, value.shape)


quotient.defjvp(_quotient_jvp, symbolic_zeros=True)


def divide(dividend: Value, divisor: Value) -> Value:
    """a / b; a plain number as divisor is a scaling."""
    if is_number(dividend) and is_number(divisor):
        return dividend / divisor if divisor else _extended_quotient(dividend)
    if is_number(divisor):
        return dividend / divisor
    shape = jnp.broadcast_shapes(jnp.shape(dividend), jnp.shape(divisor))
    dividend, divisor = jnp.asarray(dividend, divisor.dtype), jnp.asarray(divisor)
    return quotient(jnp.broadcast_to(dividend, shape), jnp.broadcast_to(divisor, shape))


def _extended_quotient(dividend: float) -> float:
    return math.nan if dividend == 0 or math.isnan(dividend) else math.copysign(math.inf, dividend)


# ---------------------------------------------------------------- powers


def power(base: Value, exponent: Value) -> Value:
    """x^p: products for a small whole number p known while tracing, else the real power."""
    if is_number(base) and is_number(exponent):
        return _number_power(base, exponent)
    if is_number(exponent) and float(exponent).is_integer() and abs(exponent) <= 64:
        whole = int(exponent)
        return base * base if whole == 2 else jax.lax.integer_pow(base, whole)
    if is_number(exponent) and exponent == 0.5:
        return sqrt(base)
    return jnp.power(base, exponent)


def _number_power(base: float, exponent: float) -> float:
    try:
        value = base**exponent
    except (ZeroDivisionError, OverflowError):
        return math.inf
    return math.nan if isinstance(value, complex) else value


# ---------------------------------------------------------------- extremes


EXTREMES: dict[str, tuple[Callable[..., Any], Callable[..., Array]]] = {
    "maximum": (max, jnp.max),
    "minimum": (min, jnp.min),
}
"""``max(a, b, …)`` and ``min(a, b, …)``: of plain numbers, and of the first axis of an array of integers."""


def extreme(name: str, tie: Movement) -> Callable[..., Value]:
    """The greatest or least of several, elementwise; ties are those of real numbers."""
    on_numbers, on_integers = EXTREMES[name]
    on_reals = primitive(name, tie)

    def apply(*arguments: Value) -> Value:
        if all(map(is_number, arguments)):
            return on_numbers(arguments)
        if jnp.issubdtype(jnp.result_type(*arguments), jnp.floating):
            return on_reals(*arguments)
        shape = jnp.broadcast_shapes(*(jnp.shape(a) for a in arguments))
        return on_integers(jnp.stack([jnp.broadcast_to(a, shape) for a in arguments]), axis=0)

    return apply


# ---------------------------------------------------------------- selection


def select(condition: Value, chosen: Value, otherwise: Value) -> Value:
    """``if condition then chosen else otherwise``, elementwise."""
    if is_number(condition):
        return chosen if condition else otherwise
    return jnp.where(condition, chosen, otherwise)


def guard(value: Array, condition: Array) -> Array:
    """The value where the condition holds, a harmless one where its result is thrown away.

    An operation that may be undefined is applied to what this returns, so that neither a NaN nor an infinite slope
    arises on the branch that is not taken. ½ lies within the domain of every scalar function, ½ I of every spectral
    one. A condition of another shape than the value counts as true where any of its entries is.
    """
    if not jnp.issubdtype(jnp.result_type(value), jnp.floating):
        return value
    square = jnp.ndim(value) == 2 and value.shape[0] == value.shape[1]
    harmless = 0.5 * jnp.eye(value.shape[0], dtype=value.dtype) if square else jnp.asarray(0.5, value.dtype)
    fits = jnp.ndim(condition) == 0 or jnp.shape(condition) == jnp.shape(value)
    return jnp.where(condition if fits else jnp.any(condition), value, harmless)


# ---------------------------------------------------------------- the table


def _pythonic(on_numbers: Callable[..., Any], on_arrays: Callable[..., Any]) -> Callable[..., Any]:
    def apply(*arguments: Value) -> Value:
        return on_numbers(*arguments) if all(map(is_number, arguments)) else on_arrays(*arguments)

    return apply


def _concat(*arguments: Value) -> Array:
    return jnp.concatenate([jnp.asarray(a) for a in arguments])


def _stack(*arguments: Value) -> Array:
    shape = jnp.broadcast_shapes(*(jnp.shape(a) for a in arguments))
    return jnp.stack([jnp.broadcast_to(jnp.asarray(a), shape) for a in arguments])


OPERATORS: dict[str, Callable[..., Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": divide,
    "power": power,
    "negate": operator.neg,
    "equal": operator.eq,
    "not_equal": operator.ne,
    "less": operator.lt,
    "less_equal": operator.le,
    "greater": operator.gt,
    "greater_equal": operator.ge,
    "and": _pythonic(lambda a, b: bool(a and b), jnp.logical_and),
    "or": _pythonic(lambda a, b: bool(a or b), jnp.logical_or),
    "not": _pythonic(operator.not_, jnp.logical_not),
    "matmul": operator.matmul,
    "transpose": jnp.transpose,
    "concat": _concat,
    "stack": _stack,
    "diag": jnp.diag,
}
"""Operators by the name they have in the typed model; those that need their shape (zeros, eye, …) are elsewhere."""
