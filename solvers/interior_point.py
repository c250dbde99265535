"""An interior point for convex quadratic and cone programs that also recognises that there is no solution.

Ruiz equilibration (scaling.py), the homogeneous embedding with Mehrotra's predictor-corrector (embedding.py) on a
regularised and refined factorisation (condensed.py), then active-set refinement (polish.py). Every verdict is taken on
the problem as it was given: optimality by the relative residuals of residuals.py, its absence by a certificate
verified in certificates.py. One problem per call; batches by ``jax.vmap``, where a finished lane stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers import certificates, cone_polish, verdict
from karush.solvers.condensed import after, base_regularisation
from karush.solvers.embedding import Embedded, Iterate, embed, gap_product, start
from karush.solvers.embedding import point as iterate_point
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.polish import Polished, guess, polish
from karush.solvers.predictor_corrector import step
from karush.solvers.residuals import (
    classify,
    default_tolerance,
    kkt_residuals,
    objective,
    worst,
)
from karush.solvers.result import Residuals, Solution, Status
from karush.solvers.scaling import Scaling, equilibrate
from karush.solvers.separable import in_parts

MAX_ITERATIONS = 100
# iterations without progress before giving up: where the point is within the tolerance, and where it is not
STALLED_NEAR, STALLED_FAR = 3, 15
# rows in cones: the iteration is interrupted where μ has come down to each of these, times the square root of the
# tolerance, and refinement, which goes on quadratically, is tried; 0: as far as it gets
STAGES = (3e-2, 1e-3, 0.0)
# of the root of the complementarity products, what counts in the comparison of iterates
SHARE_OF_ROOT = 0.1

# what an iterate shows
_RUNNING, _OPTIMAL, _NO_POINT, _NO_BOUND, _STUCK = range(5)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    """``best`` is the scaled primal-dual point of the least ``rank`` so far, ``idle`` the iterations since then.

    ``near``: whether a point was within the tolerance.
    """

    count: Array
    iterate: Iterate
    delta: Array
    outcome: Array
    best: Point
    rank: Array
    idle: Array
    near: Array


@dataclass(frozen=True)
class _Run:
    """What does not change: the problem as given, embedded and scaled, the tolerance, the limit of iterations."""

    problem: QuadraticProgram
    data: Embedded
    scaling: Scaling
    tol: Array
    limit: Array


def _mean(data: Embedded, it: Iterate) -> Array:
    """μ of the problem, not of the embedding."""
    return gap_product(data, it) / it.tau**2


def _outcome(problem: QuadraticProgram, data: Embedded, scaling: Scaling, it: Iterate, tol: Array) -> tuple:
    """(what the iterate shows, its scaled point, that point's error and rank among the others)."""
    best = iterate_point(data, it, it.tau)
    residuals = kkt_residuals(problem, scaling.unscale(best), _slack(scaling, it))
    error = worst(residuals)
    direction = iterate_point(data, it, jnp.ones_like(it.tau))
    empty, endless = verdict.is_suspicious(
        data.problem, direction, tol, None if problem.cone_rows is None else it.slack
    )
    # where complementarity is not strict the gap is of the order √μ and does not get within tol in time
    mean = _mean(data, it)
    settled = (mean <= 1e-5 * tol) | ((mean <= 1e-3 * tol) & (error <= tol))
    settled = settled & (jnp.maximum(residuals.primal, residuals.dual) <= 0.1 * tol)
    outcome = jnp.where(settled | (error <= 0.01 * tol), _OPTIMAL, _RUNNING)
    outcome = jnp.where(endless, _NO_BOUND, outcome)
    return jnp.where(empty, _NO_POINT, outcome), best, error, error if problem.cone_rows is None else _rank(residuals)


def _rank(residuals: Residuals) -> Array:
    """What iterates are compared by where rows lie in cones: how far they may be from a complementary pair.

    The products of slack and multiplier, which are what was measured, are of the square of that distance where a cone
    holds weakly; feasibility that got lost in rounding weighs less than they seem to say.
    """
    return jnp.maximum(jnp.maximum(residuals.primal, residuals.dual), SHARE_OF_ROOT * jnp.sqrt(residuals.gap))


def _slack(scaling: Scaling, it: Iterate) -> Array | None:
    """The slack of the rows in cones, in the problem's own units."""
    return None if scaling.cones is None else it.slack / (it.tau * scaling.cones)


def _beginning(problem: QuadraticProgram, data: Embedded, ready: Array) -> _State:
    """Before the first iteration; ended already where ``ready``."""
    base = jnp.asarray(base_regularisation(problem.linear.dtype), problem.linear.dtype)
    first = start(data, after(ready, base))
    return _State(
        count=jnp.zeros((), jnp.int32),
        iterate=first,
        delta=base,
        outcome=jnp.where(ready, _OPTIMAL, _RUNNING).astype(jnp.int32),
        best=iterate_point(data, first, first.tau),
        rank=jnp.full((), jnp.inf, base.dtype),
        idle=jnp.zeros((), jnp.int32),
        near=jnp.asarray(False),
    )


def _iterate(run: _Run, begin: _State, goal: Array | None = None) -> _State:
    """The main loop, until it has ended, or μ has come down to ``goal``."""
    problem, data, scaling, tol = run.problem, run.data, run.scaling, run.tol
    base = jnp.asarray(base_regularisation(problem.linear.dtype), problem.linear.dtype)

    def unfinished(state: _State) -> Array:
        going = (state.outcome == _RUNNING) & (state.count < run.limit)
        return going if goal is None else going & (_mean(data, state.iterate) > goal)

    def once(state: _State) -> _State:
        iterate, length = step(data, state.iterate, state.delta)
        outcome, candidate, error, rank = _outcome(problem, data, scaling, iterate, tol)
        better = rank < state.rank
        moved = length > 0
        # a factorisation that breaks down is tried again with more regularisation
        delta = jnp.where(moved, jnp.maximum(base, state.delta / 10), state.delta * 100)
        idle = jnp.where(better & moved, 0, state.idle + 1)
        near = state.near | (error <= tol)
        stuck = (idle >= jnp.where(near, STALLED_NEAR, STALLED_FAR)) | (delta > 1)
        return _State(
            count=state.count + 1,
            iterate=iterate,
            delta=delta,
            outcome=jnp.where(stuck & (outcome == _RUNNING), _STUCK, outcome).astype(jnp.int32),
            best=jax.tree.map(lambda new, old: jnp.where(better, new, old), candidate, state.best),
            rank=jnp.where(better, rank, state.rank),
            idle=idle,
            near=near,
        )

    return jax.lax.while_loop(unfinished, once, begin)


def _in_stages(run: _Run, begin: _State) -> tuple[_State, Polished]:
    """Rows in cones: the iteration with refinement after each of STAGES, until that is within the tolerance."""
    goals = jnp.sqrt(run.tol) * jnp.asarray(STAGES, run.tol.dtype)
    running = begin.outcome == _RUNNING
    # the first turn takes its place, whatever comes of it: there is always one
    unknown = jnp.full_like(run.tol, jnp.inf)
    point = run.scaling.unscale(begin.best)
    first = Polished(point, Residuals(unknown, unknown, unknown), guess(run.data.rows, begin.best))

    def unfinished(carry: tuple[_State, Polished, Array]) -> Array:
        state, polished, turn = carry
        hopeless = (state.outcome == _NO_POINT) | (state.outcome == _NO_BOUND)
        ended = (turn > 0) & (state.outcome != _RUNNING)
        going = (turn < len(STAGES)) & ~hopeless & ~ended & ~(worst(polished.residuals) <= run.tol)
        return going | (turn == 0)

    def once(carry: tuple[_State, Polished, Array]) -> tuple[_State, Polished, Array]:
        state, before, turn = carry
        state = _iterate(run, state, goals[turn])
        hopeful = running & (state.outcome != _NO_POINT) & (state.outcome != _NO_BOUND)
        point = run.scaling.unscale(state.best)
        polished = _refined(run, point, hopeful, 1e-4 * run.tol)
        better = ~(worst(before.residuals) < worst(polished.residuals))
        return state, jax.tree.map(partial(jnp.where, better), polished, before), turn + 1

    state, polished, _ = jax.lax.while_loop(unfinished, once, (begin, first, jnp.zeros((), jnp.int32)))
    return state, polished


def _is_finite(tree: object) -> Array:
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def _warm_started(run: _Run, warm: Point) -> tuple[Polished, Array]:
    """Refinement from a given point, and whether that is already the answer."""
    rows, cones = run.data.rows, run.problem.cone_rows
    given = rows.point(warm.x, warm.y, rows.multipliers(warm))
    if cones is not None:
        given = replace(given, u=jnp.zeros_like(cones.offset) if warm.u is None else warm.u)
    polished = _refined(run, given, _is_finite(given), 0.01 * run.tol)
    return polished, worst(polished.residuals) <= run.tol


def _refined(run: _Run, point: Point, wanted: Array, target: Array) -> Polished:
    """The point made as good as it gets, where ``wanted``, by guessing what is active: never worse than before."""
    labels = guess(run.data.rows, run.scaling.scale(point))
    if run.problem.cone_rows is not None:
        return cone_polish.polish(run.problem, point, labels, wanted, target)
    return polish(run.problem, point, labels, wanted, target)


def solve(
    problem: QuadraticProgram,
    tol: float | Array | None = None,
    max_iterations: int | Array = MAX_ITERATIONS,
    warm: Point | None = None,
) -> Solution:
    """Solve one linear or convex quadratic program; see forms/quadratic.py for the problem and the signs.

    ``tol`` bounds the relative KKT residuals (residuals.py) and the relative defect of certificates; None means
    1e-9 in double, about 1e-4 in single precision. ``max_iterations`` bounds the interior point's iterations, which
    are what ``iterations`` counts. From ``warm`` an active-set refinement is tried first; where it ends within
    ``tol`` no iteration is made.

    Statuses: SOLVED, SOLVED_INACCURATE (within 1000 tol), INFEASIBLE and UNBOUNDED with a verified certificate, LIMIT
    (the best point found, not within 1000 tol), FAILED (data that is not finite). The point is always finite.
    """
    dtype = problem.linear.dtype
    problem = in_parts(problem)
    tol = jnp.asarray(default_tolerance(dtype) if tol is None else tol, dtype)
    sound = _is_finite(problem)
    crossed = certificates.crossing(problem) > tol
    problem = jax.tree.map(lambda leaf: jnp.where(sound, leaf, jnp.zeros_like(leaf)), problem)
    scaled, scaling = equilibrate(problem)
    run = _Run(problem, embed(scaled), scaling, tol, jnp.asarray(max_iterations, jnp.int32))
    ready = ~sound | crossed
    given = None
    if warm is not None:
        given, is_optimal = _warm_started(run, warm)
        ready = ready | is_optimal
    begin = _beginning(problem, run.data, ready)
    refined = None
    if problem.cone_rows is None:
        end = _iterate(run, begin)
    else:
        end, refined = _in_stages(run, begin)
    optimal = end.outcome == _OPTIMAL
    if refined is not None:
        optimal = optimal | (worst(refined.residuals) <= tol)
    huge = verdict.is_huge(end.best)
    # a huge optimum may be an unbounded problem that regularisation bounds: that takes a certificate to rounding
    accuracy = jnp.where(optimal, jnp.minimum(tol, 100 * jnp.finfo(dtype).eps), tol)
    direction = iterate_point(run.data, end.iterate, jnp.ones_like(end.iterate.tau))
    empty, endless, certificate = verdict.decide(
        problem, run.data.problem, scaling, direction, ~ready & (~optimal | huge), accuracy
    )
    unsettled = ~ready & ~empty & ~endless
    polished = _refined(run, scaling.unscale(end.best), unsettled, 1e-4 * tol) if refined is None else refined
    if given is not None:
        better = worst(given.residuals) <= worst(polished.residuals)
        polished = jax.tree.map(partial(jnp.where, better), given, polished)
    certificate = jax.tree.map(partial(jnp.where, crossed), certificates.crossing_certificate(problem), certificate)
    absurd = verdict.is_absurd(scaling.scale(polished.point))
    status = jnp.where(absurd, Status.LIMIT, classify(polished.residuals, tol))
    status = jnp.where(empty | crossed, Status.INFEASIBLE, jnp.where(endless, Status.UNBOUNDED, status))
    status = jnp.where(sound, status, Status.FAILED).astype(jnp.int32)
    return Solution(
        point=polished.point,
        objective=objective(problem, polished.point.x),
        status=status,
        iterations=end.count,
        residuals=polished.residuals,
        certificate=certificate,
    )
