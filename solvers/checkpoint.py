"""Reverse mode over a loop with the memory of its square root: two levels of checkpoints.

For z_{t+1} = step(z_t, x_t), t < T, reverse mode needs what every step has computed. With the T steps in S segments
only the S carries between segments are kept; going back, a segment is run again from its carry and its T/S steps are
kept meanwhile. So S + T/S states are held at a time, least for S = √T: 2 √T in place of T, for one more run of the
steps (A. Griewank, Optimization Methods and Software 1, 1992, of which this is the case of two levels).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

Step = Callable[[Any, Any], tuple[Any, Any]]


def recomputed_scan(step: Step, carry: Any, xs: Any) -> tuple[Any, Any]:
    """``lax.scan(step, carry, xs)``, of which reverse mode keeps the carries and runs every step again."""
    return lax.scan(jax.checkpoint(step, prevent_cse=False), carry, xs)


def checkpointed_scan(step: Step, carry: Any, xs: Any, segments: int | None = None) -> tuple[Any, Any]:
    """``lax.scan(step, carry, xs)`` with that value and derivative, in ``segments`` (about √T) run again in reverse.

    The T steps need not divide into the segments: the last one may be shorter. Values, JVPs and second derivatives are
    those of the plain loop; a tangent takes no more memory than there.
    """
    length = jax.tree.leaves(xs)[0].shape[0]
    if length == 0:
        return lax.scan(step, carry, xs)
    steps = even_length(length) if segments is None else -(-length // max(1, min(segments, length)))
    whole = length // steps

    def segment(state: Any, inputs: Any) -> tuple[Any, Any]:
        return lax.scan(step, state, inputs)

    first = jax.tree.map(lambda x: x[: whole * steps].reshape((whole, steps, *x.shape[1:])), xs)
    carry, ys = recomputed_scan(segment, carry, first)
    ys = jax.tree.map(lambda y: y.reshape((whole * steps, *y.shape[2:])), ys)
    if whole * steps == length:
        return carry, ys
    last = jax.checkpoint(segment)
    carry, rest = last(carry, jax.tree.map(lambda x: x[whole * steps :], xs))
    return carry, jax.tree.map(lambda a, b: jnp.concatenate([a, b]), ys, rest)


def even_length(length: int) -> int:
    """⌈√T⌉, or the next number below twice that which divides T, so that all segments are of one length."""
    root = math.isqrt(length - 1) + 1
    return next((size for size in range(root, 2 * root) if length % size == 0), root)
