"""Symmetric matrices by the entries on and below their diagonal, row by row: (0,0), (1,0), (1,1), (2,0), …"""

from __future__ import annotations

from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jax import Array

from karush.solvers.forms.cones import ConeKind


def order_of(dimension: int) -> int:
    """The order k of symmetric matrices with k(k + 1)/2 entries on and below the diagonal."""
    return (int((8 * dimension + 1) ** 0.5 + 0.5) - 1) // 2


def triangular(order: int) -> int:
    """The number of entries on and below the diagonal."""
    return order * (order + 1) // 2


def triangular_or_all(kind: ConeKind, length: int) -> int:
    """The number of rows that a vector of this length, or a symmetric matrix of this order, has in a cone."""
    return triangular(length) if kind == "semidefinite" else length


@lru_cache
def triangle(order: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """svec: places in the raveled matrix below the diagonal, those of their mirror images, and the weights 1 or √2."""
    rows, columns = np.tril_indices(order)
    weights = np.where(rows == columns, 1.0, np.sqrt(2.0))
    return rows * order + columns, columns * order + rows, weights


def symmetric_matrix(vector: Array) -> Array:
    """The symmetric matrix whose svec this is, (..., k(k + 1)/2) to (..., k, k)."""
    _, _, weights = triangle(order_of(vector.shape[-1]))
    return unpacked(vector / jnp.asarray(weights, vector.dtype))


def unpacked(entries: Array) -> Array:
    """The symmetric matrix of its entries on and below the diagonal, (..., k(k + 1)/2) to (..., k, k)."""
    return entries[..., unpacking(order_of(entries.shape[-1]))]


@lru_cache
def unpacking(order: int) -> np.ndarray:
    """(k, k): the place of every entry of a symmetric matrix among those on and below its diagonal."""
    rows, columns = np.indices((order, order))
    high, low = np.maximum(rows, columns), np.minimum(rows, columns)
    return high * (high + 1) // 2 + low
