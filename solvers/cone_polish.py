"""Newton's method for the optimality conditions of a cone program, from a nearly optimal point.

With v = s − u the conditions of the rows in cones are the equation Fx + g − Π(v) = 0 and u = Π(v) − v in stationarity
(Moreau): no inequality is left, but Π is not smooth. The semismooth Newton method (Qi and Sun, Math. Programming 58
(1993)) takes an element of its derivative, here that of cone_frame.py, and converges quadratically wherever the
system of a derivative is regular; that system is the one solved. Rows and bounds are labelled as in polish.py, where
sign iteration is the same method for the half line. The best point seen is what comes back, by KKT residual, the given
one included.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers import kkt
from karush.solvers.cone_frame import Frame, frame_of, from_frame, to_frame
from karush.solvers.cone_system import framed, image
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.polish import Polished, pinned, relabel, without_wrong_signs
from karush.solvers.projections.cones import project_dual_rows
from karush.solvers.refinement import refine
from karush.solvers.residuals import kkt_residuals, worst
from karush.solvers.rows import Rows, rows_of

ROUNDS = 12

# A round whose residual is more than this share of the one before, the labels being the same, is the last.
STALLED = 0.5


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    """``point`` and ``v`` of Newton's method, which need not be the best; ``last`` its residual."""

    round: Array
    point: Point
    v: Array
    labels: Array
    last: Array
    settled: Array
    best: Polished


def _right_side(problem: QuadraticProgram, rows: Rows, state: _State, frame: Frame) -> tuple[Point, Array]:
    """The right-hand side of the framed system at an iterate, and what the rows in cones lack."""
    cone_rows = problem.cone_rows
    assert cone_rows is not None
    point, sides, m = state.point, rows.sides, problem.inequality_matrix.shape[0]
    multiplier, value, held = rows.multipliers(point), rows.apply(point.x), state.labels != 0
    slack = from_frame(frame, (1 - frame.share) * to_frame(frame, state.v))  # Π(v) = D v, as K is a cone
    gradient = problem.linear + kkt.quadratic_product(problem, point.x) - problem.equality_matrix.T @ point.y
    gradient = gradient - rows.adjoint(multiplier) - cone_rows.matrix.T @ (slack - state.v)
    missing = jnp.where(held, jnp.where(state.labels > 0, sides.lower, sides.upper) - value, -multiplier)
    # multipliers of rows that are not held are known: they go to the right
    x = rows.adjoint(jnp.where(held, 0, missing)) - gradient
    lack = slack - cone_rows.matrix @ point.x - cone_rows.offset
    part = rows.point(x, problem.equality_rhs - problem.equality_matrix @ point.x, missing)
    frame_part = jnp.sqrt(frame.share) * to_frame(frame, lack)
    return replace(part, z=jnp.concatenate([part.z[:m], frame_part])), lack


def _step(problem: QuadraticProgram, rows: Rows, state: _State) -> tuple[Point, Array]:
    """One step of Newton's method with the labelled sides held: the new (x, y, z, w) and v."""
    cone_rows = problem.cone_rows
    assert cone_rows is not None
    point, held = state.point, state.labels != 0
    unit = jnp.ones_like(state.v)
    frame = frame_of(cone_rows, state.v, unit, unit, 0.0)
    system, m = framed(problem, frame), problem.inequality_matrix.shape[0]
    masks = rows.point(point.x, point.y, held.astype(point.x.dtype))
    active_z, active_w = jnp.concatenate([masks.z, frame.share]), masks.w
    factor = kkt.factor(system, active_z, active_w, fractional=True)
    rhs, lack = _right_side(problem, rows, state, frame)

    def product(u: Array) -> Array:
        return kkt.flatten(kkt.symmetric_product(system, active_z, active_w, kkt.unflatten(system, u, rows.bounded)))

    def approximate(r: Array) -> Array:
        return kkt.flatten(kkt.precondition(system, factor, kkt.unflatten(system, r, rows.bounded)))

    flat, _ = refine(product, approximate, kkt.flatten(rhs), kkt.weights(factor))
    change = kkt.unflatten(system, flat, rows.bounded)
    dv = from_frame(frame, jnp.sqrt(frame.share) * change.z[m:]) + cone_rows.matrix @ change.x - lack
    own = rows.multipliers(replace(change, z=change.z[:m]))
    moved = jnp.where(held, rows.multipliers(point) - own, 0)
    return rows.point(point.x + change.x, point.y - change.y, moved), state.v + dv


def _once(problem: QuadraticProgram, rows: Rows, state: _State, fixed: Array, target: float | Array) -> _State:
    # the factorisation depends on the loop by the frame at v: it cannot be moved out of it, as in polish.py
    solved, v = _step(problem, rows, state)
    assert problem.cone_rows is not None
    clean = replace(without_wrong_signs(rows, solved, state.labels), u=project_dual_rows(problem.cone_rows, -v))
    residuals = kkt_residuals(problem, clean)
    size, best = worst(residuals), worst(state.best.residuals)
    candidate = Polished(clean, residuals, state.labels)
    # NaN compares false: such a candidate is never taken; a given point that is NaN always gives way
    better = (size < best) | ~jnp.isfinite(best)
    taken = jax.tree.map(lambda new, old: jnp.where(better, new, old), candidate, state.best)
    labels = relabel(rows, solved, state.labels, fixed)
    stalled = jnp.all(labels == state.labels) & ~(size < STALLED * state.last)
    done = stalled | (worst(taken.residuals) <= target)
    following = replace(solved, u=clean.u)
    return _State(state.round + 1, following, v, labels, size, done, taken)


def polish(problem: QuadraticProgram, point: Point, labels: Array, wanted: Array, target: float | Array) -> Polished:
    """At most ROUNDS steps of Newton's method for a problem with rows in cones; never worse than ``point``.

    ``labels`` (k,) say which sides of rows and bounds are held, as in polish.py; ``wanted`` (): whether to do anything
    at all. Stops when the residual is within ``target`` or gains nothing: at rounding level, or where the derivative's
    system is singular.
    """
    rows = rows_of(problem)
    fixed = pinned(rows)
    v = image(problem, point)
    assert v is not None
    given = Polished(point, kkt_residuals(problem, point), labels)
    labels = jnp.where(fixed, 1, labels)
    full = replace(rows.point(point.x, point.y, rows.multipliers(point)), u=point.u)
    start = _State(jnp.asarray(0), full, v, labels, jnp.asarray(jnp.inf, v.dtype), jnp.asarray(False), given)

    def unfinished(state: _State) -> Array:
        return wanted & (state.round < ROUNDS) & ~state.settled

    return jax.lax.while_loop(unfinished, lambda state: _once(problem, rows, state, fixed, target), start).best
