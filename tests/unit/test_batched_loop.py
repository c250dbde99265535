"""A batched loop goes on with its slow lanes alone and gives every lane what it would have got on its own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from karush.solvers.batched_loop import run_loop


def collatz_steps(start: Array, factor: Array) -> Array:
    """Steps of n → n/2 or factor·n + 1 until 1, at most 200."""

    def running(_: Array, state: tuple[Array, Array]) -> Array:
        return (state[0] != 1) & (state[1] < 200)

    def turn(factor: Array, state: tuple[Array, Array]) -> tuple[Array, Array]:
        number, count = state
        return jnp.where(number % 2 == 0, number // 2, factor * number + 1), count + 1

    return run_loop(running, turn, factor, (start, jnp.zeros((), jnp.int32)))[1]


def expected(start: int) -> int:
    count = 0
    while start != 1:
        start, count = start // 2 if start % 2 == 0 else 3 * start + 1, count + 1
    return count


@pytest.mark.parametrize("size", [1, 3, 15, 16, 61])
def test_every_lane_is_as_alone(size: int) -> None:
    starts = np.arange(1, size + 1)
    found = jax.jit(jax.vmap(collatz_steps, (0, None)))(jnp.asarray(starts), jnp.asarray(3))
    np.testing.assert_array_equal(found, [expected(int(n)) for n in starts])


def test_batched_data_and_nested_batches() -> None:
    starts, factors = jnp.arange(1, 41).reshape(2, 20), jnp.full((2, 20), 3)
    found = jax.vmap(jax.vmap(collatz_steps))(starts, factors)
    np.testing.assert_array_equal(found.ravel(), [expected(n) for n in range(1, 41)])
    shared = jax.vmap(jax.vmap(collatz_steps, (0, None)), (None, 0))(starts[0], factors[0])
    np.testing.assert_array_equal(shared, np.broadcast_to(found[0], (20, 20)))
