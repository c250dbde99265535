"""A while loop that a batch leaves lane by lane, and that goes on with the slow lanes alone.

Under vmap a loop runs until its slowest lane is done, with the work of all lanes in every turn. Where the numbers of
turns spread widely, as those of an active-set method do, most of that work is for lanes that are done. So the batched
loop stops when a quarter of the lanes is left, gathers their states, goes on with those, and puts them back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.custom_batching import custom_vmap

Data = TypeVar("Data")
State = TypeVar("State")

# A batch goes on with one in so many lanes, and only batches of at least so many lanes are divided at all (measured).
DIVISOR = 4
DIVIDED_FROM = 16


def _batched_loop(
    running: Callable[[Any, Any], Array], turn: Callable[[Any, Any], Any], data: Any, axes: Any, state: Any, left: int
) -> Any:
    """Turn the lanes that run until at most ``left`` of them do."""
    lanes_run = jax.vmap(running, (axes, 0))
    lanes_turn = jax.vmap(turn, (axes, 0))

    def once(state: Any) -> Any:
        live = lanes_run(data, state)

        def kept(new: Array, old: Array) -> Array:
            return jnp.where(live.reshape(live.shape + (1,) * (old.ndim - 1)), new, old)

        return jax.tree.map(kept, lanes_turn(data, state), state)

    return lax.while_loop(lambda state: jnp.sum(lanes_run(data, state)) > left, once, state)


def run_loop(
    running: Callable[[Data, State], Array], turn: Callable[[Data, State], State], data: Data, state: State
) -> State:
    """``while running(data, state): state = turn(data, state)``, batched as the module's text says.

    ``running`` and ``turn`` must not close over traced values: what they need of them is ``data``.
    """

    @custom_vmap
    def loop(data: Data, state: State) -> State:
        return lax.while_loop(lambda state: running(data, state), lambda state: turn(data, state), state)

    @loop.def_vmap
    def batched(size: int, in_batched: list[Any], data: Data, state: State) -> tuple[State, Any]:
        axes = jax.tree.map(lambda is_batched: 0 if is_batched else None, in_batched[0])
        state = jax.tree.map(
            lambda leaf, is_batched: leaf if is_batched else jnp.broadcast_to(leaf, (size, *leaf.shape)),
            state,
            in_batched[1],
        )
        everywhere = jax.tree.map(lambda _: True, in_batched[1])
        if not isinstance(size, int) or size < DIVIDED_FROM:
            return _batched_loop(running, turn, data, axes, state, 0), everywhere
        left = size // DIVISOR
        state = _batched_loop(running, turn, data, axes, state, left)
        slow = jnp.argsort(~jax.vmap(running, (axes, 0))(data, state))[:left]
        slow_data = jax.tree.map(lambda leaf, is_batched: leaf[slow] if is_batched else leaf, data, in_batched[0])
        slow_state = jax.tree.map(lambda leaf: leaf[slow], state)
        slow_state = _batched_loop(running, turn, slow_data, axes, slow_state, 0)
        put = jax.tree.map(lambda leaf, part: leaf.at[slow].set(part, unique_indices=True), state, slow_state)
        return put, everywhere

    return loop(data, state)
