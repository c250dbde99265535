"""Matrices in parts against the dense matrices that they stand for: every operation, batched and differentiated."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from karush.solvers import matrices
from karush.solvers.forms.separable import Separable
from karush.solvers.parted_matrix import PartedMatrix, corner, parted_matrix
from karush.solvers.separable import parted, unfactored_parts

# 31 variables, 79 rows: pairs of variables 3 + i and 11 + i in single rows and in cones of three rows of which the
# second is linked to the others; variables 21 + j in cones of four rows of which three are linked, each by its own row
PAIRS = Separable(columns=(3, 11), rows=((0, 1), (9, 3)), count=8, links=((), (1,)))
SINGLES = Separable(columns=(21,), rows=((33, 4),), count=10, links=((1, 2, 3),))
KINDS = (PAIRS, SINGLES)
N, R = 31, 79
OTHERS = np.r_[0:3, 19:21]
CONES = [*((i, 1) for i in range(9)), *((9 + 3 * i, 3) for i in range(8)), (73, 6)]
CONES += [(33 + 4 * j, 4) for j in range(10)]


def whole(seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    matrix = np.zeros((R, N))
    for i in range(PAIRS.count):
        for row in [i, *(9 + 3 * i + np.arange(3))]:
            matrix[row, [3 + i, 11 + i]] = rng.normal(size=2)
        matrix[9 + 3 * i + 1, OTHERS] = rng.normal(size=5)
    for j in range(SINGLES.count):
        rows = 33 + 4 * j + np.arange(4)
        matrix[rows, 21 + j] = rng.normal(size=4)
        matrix[np.ix_(rows[1:], OTHERS)] = rng.normal(size=(3, 5))
    for row in [8, *range(73, R)]:
        matrix[row, OTHERS] = rng.normal(size=5)
    return jnp.asarray(matrix)


def mixing() -> Array:
    """A matrix that mixes the rows of each cone."""
    rng = np.random.default_rng(1)
    Q = np.zeros((R, R))
    for first, size in CONES:
        Q[first : first + size, first : first + size] = rng.normal(size=(size, size))
    return jnp.asarray(Q)


def in_parts(matrix: Array) -> PartedMatrix:
    return parted_matrix(matrix, KINDS, 0)


def numbers(count: int, shift: float = 0.0) -> Array:
    return jnp.sin(1.3 * jnp.arange(count) + 0.2 + shift)


def blocks(count: int) -> Array:
    return jnp.stack([numbers(count), numbers(count, 0.7)], axis=1)


def mixed(matrix: Any) -> Any:
    return matrices.mixed(matrix, lambda block: mixing() @ block)


MADE: dict[str, Callable[[Any], Any]] = {
    "itself": lambda matrix: matrix,
    "mixed": mixed,
    "twice": lambda matrix: mixed(mixed(matrix)),
    "scaled": lambda matrix: matrices.scaled(mixed(matrix), 2 + numbers(R), 2 + numbers(N)),
    "sizes": lambda matrix: matrices.magnitudes(mixed(matrix)),
    "below": lambda matrix: matrices.below(matrix, mixed(matrix)),
    "above": lambda matrix: matrices.below(mixed(matrix), matrix),
}

PRODUCTS: dict[str, Callable[[Any], Array]] = {
    "dense": matrices.dense,
    "dense of the transpose": lambda matrix: matrices.dense(matrix.T),
    "times a vector": lambda matrix: matrix @ numbers(N),
    "times a block": lambda matrix: matrix @ blocks(N),
    "transposed": lambda matrix: matrix.T @ numbers(matrix.shape[0]),
    "transposed, block": lambda matrix: matrix.T @ blocks(matrix.shape[0]),
}

TERMS: dict[str, Callable[[Any], Array]] = {
    "row maxima": matrices.row_maxima,
    "column maxima": matrices.column_maxima,
    "row terms": lambda matrix: matrices.row_terms(matrix, numbers(N)),
    "column terms": lambda matrix: matrices.column_terms(matrix, numbers(matrix.shape[0])),
    "row terms of the transpose": lambda matrix: matrices.row_terms(matrix.T, numbers(matrix.shape[0])),
}


def answers(function: Any, matrix: Array, change: Array) -> Any:
    """For a batch of two, and, of products, along a tangent and for a cotangent of each alone."""

    def products(M: Array) -> dict[str, Array]:
        return function(M, PRODUCTS)

    batch = jax.vmap(lambda M: function(M, PRODUCTS | TERMS))(jnp.stack([matrix, change]))
    value, forward = jax.jvp(products, (matrix,), (change,))
    _, back = jax.vjp(products, matrix)
    none = jax.tree.map(jnp.zeros_like, value)
    seeds = {name: none | {name: numbers(one.size).reshape(one.shape)} for name, one in value.items()}
    return batch, forward, {name: back(seed)[0] for name, seed in seeds.items()}


@pytest.mark.parametrize("made", MADE)
def test_every_operation_is_that_of_the_dense_matrix(made):
    def whole_values(matrix: Any, operations: dict[str, Callable[[Any], Array]]) -> dict[str, Array]:
        matrix = MADE[made](matrix)
        return {name: operation(matrix) for name, operation in operations.items()}

    def values(matrix: Array, operations: dict[str, Callable[[Any], Array]]) -> dict[str, Array]:
        return whole_values(in_parts(matrix), operations)

    assert MADE[made](in_parts(whole())).shape == MADE[made](whole()).shape
    compiled = jax.jit(answers, static_argnums=0)
    wanted, found = compiled(whole_values, whole(), whole(5)), compiled(values, whole(), whole(5))
    # of a cotangent a matrix in parts has the entries that it keeps
    there = np.asarray(in_parts(jnp.ones((R, N))).todense()) > 0
    for name, cotangent in wanted[2].items():
        wanted[2][name] = np.where(there, cotangent, 0)
    for got, want in zip(found, wanted, strict=True):
        for name in want:
            np.testing.assert_allclose(got[name], want[name], atol=1e-12, err_msg=name)


def test_the_zeros_are_not_kept():
    kept = sum(leaf.size for leaf in jax.tree.leaves(in_parts(whole())))
    assert kept == 7 * 5 + 8 * (4 * 2 + 5) + 10 * (4 + 3 * 5)


def test_a_cone_with_one_link_keeps_it_when_its_rows_are_mixed():
    pairs, singles = mixed(in_parts(whole())).parts
    assert pairs.links.shape == (1, 8, 5) and singles.links.shape == (4, 10, 5)


def test_matrices_without_rows_have_no_arrays():
    empty = parted_matrix(jnp.zeros((0, N)), KINDS, 0)
    assert not jax.tree.leaves(empty)
    np.testing.assert_array_equal(empty.T @ jnp.zeros(0), jnp.zeros(N))
    assert (empty @ numbers(N)).shape == (0,) and matrices.row_maxima(empty).shape == (0,)


def test_a_corner_is_symmetric_and_square():
    root = np.zeros((N, N))
    root[np.ix_(OTHERS, OTHERS)] = np.random.default_rng(3).normal(size=(5, 5))
    P = corner(jnp.asarray(root), KINDS)
    np.testing.assert_array_equal(P.todense(), root)
    np.testing.assert_allclose(matrices.symmetric_part(P).todense(), (root + root.T) / 2)
    np.testing.assert_allclose(P.squared().todense(), root.T @ root, atol=1e-14)


def test_the_factor_is_that_of_all_matrices_together():
    matrix, diagonal = whole(), 1.5 + numbers(N)
    E = jnp.zeros((2, N)).at[:, OTHERS].set(blocks(5).T)
    rows = (in_parts(matrix), mixed(in_parts(matrix)))
    factor = parted(None, diagonal, E, rows)
    H = np.diag(diagonal) + E.T @ E + matrix.T @ matrix + mixed(matrix).T @ mixed(matrix)
    np.testing.assert_allclose(factor.apply(jnp.eye(N)), np.linalg.inv(H), atol=1e-11)
    np.testing.assert_allclose(factor.apply(numbers(N)), np.linalg.solve(H, numbers(N)), atol=1e-11)
    empty = unfactored_parts(rows, diagonal)
    assert jax.tree.map(jnp.shape, empty) == jax.tree.map(jnp.shape, factor)
