"""Which expressions without vars have a sparse value, and which atoms take one without making it dense."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import jax.numpy as jnp
from jax import Array
from jax.experimental.sparse import BCOO

from karush.compiler.lowering import sparse_values as sparse
from karush.compiler.lowering.evaluate_operators import divide, is_number
from karush.compiler.lowering.scope import Scope
from karush.compiler.model import Apply, At, Expr, Named, ParamValue, Subscript

Value = Callable[[Expr, Scope], Any]
"""``Evaluator.value``: the dense value of an expression."""

MAX_LEVELS = 50
"""How many operations away from its params a sparse value may be: one further away is dense."""


def sparse_value(expr: Expr, scope: Scope, value: Value, level: int = 0) -> BCOO | None:
    """The sparse value of an expression in params alone; None for any other."""
    if level == MAX_LEVELS or len(expr.shape) != 2:
        return None
    match expr:
        case ParamValue():
            given = scope.inputs.params.get(expr.name)
            return given if isinstance(given, BCOO) else None
        case Named():
            return sparse_value(expr.value, scope, value, level + 1)
        case Apply(atom="transpose" | "negate", arguments=(argument,)):
            matrix = sparse_value(argument, scope, value, level + 1)
            if matrix is None:
                return None
            return sparse.transposed(matrix) if expr.atom == "transpose" else sparse.with_data(matrix, -matrix.data)
        case Apply(atom="multiply" | "divide", arguments=(left, right)):
            return _scaled(expr, left, right, scope, value, level)
        case Apply(atom="add" | "subtract", arguments=(left, right)):
            a, b = (sparse_value(side, scope, value, level + 1) for side in (left, right))
            if a is None or b is None:
                return None
            return sparse.total(a, sparse.with_data(b, -b.data) if expr.atom == "subtract" else b)
        case _:
            return None


def _scaled(expr: Apply, left: Expr, right: Expr, scope: Scope, value: Value, level: int) -> BCOO | None:
    a = sparse_value(left, scope, value, level + 1)
    b = None if a is not None or expr.atom == "divide" else sparse_value(right, scope, value, level + 1)
    matrix, other = (a, right) if a is not None else (b, left)
    if matrix is None or not scope.known(other):
        return None
    factor = value(other, scope)
    if expr.atom == "divide":
        if jnp.ndim(factor):
            return None  # 0 / 0 where nothing is stored
        factor = divide(1.0, factor if is_number(factor) else jnp.asarray(factor, scope.inputs.dtype))
    return sparse.times_entries(matrix, factor)


# ---------------------------------------------------------------- what takes a sparse value as it is


@dataclass(frozen=True, eq=False)
class Use:
    """How an expression is computed from sparse values, and the ``parts`` that are evaluated for it."""

    parts: tuple[Expr, ...]
    compute: Callable[[], Array]


REDUCTIONS: dict[str, Callable[[Array], Array]] = {
    "sum": jnp.sum,
    "sumsq": lambda data: jnp.sum(data * data),
}
"""Atoms of all entries to which one that is 0 adds nothing, neither to the value nor to its derivative."""


def sparse_use(expr: Expr, scope: Scope, value: Value) -> Use | None:
    """How an expression takes sparse arguments as they are; None where it has no rule, or none of them is sparse."""
    if not any(isinstance(given, BCOO) for given in scope.inputs.params.values()):
        return None
    match expr:
        case Apply(atom="matmul"):
            return _matmul(expr, scope, value)
        case Apply(atom="quad"):
            return _quad(expr, scope, value)
        case Apply() if expr.atom in REDUCTIONS:
            matrix = sparse_value(expr.arguments[0], scope, value)
            reduction = REDUCTIONS[expr.atom]
            return None if matrix is None else Use((), lambda: reduction(sparse.canonical(matrix).data))
        case Subscript():
            return _entries(expr, scope, value)
        case _:
            return None


def _matmul(node: Apply, scope: Scope, value: Value) -> Use | None:
    left, right = node.arguments
    a = sparse_value(left, scope, value)
    if a is not None:
        return Use((right,), lambda: sparse.product(a, _array(right, scope, value)))
    b = sparse_value(right, scope, value)
    if b is None:
        return None
    # x B = (Bᵀ xᵀ)ᵀ
    flipped = sparse.transposed(b)
    return Use((left,), lambda: jnp.transpose(sparse.product(flipped, jnp.transpose(_array(left, scope, value)))))


def _quad(node: Apply, scope: Scope, value: Value) -> Use | None:
    base, matrix = node.arguments
    found = sparse_value(matrix, scope, value)
    if found is None:
        return None

    def form() -> Array:
        x = _array(base, scope, value)
        return x @ sparse.product(found, x)

    return Use((base,), form)


def _entries(node: Subscript, scope: Scope, value: Value) -> Use | None:
    """Single entries, or as many as there are indices, are searched for; a larger part is cut out of the dense form."""
    indices = tuple(item.index for item in node.items if isinstance(item, At))
    if scope.view(node) is not None or len(indices) != 2 or len({index.shape for index in indices}) != 1:
        return None
    matrix = sparse_value(node.value, scope, value)
    if matrix is None or not sparse.can_be_searched(matrix):
        return None

    def search() -> Array:
        rows, columns = (_in_range(value(i, scope), size) for i, size in zip(indices, matrix.shape, strict=True))
        return sparse.entries_at(matrix, rows, columns)

    return Use(indices, search)


def _in_range(index: Any, size: int) -> Array:
    """An index array; a literal that is negative counts from the end."""
    return jnp.asarray(index + size if isinstance(index, int) and index < 0 else index)


# ---------------------------------------------------------------- what has no rule


def dense_value(expr: Expr, matrix: BCOO) -> Array:
    """The dense value of a sparse expression. Raises TooLargeToBeDenseError where it must not be made."""
    if is_too_large(matrix):
        raise sparse.TooLargeToBeDenseError(expr, matrix.shape)
    return sparse.densified(matrix)


def is_too_large(matrix: BCOO) -> bool:
    """Whether a matrix is never made dense."""
    return prod(matrix.shape) > sparse.LARGEST_DENSE


def _array(expr: Expr, scope: Scope, value: Value) -> Array:
    found = jnp.asarray(value(expr, scope), scope.inputs.dtype)
    return jnp.broadcast_to(found, scope.inputs.shape(expr.shape))
