"""Operation counts: the table of costs, and programs within operations."""

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from karush.compiler.cost.count import by_operation, count, loops
from karush.compiler.cost.programs import trace
from karush.compiler.cost.table import UnknownCostError, multiplications

V, M = jax.ShapeDtypeStruct((8,), float), jax.ShapeDtypeStruct((4, 8), float)
S = jax.ShapeDtypeStruct((4, 4), float)


def operations(function, *shapes):
    return count(trace(function, *shapes))


CASES = {
    "an addition is one": (lambda x: x + x, (V,), 8),
    "a negation is one": (lambda x: -x, (V,), 8),
    "a comparison and a selection are one each": (lambda x: jnp.where(x > 0, x, 1.0), (V,), 16),
    "a division is two": (lambda x: 1 / x, (V,), 16),
    "a nonlinear function is two": (jnp.exp, (V,), 16),
    "a cube is two multiplications": (lambda x: lax.integer_pow(x, 3), (V,), 16),
    "an inverse square is a multiplication and a division": (lambda x: lax.integer_pow(x, -2), (V,), 24),
    "a broadcast is free": (lambda x: jnp.broadcast_to(x, (5, 8)), (V,), 0),
    "moves and casts are free": (lambda A: A.T[1:3].reshape(-1).astype(jnp.float32), (M,), 0),
    "a sum of n is n - 1": (jnp.sum, (M,), 31),
    "a sum along an axis": (lambda A: jnp.sum(A, axis=1), (M,), 28),
    "a cumulative sum of n is n - 1": (jnp.cumsum, (V,), 7),
    "a product is 2mnk": (lambda A, B: A @ B.T, (M, M), 2 * 4 * 4 * 8),
    "a vector product is 2k": (lambda x, y: x @ y, (V, V), 16),
    "a sort of n is n log n": (lax.sort, (V,), 24),
    "a triangular solve is n² for each right side": (
        lambda L, B: lax.linalg.triangular_solve(L, B, left_side=True), (S, M), 4 * 4 * 8,
    ),
    "what is not used is not counted": (lambda x: (jnp.exp(x), x + 1)[1], (V,), 8),
    "a call counts as its program": (jax.jit(lambda x: x + x), (V,), 8),
    "an operation with its own rule counts as its value": (jax.nn.relu, (V,), 8),
    "a scan counts as its length times its body": (
        lambda x: lax.scan(lambda c, t: (c + t, c * t), 0.0, x)[1], (V,), 16,
    ),
    "a choice counts as its dearest branch": (
        lambda x: lax.cond(True, jnp.exp, lambda y: y + 1, x), (V,), 16,
    ),
    "a linear solve counts as the solve alone": (
        lambda x: lax.custom_linear_solve(jnp.exp, x, lambda _, b: b + b), (V,), 8,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_costs(case):
    function, shapes, expected = CASES[case]
    assert operations(function, *shapes) == pytest.approx(expected)


def test_an_unknown_operation_is_an_error_by_name():
    with pytest.raises(UnknownCostError, match="random_seed"):
        operations(lambda seed: jax.random.normal(jax.random.key(seed), (3,)), jax.ShapeDtypeStruct((), int))


def test_a_loop_of_unknown_length_counts_once_and_is_listed():
    def halve(x):
        return lax.while_loop(lambda v: jnp.sum(v) > 1, lambda v: v / 2, x)

    jaxpr = trace(halve, V)
    (loop,) = loops(jaxpr)
    assert count(jaxpr) == loop.per_iteration == 7 + 1 + 16
    assert loop.name == "test_cost_count.halve" and loop.depth == 0 and loop.times == 1


def test_loops_within_loops_are_told_apart():
    def inner(x):
        return lax.while_loop(lambda v: v > 1, lambda v: v - 1, x)

    def outer(x):
        return lax.while_loop(lambda v: v > 2, lambda v: inner(v) + 1, x)

    found = list(loops(trace(lambda x: lax.scan(lambda c, _: (outer(c), None), x, None, 3)[0], 5.0)))
    assert [(loop.depth, loop.times, loop.per_iteration) for loop in found] == [(0, 3.0, 4.0), (1, 3.0, 2.0)]


def test_the_operations_by_name_sum_to_the_count():
    def function(A, x):
        return lax.scan(lambda c, row: (jnp.tanh(c + row), jnp.sum(c)), x, A)

    jaxpr = trace(function, M, V)
    assert by_operation(jaxpr) == {"tanh": 64, "add": 32, "reduce_sum": 28}
    assert sum(by_operation(jaxpr).values()) == count(jaxpr)


def test_powers_by_squaring():
    assert [multiplications(n) for n in (1, 2, 3, 4, 7, 8, 64)] == [0, 1, 2, 2, 4, 3, 6]


def test_factorisations_have_the_leading_terms_of_their_flop_counts():
    found = by_operation(trace(lambda A: (jnp.linalg.cholesky(A), *jnp.linalg.eigh(A), lax.linalg.lu(A)[0]), S))
    assert found["cholesky"] == pytest.approx(64 / 3)
    assert found["eigh"] == 9 * 64 and found["lu"] == pytest.approx(2 / 3 * 64)
