"""Structured linear maps from one var to an expression: the blocks an affine form is made of.

A block is a linear map from a var of shape V to an expression of shape S. Three kinds, by what is known:

    dense       matrix of shape S + V:          out[s] = Σ_v matrix[s, v] x[v]
    diagonal    S = V, factor of shape S or ():  out[s] = factor[s] x[s]
    selected    the same of the entries x[p] alone, p = ``positions`` (shape V') in the raveled var: V' stands for V

so ``G @ x`` is G itself, a slice is its positions, and no arithmetic is spent on zeros and ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

Sizes = tuple[Any, ...]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Block:
    """See the module. ``inner`` is V (or V' where positions are given); ``var`` is V."""

    matrix: Array | float
    positions: Array | None
    diagonal: bool = field(metadata={"static": True})
    inner: Sizes = field(metadata={"static": True})
    var: Sizes = field(metadata={"static": True})


def identity(var: Sizes) -> Block:
    """x itself."""
    return Block(1.0, None, True, var, var)


def dense(matrix: Array, var: Sizes) -> Block:
    """The block of a matrix of shape S + V."""
    return Block(matrix, None, False, var, var)


def size_of(shape: Sizes) -> Any:
    """The number of entries."""
    return math.prod(shape)


def coefficients(block: Block, shape: Sizes, dtype: Any) -> Array:
    """The matrix of shape S + V' of a block."""
    if not block.diagonal:
        return jnp.asarray(block.matrix)
    if not shape:
        return jnp.asarray(block.matrix, dtype)
    number = size_of(shape)
    unit = jnp.eye(number, dtype=dtype).reshape((*shape, *shape))
    if isinstance(block.matrix, float):
        return unit if block.matrix == 1.0 else block.matrix * unit
    factor = jnp.broadcast_to(block.matrix, shape)
    return factor.reshape((*shape, *(1 for _ in shape))) * unit


def expand(block: Block, shape: Sizes, dtype: Any) -> Array:
    """The matrix of shape S + V: zeros where a selection leaves entries out."""
    if block.positions is None:
        return coefficients(block, shape, dtype)
    rows, columns = size_of(shape), size_of(block.var)
    empty = jnp.zeros((rows, columns), dtype)
    places = block.positions.reshape(-1)
    if block.diagonal:
        values = jnp.broadcast_to(jnp.asarray(block.matrix, dtype), shape).reshape(-1)
        filled = empty.at[jnp.arange(rows), places].set(values, mode="promise_in_bounds", unique_indices=True)
    else:
        values = jnp.asarray(block.matrix).reshape((rows, size_of(block.inner)))
        filled = empty.at[:, places].add(values, mode="promise_in_bounds")
    return filled.reshape((*shape, *block.var))


def expanded(block: Block, shape: Sizes, dtype: Any) -> Block:
    """The same block as a dense one."""
    return dense(expand(block, shape, dtype), block.var)


# ---------------------------------------------------------------- operations


def add(a: Block, b: Block, shape: Sizes, dtype: Any) -> Block:
    """The sum of two maps from one var."""
    alike = a.positions is b.positions and a.inner == b.inner
    if alike and a.diagonal and b.diagonal:
        return Block(a.matrix + b.matrix, a.positions, True, a.inner, a.var)
    if alike:
        total = coefficients(a, shape, dtype) + coefficients(b, shape, dtype)
        return Block(total, a.positions, False, a.inner, a.var)
    return dense(expand(a, shape, dtype) + expand(b, shape, dtype), a.var)


def negate(block: Block) -> Block:
    """Minus the map."""
    return Block(-block.matrix, block.positions, block.diagonal, block.inner, block.var)


def scale(block: Block, factor: Any, shape: Sizes) -> Block:
    """The map times a factor that has the shape S or is a scalar."""
    if block.diagonal and isinstance(block.matrix, float) and block.matrix == 1.0:
        matrix = float(factor) if isinstance(factor, (int, float)) else factor
    elif block.diagonal or jnp.ndim(factor) == 0:
        matrix = factor * block.matrix
    else:
        matrix = jnp.asarray(factor).reshape((*shape, *(1 for _ in block.inner))) * block.matrix
    return Block(matrix, block.positions, block.diagonal, block.inner, block.var)


def push(block: Block, function: Callable[[Array], Array], shape: Sizes, result: Sizes, dtype: Any) -> Block:
    """The map followed by a linear function from shape S to the shape ``result``.

    By columns (the function applied to each), or, where the result has fewer axes than V' and the map is diagonal,
    by rows (the transpose of the function applied to each unit vector): the lesser work.
    """
    if block.diagonal and len(result) < len(shape):
        return _push_rows(block, function, shape, result, dtype)
    columns = coefficients(block, shape, dtype).reshape((*shape, size_of(block.inner)))
    moved = jax.vmap(function, in_axes=-1, out_axes=-1)(columns)
    return Block(moved.reshape((*result, *block.inner)), block.positions, False, block.inner, block.var)


def _push_rows(block: Block, function: Callable[[Array], Array], shape: Sizes, result: Sizes, dtype: Any) -> Block:
    transpose = jax.linear_transpose(function, jax.ShapeDtypeStruct(shape, dtype))
    number = size_of(result)
    units = jnp.eye(number, dtype=dtype).reshape((number, *result))
    rows = transpose(jnp.ones((), dtype))[0] if not result else jax.vmap(lambda u: transpose(u)[0])(units)
    rows = rows.reshape((*result, *shape))
    unit = isinstance(block.matrix, float) and block.matrix == 1.0
    matrix = rows if unit else rows * block.matrix
    return Block(matrix, block.positions, False, block.inner, block.var)


def select(block: Block, index: Callable[[Array], Array], shape: Sizes, result: Sizes, dtype: Any) -> Block:
    """The map followed by brackets; ``index`` takes them of any array of shape S."""
    if not block.diagonal:
        return push(block, index, shape, result, dtype)
    positions = block.positions
    if positions is None:
        positions = jnp.arange(size_of(block.var)).reshape(block.var)
    whole = isinstance(block.matrix, float) or jnp.ndim(block.matrix) == 0
    matrix = block.matrix if whole else index(jnp.asarray(block.matrix))
    return Block(matrix, index(positions), True, result, block.var)


def multiply_left(matrix: Array, block: Block, shape: Sizes, result: Sizes, dtype: Any) -> Block:
    """A times a map to a vector (S = (n,)) or to a matrix (S = (n, k)); A has shape (m, n) or (n,)."""
    if block.diagonal and len(shape) == 1:
        unit = isinstance(block.matrix, float) and block.matrix == 1.0
        product = matrix if unit else matrix * block.matrix
        return Block(product, block.positions, False, block.inner, block.var)
    if block.diagonal:
        return push(block, lambda value: matrix @ value, shape, result, dtype)
    product = jnp.tensordot(matrix, block.matrix, axes=1)
    return Block(product, block.positions, False, block.inner, block.var)
