"""Sums along axes of a few entries, in bulk."""

from __future__ import annotations

from functools import reduce

import jax.numpy as jnp
from jax import Array, lax

LONGEST = 8


def short_sum(values: Array, axis: int) -> Array:
    """``jnp.sum`` along an axis, written out where it is short.

    XLA's reductions over three entries take ten times as long as the two additions (on a CPU, for a thousand of them).
    """
    length = values.shape[axis]
    if not 0 < length <= LONGEST:
        return jnp.sum(values, axis=axis)
    return reduce(jnp.add, [lax.index_in_dim(values, i, axis, keepdims=False) for i in range(length)])
