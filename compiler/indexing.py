"""Brackets in JAX: slices, single indices, gathers; and indices that run along a binder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.model import Apply, At, Binder, BinderValue, Constant, Expr, Named, Range, SizeValue
from karush.compiler.scope import Inputs


def take(array: Array, items: tuple[At | Range, ...], value: Callable[[Expr], Any], inputs: Inputs) -> Array:
    """``array[items]``: whole ranges cost nothing, ranges are static slices, the rest is one gather.

    A gather along one axis by an index array comes after the single indices, so that its axis stays where it stands.
    """
    indices: list[Any] = []
    for axis, item in enumerate(items):
        if isinstance(item, Range):
            array = _slice(array, axis, inputs.size(item.start), inputs.size(item.stop))
            indices.append(slice(None))
        else:
            indices.append(value(item.index))
    single = tuple(i if isinstance(i, slice) or jnp.ndim(i) == 0 else slice(None) for i in indices)
    array = _at(array, single)
    remaining = [i for i in indices if isinstance(i, slice) or jnp.ndim(i) > 0]
    if all(isinstance(i, slice) for i in remaining):
        return array
    return _at(array, tuple(remaining))


def _slice(array: Array, axis: int, start: Any, stop: Any) -> Array:
    if isinstance(start, int) and start == 0 and stop == array.shape[axis]:
        return array
    return jax.lax.slice_in_dim(array, start, stop, axis=axis)


def _at(array: Array, indices: tuple[Any, ...]) -> Array:
    """Indexing where the indices are known to be in range."""
    if all(isinstance(i, slice) for i in indices):
        return array
    if all(isinstance(i, (slice, int)) for i in indices):
        return array[indices]
    wrap = any(isinstance(i, int) and i < 0 for i in indices)
    return array.at[indices].get(mode="promise_in_bounds", wrap_negative_indices=wrap)


def static_index(expr: Expr, inputs: Inputs) -> Any | None:
    """The number of an integer expression of sizes and numbers alone; None where it is none."""
    match expr:
        case Constant(value=int() as value):
            return int(value)
        case SizeValue():
            return inputs.size(expr.size)
        case Named():
            return static_index(expr.value, inputs)
        case Apply(atom="add" | "subtract" | "multiply", arguments=(left, right)):
            a, b = static_index(left, inputs), static_index(right, inputs)
            if a is None or b is None:
                return None
            return a + b if expr.atom == "add" else a - b if expr.atom == "subtract" else a * b
        case Apply(atom="negate", arguments=(argument,)):
            value = static_index(argument, inputs)
            return None if value is None else -value
        case _:
            return None


def shift_along(expr: Expr, binder: Binder, inputs: Inputs) -> Any | None:
    """The s of an index ``i + s`` along the binder i, s known while tracing; None for any other index."""
    match expr:
        case BinderValue():
            return 0 if expr.binder is binder else None
        case Named():
            return shift_along(expr.value, binder, inputs)
        case Apply(atom="add", arguments=(left, right)):
            return _sum(shift_along(left, binder, inputs), static_index(right, inputs)) or _sum(
                static_index(left, inputs), shift_along(right, binder, inputs)
            )
        case Apply(atom="subtract", arguments=(left, right)):
            shift, back = shift_along(left, binder, inputs), static_index(right, inputs)
            return None if shift is None or back is None else shift - back
        case _:
            return None


def _sum(a: Any | None, b: Any | None) -> Any | None:
    return None if a is None or b is None else a + b


def slice_along(array: Array, axis: int, binder: Binder, shift: Any, inputs: Inputs) -> Array | None:
    """``array[…, i + shift, …]`` for all i of the binder as one slice along the axis; None where it is none."""
    if binder.step < 1:
        return None
    length, start = inputs.size(binder.length), inputs.size(binder.start) + shift
    if isinstance(length, int) and isinstance(start, int) and isinstance(array.shape[axis], int):
        stop = start + (length - 1) * binder.step + 1 if length else start
        if start < 0 or stop > array.shape[axis]:
            return None
    stop = start + (length - 1) * binder.step + 1
    if isinstance(length, int) and length == 0:
        start = stop = 0
    if binder.step == 1:
        return _slice(array, axis, start, stop)
    return jax.lax.slice_in_dim(array, start, stop, stride=binder.step, axis=axis)
