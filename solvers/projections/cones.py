"""The projection of rows onto a product of cones (forms/cones.py), and symmetric matrices as vectors.

svec lists the lower triangle row by row with the entries off the diagonal times √2, so that lengths and inner
products stay: the projection of svec X is svec of the projection of X.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from karush.solvers.forms.cones import ConeRows, Cones
from karush.solvers.projections.exponential import exponential
from karush.solvers.projections.power import power
from karush.solvers.projections.second_order import second_order
from karush.solvers.projections.semidefinite import semidefinite


def symmetric_vector(X: Array) -> Array:
    """svec X, shape (k(k + 1)/2,), for a symmetric X (k, k)."""
    row, column = np.tril_indices(X.shape[0])
    return X[row, column] * _weights(X.shape[0], X.dtype)


def symmetric_matrix(v: Array, order: int) -> Array:
    """The symmetric matrix (k, k) whose svec is v."""
    row, column = np.tril_indices(order)
    place = np.zeros((order, order), int)
    place[row, column] = place[column, row] = np.arange(row.size)
    return (v / _weights(order, v.dtype))[place]


def _weights(order: int, dtype: jnp.dtype) -> Array:
    row, column = np.tril_indices(order)
    return jnp.asarray(np.where(row == column, 1.0, np.sqrt(2.0)), dtype)


def project_cones(cones: Cones, values: Array, exponents: Array) -> Array:
    """The nearest points of equal cones, (count, dimension); ``exponents`` (count,) where they are power cones."""
    match cones.kind:
        case "second_order":
            return jax.vmap(second_order)(values)
        case "exponential":
            return jax.vmap(exponential)(values)
        case "power":
            return jax.vmap(power)(values, exponents)
        case "semidefinite":
            matrices = jax.vmap(lambda v: symmetric_matrix(v, cones.order))(values)
            return jax.vmap(symmetric_vector)(jax.vmap(semidefinite)(matrices))


def project_rows(rows: ConeRows, value: Array) -> Array:
    """The point of K nearest to a value of the rows, both (r,)."""
    return jnp.concatenate([project_cones(*part).reshape(-1) for part in _parts(rows, value)])


def project_dual_rows(rows: ConeRows, value: Array) -> Array:
    """The point of K* nearest to a value of the rows, both (r,): value + Π_K(−value), by Moreau.

    With v = s − u as in cone_frame.py the multipliers are u = Π_K(v) − v = Π_K*(−v). The sum is taken cone by cone and
    never on flat vectors: XLA's CPU compiler can fuse it with the projection and write it over the value, which it
    takes for dead, while the projection still reads the same memory in the other shape.
    """
    return jnp.concatenate(
        [(block + project_cones(cones, -block, a)).reshape(-1) for cones, block, a in _parts(rows, value)]
    )


def _parts(rows: ConeRows, value: Array) -> list[tuple[Cones, Array, Array]]:
    """Each group of equal cones with its values (count, dimension) and exponents."""
    return [
        (cones, value[at].reshape(cones.count, cones.dimension), rows.exponents[powers])
        for cones, at, powers in rows.groups()
    ]
