"""Reductions of arrays along axes and by segments, with the identity where an entry counts for nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.stdlib.primitives.exponentials import log_sum_exp

JOINED: dict[str, Callable[[Array, Array], Array]] = {
    "sum": jnp.add,
    "prod": jnp.multiply,
    "logsumexp": jnp.logaddexp,
}
"""The result of a whole from those of its two parts."""

IDENTITY = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "max": -jnp.inf, "min": jnp.inf, "logsumexp": -jnp.inf}
"""What an entry that counts for nothing is."""


def kept_where(holds: Any, value: Array, operator: str) -> Array:
    """The value where it counts, the identity elsewhere."""
    identity = IDENTITY[operator]
    if not jnp.issubdtype(value.dtype, jnp.floating) and abs(identity) == jnp.inf:
        limits = jnp.iinfo(value.dtype)
        identity = limits.max if identity > 0 else limits.min
    return jnp.where(holds, value, jnp.asarray(identity, value.dtype))


def combine(operator: str, values: Array, holds: Array, axes: int) -> Array:
    """Reduce the first ``axes`` axes; entries that do not hold carry the identity already."""
    over = tuple(range(axes))
    match operator:
        case "sum":
            return jnp.sum(values, axis=over)
        case "prod":
            return jnp.prod(values, axis=over)
        case "max":
            return jnp.max(values, axis=over)
        case "min":
            return jnp.min(values, axis=over)
        case "logsumexp":
            return log_sum_exp(values, over)
        case "mean":
            return jnp.sum(values, axis=over) / jnp.sum(holds, axis=over).astype(values.dtype)
    raise ValueError(f"unknown reduction {operator}")


def segment_reduce(operator: str, values: Array, places: Array, number: Any) -> Array:
    """Sums, means or extremes of the entries at each of so many places."""
    reducers = {
        "sum": jax.ops.segment_sum,
        "mean": jax.ops.segment_sum,
        "max": jax.ops.segment_max,
        "min": jax.ops.segment_min,
    }
    total = reducers[operator](values, places, num_segments=number)
    if operator != "mean":
        return total
    counts = jax.ops.segment_sum(jnp.ones(places.shape, values.dtype), places, num_segments=number)
    return total / counts.reshape(counts.shape + (1,) * (total.ndim - 1))
