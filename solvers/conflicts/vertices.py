"""From a nonnegative solution of linear equations to a basic one: the constructive proof of Carathéodory's theorem.

Given My = c, y ≥ 0, there is ŷ ≥ 0 with Mŷ = c whose support has independent columns, and is part of the support of y.
While the columns of the support depend on each other, a kernel vector of M leads to the boundary of {y ≥ 0}: one entry
becomes 0 and is left out from there on.

The kernel is never written down. W has orthonormal rows that span the row space of M and the unit vectors of the
entries left out; the projection on the kernel is I − WᵀW, and to leave an entry out adds one row to W. So no error
builds up, and the whole costs O(s³) for s entries.
"""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def equilibrated(matrix: Array, turns: int = 4) -> tuple[Array, Array]:
    """(D M E, the diagonal of E): rows and columns of similar size, for a rank that units do not decide (Ruiz 2001)."""
    scaled, columns = np.array(matrix, float), np.ones(matrix.shape[1])
    for _ in range(turns):
        for axis in (1, 0):
            size = np.abs(scaled).max(axis=axis, initial=0.0, keepdims=True)
            scale = 1 / np.sqrt(np.where(size > 0, size, 1))
            scaled *= scale
            if axis == 0:
                columns *= scale[0]
    return scaled, columns


def basic(matrix: Array, y: Array, cost: Array) -> Array:
    """ŷ ≥ 0 (s,) with M ŷ = M y, its support within that of y and with independent columns of M (d, s).

    Each step goes down ``cost`` (s,) > 0 as steeply as the kernel allows: the basic solution is a cheap one.
    """
    scaled, columns = equilibrated(matrix)
    y, cost = np.array(y, float) / columns, np.asarray(cost, float) * columns
    s = len(y)
    space = np.zeros((s, s))
    _, sizes, right = np.linalg.svd(scaled, full_matrices=False)
    rank = int(np.sum(sizes > max(matrix.shape) * np.finfo(float).eps * sizes.max(initial=0.0)))
    space[:rank] = right[:rank]
    out = y <= 0
    for left in np.flatnonzero(out):
        rank = _without(space, rank, int(left))
    while rank < s:
        direction = _downhill(space[:rank], cost, out)
        falling = (direction < -1e-12 * np.abs(direction).max()) & ~out
        if not falling.any():
            break
        ratio = np.where(falling, y / np.where(falling, -direction, 1), np.inf)
        entry = int(np.argmin(ratio))
        y = np.maximum(y + ratio[entry] * direction, 0)
        y[entry], out[entry] = 0.0, True
        before = rank
        rank = _without(space, rank, entry)
        if rank == before:
            break
    y[y <= 1e-12 * y.max(initial=0.0)] = 0.0
    return y * columns


def _projected(space: Array, vector: Array) -> Array:
    """The part of a vector that is orthogonal to the rows of W; twice is enough."""
    for _ in range(2):
        vector = vector - (space @ vector) @ space
    return vector


def _without(space: Array, rank: int, entry: int) -> int:
    """W with the unit vector of an entry, and its new number of rows."""
    unit = np.zeros(space.shape[1])
    unit[entry] = 1.0
    rest = _projected(space[:rank], unit)
    length = np.linalg.norm(rest)
    if length <= 1e-10:
        return rank
    space[rank] = rest / length
    return rank + 1


def _downhill(space: Array, cost: Array, out: Array) -> Array:
    """A vector of the kernel with a negative entry: the steepest one, or any where all cost the same."""
    direction = -_projected(space, cost)
    if np.linalg.norm(direction) <= 1e-10 * np.linalg.norm(cost) or direction.min() >= 0:
        left = 1 - np.sum(space**2, axis=0)
        unit = np.zeros(len(cost))
        unit[int(np.argmax(np.where(out, -np.inf, left)))] = 1.0
        direction = -_projected(space, unit)
    direction[out] = 0.0
    return direction
