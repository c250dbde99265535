"""Clauses in blocks that reverse mode computes again: ``derivative unroll(checkpoint = sqrt)`` in a function file.

A clause over n is a map of n lanes, of which reverse mode keeps what each has computed. In K = ⌈n/B⌉ blocks of B,
about √n lanes, one after the other, it keeps the inputs of the blocks and what the one block has computed that it is
at. A reduction carries its result from block to block, so that its n entries are never there at once; of an array they
are asked for, and a ``max`` or ``min`` keeps them, since a tie may lie across blocks. The last block is filled up with
copies of the last lane, which count for nothing. For a size that is a symbol blocks have 64 lanes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.checkpoint import even_length, recomputed_scan

Lane = Callable[..., Any]

SYMBOLIC_BLOCK = 64
FEWEST_LANES = 4
"""Clauses of fewer lanes are one block."""


def is_divided(length: Any) -> bool:
    """Whether there are enough lanes for blocks."""
    return not isinstance(length, int) or length >= FEWEST_LANES


def mapped(lane: Lane, inputs: tuple[Any, ...], length: Any) -> Any:
    """``vmap(lane)(*inputs)`` in blocks."""

    def block(carry: tuple[()], given: tuple[Any, Array]) -> tuple[tuple[()], Any]:
        return carry, jax.vmap(lane)(*given[0])

    _, stacked = _over_blocks(block, (), inputs, length)
    return jax.tree.map(lambda a: jnp.reshape(a, (a.shape[0] * a.shape[1], *a.shape[2:]))[:length], stacked)


def folded(lane: Lane, inputs: tuple[Any, ...], length: Any, start: Any, fold: Callable[[Any, Any, Array], Any]) -> Any:
    """``fold(carry, vmap(lane)(*block), counts)`` from block to block; ``counts`` are the lanes that are no copies."""

    def block(carry: Any, given: tuple[Any, Array]) -> tuple[Any, None]:
        arrays, counts = given
        return fold(carry, jax.vmap(lane)(*arrays), counts), None

    return _over_blocks(block, start, inputs, length)[0]


def _over_blocks(block: Callable, start: Any, inputs: tuple[Any, ...], length: Any) -> tuple[Any, Any]:
    size = even_length(length) if isinstance(length, int) else SYMBOLIC_BLOCK
    number = (length + size - 1) // size
    places = jnp.minimum(jnp.arange(number * size), length - 1)
    counts = (jnp.arange(number * size) < length).reshape((number, size))

    def divided(array: Array) -> Array:
        if isinstance(length, int):
            more = jnp.broadcast_to(array[-1:], (number * size - length, *array.shape[1:]))
            filled = jnp.concatenate([array, more])
        else:
            filled = jnp.take(array, places, axis=0, mode="clip")
        return filled.reshape((number, size, *array.shape[1:]))

    return recomputed_scan(block, start, (jax.tree.map(divided, inputs), counts))
