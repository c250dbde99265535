"""Conditions, moves and rows in cones as one program, compiled once for all questions that are asked of a conflict.

    minimize    costᵀt
    subject to  a·x ≥ b + D t,  a·x ≤ b + D t,  a·x = b + D t   for the conditions that are kept,   t ≥ 0,   F x + g ∈ K

Which conditions are kept, D and the costs are data, so that it is solved again and again by the same program: without
some conditions, with one move, with several (relaxation.py). Without moves it is the question whether there is a point.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from karush.solvers import interior_point
from karush.solvers.conflicts.conditions import Conditions
from karush.solvers.forms.cones import ConeRows
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.matrices import dense
from karush.solvers.result import Status
from karush.solvers.xla_options import QUICK, accepted

Array = np.ndarray

COLUMNS = 8
"""Moves come in so many at a time, so that few sizes are compiled."""


def solve(conditions: Conditions, keep: Array, moves: Array, cost: Array) -> tuple[int, Array, Array]:
    """Status, t (c,) and multipliers (K,) for conditions ``keep`` (K,), moves D (K, c) and costs (c,).

    The multipliers are those of a certificate where there is no solution.
    """
    count = moves.shape[1]
    width = -(-max(count, 1) // COLUMNS) * COLUMNS
    columns, price = np.zeros((len(moves), width)), np.ones(width)
    columns[:, :count], price[:count] = moves, cost
    everything = np.arange(len(conditions.side))
    rows = np.concatenate([conditions.rows(everything), -columns], axis=1)
    sides = conditions.is_equation | (conditions.sign > 0), conditions.is_equation | (conditions.sign < 0)
    masks = [keep & conditions.present & side for side in sides]
    status, t, found = _compiled()(rows, conditions.side, masks, price, conditions.cone_rows)
    z = np.asarray(found)
    weights = np.where(conditions.is_equation, z, np.maximum(conditions.sign * z, 0))
    return int(status), np.asarray(t)[:count], weights


@cache
def _compiled() -> Callable[..., tuple[jax.Array, jax.Array, jax.Array]]:
    return jax.jit(_solve, compiler_options=accepted(QUICK))


def _solve(rows: Any, side: Any, masks: Any, cost: Any, cones: ConeRows) -> tuple[jax.Array, jax.Array, jax.Array]:
    total, c, dtype = rows.shape[1], cost.shape[0], cost.dtype
    n = total - c
    problem = QuadraticProgram(
        None, jnp.concatenate([jnp.zeros(n, dtype), cost]), jnp.zeros((), dtype),
        jnp.zeros((0, total), dtype), jnp.zeros(0, dtype), rows, side, side,
        jnp.zeros(total, dtype), None, masks[0], masks[1], jnp.arange(total) >= n, None,
        _widened(cones, c),
    )  # fmt: skip
    solution = interior_point.solve(problem)
    nowhere = solution.status == Status.INFEASIBLE
    z = jnp.where(nowhere, solution.certificate.z, solution.point.z)
    return solution.status, solution.point.x[n:], z


def _widened(cones: ConeRows, count: int) -> ConeRows:
    """The rows with zeros for moves behind the variables."""
    return ConeRows(jnp.pad(dense(cones.matrix), ((0, 0), (0, count))), cones.offset, cones.exponents, cones.cones)
