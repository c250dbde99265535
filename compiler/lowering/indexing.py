"""Brackets in JAX: slices, single indices, gathers; and indices that run along a binder."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.dependence import walk
from karush.compiler.lowering.scope import Inputs
from karush.compiler.model import Apply, At, Binder, BinderValue, Constant, Expr, Kind, Named, Range, SizeValue


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
    if any(not isinstance(i, slice) and _is_empty(size) for i, size in zip(indices, array.shape, strict=False)):
        return jnp.zeros(_shape_at(array, indices), array.dtype)  # the clause around it has no positions
    if all(isinstance(i, (slice, int)) for i in indices):
        return array[indices]
    wrap = any(isinstance(i, int) and i < 0 for i in indices)
    return array.at[indices].get(mode="promise_in_bounds", wrap_negative_indices=wrap)


def _is_empty(size: Any) -> bool:
    return isinstance(size, int) and size == 0


def _shape_at(array: Array, indices: tuple[Any, ...]) -> tuple[Any, ...]:
    """The shape of ``array[indices]`` for whole slices, single indices, and at most one index array."""
    shape: list[Any] = []
    for index, size in zip(indices, array.shape, strict=False):
        shape.extend([size] if isinstance(index, slice) else jnp.shape(index))
    return (*shape, *array.shape[len(indices) :])


def static_index(expr: Expr, inputs: Inputs) -> Any | None:
    """The number of an integer expression of sizes and numbers alone; None where it is none."""
    known: dict[Expr, Any] = {}
    for node in walk(expr):
        known[node] = _static(node, known, inputs)
        if known[node] is None:
            return None
    return known[expr]


def _static(expr: Expr, known: Mapping[Expr, Any], inputs: Inputs) -> Any | None:
    match expr:
        case Constant(value=int() as value):
            return int(value)
        case SizeValue():
            return inputs.size(expr.size)
        case Named():
            return known[expr.value]
        case Apply(atom="add" | "subtract" | "multiply", arguments=(left, right)):
            a, b = known[left], known[right]
            return a + b if expr.atom == "add" else a - b if expr.atom == "subtract" else a * b
        case Apply(atom="negate", arguments=(argument,)):
            return -known[argument]
        case _:
            return None


@dataclass(frozen=True)
class Run:
    """The indices first, first + stride, first + 2 stride, … that an index takes as a binder runs."""

    first: Any
    stride: int


MAX_LEVELS = 50
"""How many operations away from its binder an index may be: one further away is gathered as any other."""


def run_along(expr: Expr, binder: Binder, inputs: Inputs, level: int = 0) -> Run | None:
    """The run of an index such as ``i + 1`` or ``(i - a) / step`` along the binder i; None for any other index."""
    if level == MAX_LEVELS:
        return None
    match expr:
        case BinderValue():
            return Run(inputs.size(binder.start), binder.step) if expr.binder is binder else None
        case Named():
            return run_along(expr.value, binder, inputs, level + 1)
        case Apply(atom="add", arguments=(left, right)):
            return _shifted(left, right, binder, inputs, level) or _shifted(right, left, binder, inputs, level)
        case Apply(atom="subtract", arguments=(left, right)):
            run, back = run_along(left, binder, inputs, level + 1), static_index(right, inputs)
            return None if run is None or back is None else Run(run.first - back, run.stride)
        case Apply(atom="divide", kind=Kind.INTEGER, arguments=(left, Constant(value=int() as divisor))):
            run = run_along(left, binder, inputs, level + 1)
            whole = run is not None and divisor > 0 and run.stride % divisor == 0
            return Run(run.first // divisor, run.stride // divisor) if run is not None and whole else None
        case _:
            return None


def _shifted(running: Expr, shift: Expr, binder: Binder, inputs: Inputs, level: int) -> Run | None:
    offset = static_index(shift, inputs)
    run = None if offset is None else run_along(running, binder, inputs, level + 1)
    return None if run is None else Run(run.first + offset, run.stride)


def slice_along(array: Array, axis: int, length: Any, run: Run) -> Array | None:
    """``array[…, index, …]`` for all indices of a run as one slice along the axis; None where it is none."""
    if run.stride < 1:
        return None
    if isinstance(length, int) and length == 0:
        return _slice(array, axis, 0, 0)
    stop = run.first + (length - 1) * run.stride + 1
    known = all(isinstance(size, int) for size in (run.first, stop, array.shape[axis]))
    if known and (run.first < 0 or stop > array.shape[axis]):
        return None
    if run.stride == 1:
        return _slice(array, axis, run.first, stop)
    return jax.lax.slice_in_dim(array, run.first, stop, stride=run.stride, axis=axis)
