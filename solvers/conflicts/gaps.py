"""Rows in cones as conditions that can be left out or relaxed one by one.

Every cone gets a gap ρ and its row becomes  F x + g + ρ e ∈ K  with e deep inside K (1 for t of a second-order cone,
the identity of a semidefinite one). The cone itself then always holds, with ρ large enough, and what the file states is
the linear condition  ρ ≤ 0:  left out it says nothing any more, and relaxed by t it lets the cone be missed by t e.
"""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
import numpy as np

from karush.solvers.cones.product import centre
from karush.solvers.forms.cones import ConeRows
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.matrices import dense


def gap_count(rows: ConeRows | None) -> int:
    """The number of cones: static."""
    return 0 if rows is None else sum(cones.count for cones in rows.cones)


def with_gaps(problem: QuadraticProgram) -> QuadraticProgram:
    """The dense program with the gaps behind its variables, and ρ ≤ 0 behind its inequalities; itself without cones.

    The gaps are in the order of the rows in cones. The objective does not know of them.
    """
    rows = problem.cone_rows
    if rows is None:
        return problem
    count, n = gap_count(rows), problem.linear.shape[0]
    dtype = problem.linear.dtype
    owner = np.repeat(np.arange(count), np.concatenate([np.full(c.count, c.dimension) for c in rows.cones]))
    columns = jnp.zeros((owner.size, count), dtype).at[np.arange(owner.size), owner].set(_unit(rows))
    gaps = jnp.concatenate([jnp.zeros((count, n), dtype), jnp.eye(count, dtype=dtype)], axis=1)
    m = problem.inequality_matrix.shape[0]
    absent, zero = jnp.zeros(count, bool), jnp.zeros(count, dtype)

    def side(value: jnp.ndarray | None) -> jnp.ndarray:
        return jnp.concatenate([jnp.zeros(m, dtype) if value is None else value, zero])

    def mask(value: jnp.ndarray | None, given: jnp.ndarray | None, own: jnp.ndarray) -> jnp.ndarray:
        there = jnp.full(m, value is not None) if given is None else given
        return jnp.concatenate([there, own])

    def bounds(value: jnp.ndarray | None) -> jnp.ndarray | None:
        return None if value is None else jnp.concatenate([value, zero])

    def bound_mask(value: jnp.ndarray | None, given: jnp.ndarray | None) -> jnp.ndarray | None:
        return None if value is None else jnp.concatenate([jnp.ones(n, bool) if given is None else given, absent])

    def wide(matrix: jnp.ndarray) -> jnp.ndarray:
        return jnp.pad(matrix, ((0, 0), (0, count)))

    quadratic = problem.quadratic
    return replace(
        problem,
        quadratic=None if quadratic is None else jnp.pad(dense(quadratic), ((0, count), (0, count))),
        linear=jnp.concatenate([problem.linear, zero]),
        equality_matrix=wide(dense(problem.equality_matrix)),
        inequality_matrix=jnp.concatenate([wide(dense(problem.inequality_matrix)), gaps]),
        lower=side(problem.lower),
        upper=side(problem.upper),
        has_lower=mask(problem.lower, problem.has_lower, absent),
        has_upper=mask(problem.upper, problem.has_upper, ~absent),
        bound_lower=bounds(problem.bound_lower),
        bound_upper=bounds(problem.bound_upper),
        has_bound_lower=bound_mask(problem.bound_lower, problem.has_bound_lower),
        has_bound_upper=bound_mask(problem.bound_upper, problem.has_bound_upper),
        cone_rows=replace(rows, matrix=jnp.concatenate([dense(rows.matrix), columns], axis=1)),
        separable=(),
    )


def _unit(rows: ConeRows) -> jnp.ndarray:
    """e of each cone, with 1 for its largest entry, (r,)."""
    e = centre(rows)
    parts = []
    for cones, at, _ in rows.groups():
        block = e[at].reshape(cones.count, cones.dimension)
        parts.append((block / jnp.max(jnp.abs(block), axis=1, keepdims=True)).reshape(-1))
    return jnp.concatenate(parts)
