"""The least relaxation: how far sides must move until a program without a common point has one.

    minimize    costᵀt
    subject to  a·x = b + D t,   a·x ≥ b + D t,   a·x ≤ b + D t   condition by condition,     t ≥ 0

with one column of D (K, c) for each way to move: one condition alone (−1 for a lower side, 1 for an upper one), or all
sides that one entry of a param moves. With one column and cost 1 the optimum is the least move of that kind; where
there is none, it alone is not enough. With a column for every condition this is the elastic program in the 1-norm
(Chinneck, Feasibility and Infeasibility in Optimization, 2008, section 6.1), which is solved by column generation: a
condition without a column is held, and takes one when its multiplier is greater than its cost.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from karush.solvers import interior_point
from karush.solvers.conflicts import beside_cones
from karush.solvers.conflicts.conditions import Conditions
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.result import Status

Array = np.ndarray

MOST_ENTRIES = 20_000_000
"""So many entries have the matrices of one batch."""
MOST_LANES = 8
COLUMNS = 8
"""Columns come in so many at a time, so that few sizes are compiled."""
MOST_ROUNDS = 30
NEGLIGIBLE = 1e-7


@dataclass(frozen=True)
class Layout:
    """Which conditions are equations, rows and bounds of the program that is solved; all are positions in K."""

    equations: Array
    rows: Array
    bounds: Array


def layout_of(conditions: Conditions, moved: Array) -> Layout:
    """Bounds that are moved (K,) become rows, the others stay bounds."""
    present = conditions.present
    held = conditions.is_bound & ~moved
    rows = present & ~conditions.is_equation & ~held
    return Layout(*(np.flatnonzero(mask) for mask in (present & conditions.is_equation, rows, present & held)))


def least_moves(conditions: Conditions, moves: Array) -> tuple[Array, Array]:
    """For each move (r, K) alone the least t (r,) that leaves a common point: ∞ if there is none, NaN if not known.

    With it multipliers (r, K): where t is ∞ a certificate of another conflict, one that the move does not touch.
    """
    if not len(moves):
        return np.zeros(0), np.zeros(moves.shape)
    layout = layout_of(conditions, np.any(moves != 0, axis=0))
    size = (len(layout.rows) + len(layout.equations)) * (conditions.variables + 1)
    lanes = int(np.clip(MOST_ENTRIES // max(size, 1), 1, min(MOST_LANES, len(moves))))
    least, certificates = [], []
    for at in range(0, len(moves), lanes):
        batch = moves[at : at + lanes]
        padded = np.concatenate([batch, np.repeat(batch[-1:], lanes - len(batch), axis=0)])
        status, t, weights = _solve(conditions, layout, padded[:, :, None], np.ones(1))
        settled = np.where(status <= Status.SOLVED_INACCURATE, t[:, 0], np.nan)
        least.append(np.where(status == Status.INFEASIBLE, np.inf, settled)[: len(batch)])
        certificates.append(weights[: len(batch)])
    return np.concatenate(least), np.concatenate(certificates)


def elastic_weights(conditions: Conditions) -> Array:
    """The weights (K,) of a certificate, from the least equal move of all conditions: a program with a solution.

    Zeros where there is a common point, or nothing is known.
    """
    width = np.where(conditions.present, 1 + np.abs(conditions.side), 0)
    out = -conditions.sign * width
    back = np.where(conditions.is_equation, width, 0)
    moves = np.stack([out, back], axis=1)
    layout = layout_of(conditions, conditions.is_bound)
    status, t, weights = _solve(conditions, layout, moves[None], np.ones(2))
    found = status[0] <= Status.SOLVED_INACCURATE and t[0].sum() > NEGLIGIBLE
    return weights[0] if found else np.zeros_like(weights[0])


@dataclass(frozen=True)
class Elastic:
    """The joint relaxation: ``amounts`` (K,) by which sides move outwards (equations: either way), least if optimal."""

    amounts: Array
    is_least: bool


def least_together(conditions: Conditions, start: Array, elastic: Array) -> Elastic | None:
    """The relaxation with the least Σ |amount| / (1 + |side|) over the conditions ``elastic`` (K,).

    Begins with columns for ``start`` (positions). None where no relaxation of these is enough, or nothing is known.
    """
    cost = 1 / (1 + np.abs(conditions.side))
    taken = np.unique(start[elastic[start]])
    for _ in range(MOST_ROUNDS):
        status, amounts, weights = _with_columns(conditions, taken, cost)
        weights = np.abs(weights)
        over = weights > (NEGLIGIBLE * weights.max(initial=0.0) if status == Status.INFEASIBLE else cost * (1 + 1e-5))
        new = np.flatnonzero(over & elastic & conditions.present)
        new = np.setdiff1d(new, taken)
        solved = status <= Status.SOLVED_INACCURATE
        if not len(new) or not (solved or status == Status.INFEASIBLE):
            return Elastic(amounts, True) if solved else None
        taken = np.union1d(taken, new[np.argsort(-weights[new])][: 4 * COLUMNS])
    return Elastic(amounts, False) if solved else None


def _with_columns(conditions: Conditions, taken: Array, cost: Array) -> tuple[int, Array, Array]:
    """Status, amounts (K,) and multipliers (K,) where the conditions ``taken`` can give way, equations both ways."""
    both = taken[conditions.is_equation[taken]]
    places = np.concatenate([taken, both])
    signs = np.concatenate([-conditions.sign[taken], np.ones(len(both))])
    width = -(-max(len(places), 1) // COLUMNS) * COLUMNS
    moves, price = np.zeros((len(conditions.side), width)), np.ones(width)
    moves[places, np.arange(len(places))] = signs
    price[: len(places)] = cost[places]
    layout = layout_of(conditions, np.any(moves != 0, axis=1))
    status, t, weights = _solve(conditions, layout, moves[None], price)
    return int(status[0]), moves @ t[0], weights[0]


def _solve(conditions: Conditions, layout: Layout, moves: Array, cost: Array) -> tuple[Array, Array, Array]:
    """Status (L,), t (L, c) and multipliers (L, K) for moves (L, K, c)."""
    if conditions.cone_rows is not None:
        every = np.ones(len(conditions.side), bool)
        found = [beside_cones.solve(conditions, every, own, cost) for own in moves]
        status, t, multipliers = zip(*found, strict=True)
        return np.array(status), np.stack(t), np.stack(multipliers)
    n, c = conditions.variables, moves.shape[2]
    sign = conditions.sign[layout.rows]
    lower, upper = np.zeros((2, n + c)), np.zeros((2, n + c))
    lower[:, n:] = np.array([[0.0], [1.0]])
    for bounds, side in ((lower, 1.0), (upper, -1.0)):
        own = layout.bounds[conditions.sign[layout.bounds] == side]
        at = conditions.row[own] - len(conditions.matrix)
        bounds[0, at], bounds[1, at] = conditions.side[own], 1.0
    shared = (
        conditions.rows(layout.equations), conditions.side[layout.equations],
        sign[:, None] * conditions.rows(layout.rows), sign * conditions.side[layout.rows],
        lower, upper, cost,
    )  # fmt: skip
    columns = (-moves[:, layout.equations], -sign[:, None] * moves[:, layout.rows])
    status, t, point = _solve_lanes(shared, columns)
    weights = np.zeros((len(moves), len(conditions.side)))
    weights[:, layout.equations], weights[:, layout.rows] = np.asarray(point.y), np.asarray(point.z)
    at, pressing = conditions.row[layout.bounds] - len(conditions.matrix), conditions.sign[layout.bounds]
    weights[:, layout.bounds] = np.maximum(pressing * np.asarray(point.w)[:, at], 0)
    return np.asarray(status), np.asarray(t), weights


@jax.jit
def _solve_lanes(shared: tuple, columns: tuple) -> tuple[jax.Array, jax.Array, Point]:
    """Status, t, and the multipliers: those of the certificate where there is no solution."""
    equations, rhs, rows, side, lower, upper, cost = map(jnp.asarray, shared)
    n = rows.shape[1]

    def one(own: tuple) -> tuple[jax.Array, jax.Array, Point]:
        problem = QuadraticProgram(
            None, jnp.concatenate([jnp.zeros(n, cost.dtype), cost]), jnp.zeros((), cost.dtype),
            jnp.concatenate([equations, own[0]], axis=1), rhs, jnp.concatenate([rows, own[1]], axis=1), side, None,
            lower[0], upper[0], None, None, lower[1] > 0, upper[1] > 0,
        )  # fmt: skip
        solution = interior_point.solve(problem)
        nowhere = solution.status == Status.INFEASIBLE
        point = jax.tree.map(lambda a, b: jnp.where(nowhere, a, b), solution.certificate, solution.point)
        return solution.status, solution.point.x[n:], point

    return jax.vmap(one)(columns)
