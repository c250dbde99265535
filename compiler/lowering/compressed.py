"""Jacobians by coloured products, with a check of the pattern that they rest on.

The entries of J are read from the products with the sums of columns (rows) of one colour. One product more, with a
fixed direction d whose entries are all different, is compared with J d: an entry that the pattern lacks shows in it.
Where row i of the difference exceeds 10⁻⁶ (10⁻³ in single precision) of Σ_j |J_ij d_j|, all of J is NaN. So a wrong
pattern is never a wrong number.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.compiler.lowering.colouring import BOTH, Colouring, Mode, colouring_of
from karush.compiler.lowering.tangent_program import tangent_program

Function = Callable[[Array], Array]


def jacobian(function: Function, point: Array, modes: tuple[Mode, ...] = BOTH) -> Array:
    """∂f/∂x of shape ``f.shape + x.shape``, by the fewest passes of the given modes."""
    value = jax.eval_shape(function, point)
    small = min(_number(value.shape), _number(point.shape))
    if small and small < math.inf:
        found = colouring_of(tangent_program(_of_vectors(function, point), point.ravel()), modes)
        if isinstance(found, Colouring):
            flat = coloured_jacobian(_of_vectors(function, point), point.ravel(), found)[1]
            return flat.reshape(value.shape + point.shape)
    forward = "vjp" not in modes or _number(point.shape) < _number(value.shape) < math.inf
    whole: Array = (jax.jacfwd if forward else jax.jacrev)(function)(point)
    return whole


def _number(shape: tuple[int, ...]) -> float:
    """The number of entries; infinite where it is a symbol."""
    return math.prod(shape) if all(isinstance(size, int) for size in shape) else math.inf


def _of_vectors(function: Function, point: Array) -> Function:
    return lambda x: function(x.reshape(point.shape)).ravel()


def coloured_jacobian(function: Function, point: Array, colouring: Colouring) -> tuple[Array, Array, Array]:
    """The value of a function of vectors, its Jacobian, and whether the pattern lacks an entry of it."""
    value, products = _linear(function, point, colouring.mode)
    rows, columns = jnp.asarray(colouring.rows), jnp.asarray(colouring.columns)
    ours, others = (columns, rows) if colouring.mode == "jvp" else (rows, columns)
    colours = jnp.asarray(colouring.colours)
    direction = jnp.cos(1 + jnp.arange(colours.size, dtype=point.dtype))
    seeds = (colours[None, :] == jnp.arange(colouring.count)[:, None]).astype(point.dtype)
    compressed = jax.vmap(products)(jnp.concatenate([seeds, direction[None, :]]))
    entries = compressed[colours[ours], others]
    lacking = _differs(entries * direction[ours], others, compressed[-1])
    zero, entries = (jnp.where(lacking, jnp.nan, array) for array in (jnp.zeros((), entries.dtype), entries))
    blank = jnp.broadcast_to(zero, colouring.shape)
    return value, blank.at[rows, columns].set(entries, unique_indices=True), lacking


def _linear(function: Function, point: Array, mode: Mode) -> tuple[Array, Function]:
    """The value, and the products of the Jacobian with tangents or cotangents."""
    if mode == "jvp":
        value, forward = jax.linearize(function, point)
        return value, forward
    value, back = jax.vjp(function, point)
    return value, lambda cotangent: back(cotangent)[0]


def _differs(terms: Array, places: Array, product: Array) -> Array:
    """Whether the sums of the terms at their places are not the product; a NaN in either decides nothing."""
    terms, product = lax.stop_gradient(terms), lax.stop_gradient(product)
    precision = jnp.finfo(product.dtype)
    relative = 1e-6 if precision.bits == 64 else 1e-3
    total = jax.ops.segment_sum(terms, places, num_segments=product.size)
    size = jax.ops.segment_sum(jnp.abs(terms), places, num_segments=product.size) + jnp.abs(product)
    rounding = 1e3 * precision.eps * jnp.max(size, initial=0)
    return jnp.any(jnp.abs(total - product) > relative * size + rounding)
