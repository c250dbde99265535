"""Active-set refinement: from nearly optimal to optimal by guessing which sides press, and correcting the guess.

A label says for each row and bound which side it is held at: 1 lower, −1 upper, 0 none. With the labels fixed the
optimality conditions are one linear system (kkt.py), solved for the change from the point at hand: where solutions or
multipliers are not unique the change is small, so a multiplier well inside its sign stays there. Then labels with a
multiplier of the wrong sign are dropped, rows that are violated are held, and the next round begins: a few wrong
labels are repaired in one or two rounds (the plain sign iteration of Hintermüller, Ito and Kunisch, SIAM J. Optim. 13
(2002), that is, the primal-dual active set method). It may cycle where the problem is degenerate; hence the bound on
the rounds, and the best point seen is what comes back, by KKT residual, the given one included.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers import kkt
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.residuals import Residuals, kkt_residuals, worst
from karush.solvers.rows import Rows, rows_of

ROUNDS = 10


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Polished:
    """The best point with its residuals and the labels (k,) it was computed with."""

    point: Point
    residuals: Residuals
    labels: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    round: Array
    labels: Array
    settled: Array
    best: Polished


def guess(rows: Rows, point: Point) -> Array:
    """Labels (k,) of a primal-dual point: a side presses where its multiplier exceeds its slack.

    The comparison wants rows and variables of unit size: give it the scaled problem's rows and point.
    """
    sides, v, value = rows.sides, rows.multipliers(point), rows.apply(point.x)
    lower = sides.has_lower & (v > value - sides.lower)
    upper = sides.has_upper & (-v > sides.upper - value)
    both = jnp.where(v >= 0, 1, -1)
    return jnp.where(lower & upper, both, lower.astype(jnp.int32) - upper.astype(jnp.int32))


def pinned(rows: Rows) -> Array:
    """Rows whose two sides are equal to rounding: held whatever the sign of the multiplier."""
    sides = rows.sides
    width = jnp.maximum(1, jnp.maximum(jnp.abs(sides.lower), jnp.abs(sides.upper)))
    tight = sides.upper - sides.lower <= 10 * jnp.finfo(width.dtype).eps * width
    return sides.has_lower & sides.has_upper & tight


def without_wrong_signs(rows: Rows, point: Point, labels: Array) -> Point:
    """Multipliers that press against their label set to zero."""
    v = rows.multipliers(point)
    keep = (v * labels > 0) | pinned(rows)
    return rows.point(point.x, point.y, jnp.where(keep, v, 0))


def solve_labelled(problem: QuadraticProgram, rows: Rows, point: Point, labels: Array) -> Point:
    """The point near ``point`` that satisfies the conditions with the labelled sides held as equalities."""
    sides, v, value = rows.sides, rows.multipliers(point), rows.apply(point.x)
    held = labels != 0
    side = jnp.where(labels > 0, sides.lower, sides.upper)
    gradient = problem.linear + kkt.quadratic_product(problem, point.x)
    gradient = gradient - problem.equality_matrix.T @ point.y - rows.adjoint(v)
    defect = problem.equality_rhs - problem.equality_matrix @ point.x
    rhs = rows.point(-gradient, defect, jnp.where(held, side - value, -v))
    masks = rows.point(point.x, point.y, held)
    factor = kkt.factor(problem, masks.z, masks.w)
    change, _ = kkt.refined_solve(problem, factor, rhs)
    moved = jax.tree.map(jnp.add, point, change)
    # an active bound is its variable's value exactly
    return rows.point(moved.x, moved.y, jnp.where(held, rows.multipliers(moved), 0))


def relabel(rows: Rows, point: Point, labels: Array, fixed: Array) -> Array:
    """Drop the labels with a multiplier of the wrong sign; hold the sides that are violated."""
    sides, v, value = rows.sides, rows.multipliers(point), rows.apply(point.x)
    below = sides.has_lower & (value < sides.lower)
    above = sides.has_upper & (value > sides.upper)
    inactive = jnp.where(below, 1, jnp.where(above, -1, 0))
    kept = jnp.where(v * labels < 0, 0, labels)
    return jnp.where(fixed, 1, jnp.where(labels == 0, inactive, kept))


def polish(problem: QuadraticProgram, point: Point, labels: Array, wanted: Array, target: float | Array) -> Polished:
    """At most ROUNDS rounds of sign iteration from ``labels``; never worse than ``point``.

    ``wanted`` (): whether to do anything at all. Stops early when the labels repeat themselves or when the residual is
    within ``target``.
    """
    rows = rows_of(problem)
    fixed = pinned(rows)
    given = Polished(point, kkt_residuals(problem, point), labels)

    def unfinished(state: _State) -> Array:
        return wanted & (state.round < ROUNDS) & ~state.settled

    def once(state: _State) -> _State:
        labels = state.labels
        # without rows the factorisation would not depend on the loop: XLA's CPU pool can lock when it is moved out of
        # it, and stands side by side with another factorisation
        held, _ = jax.lax.optimization_barrier((problem, state.round))
        solved = solve_labelled(held, rows, point, labels)
        clean = without_wrong_signs(rows, solved, labels)
        residuals = kkt_residuals(problem, clean)
        # NaN compares false: such a candidate is never taken; a given point that is NaN always gives way
        better = (worst(residuals) < worst(state.best.residuals)) | ~jnp.isfinite(worst(state.best.residuals))
        candidate = Polished(clean, residuals, labels)
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), candidate, state.best)
        following = relabel(rows, solved, labels, fixed)
        done = jnp.all(following == labels) | (worst(best.residuals) <= target)
        return _State(state.round + 1, following, done, best)

    start = _State(jnp.asarray(0), jnp.where(fixed, 1, labels), jnp.asarray(False), given)
    return jax.lax.while_loop(unfinished, once, start).best
