"""An interior point for linear and convex quadratic programs that also recognises that there is no solution.

Ruiz equilibration (scaling.py), the homogeneous embedding with Mehrotra's predictor-corrector (embedding.py) on a
regularised and refined factorisation (condensed.py), then active-set refinement (polish.py). Every verdict is taken on
the problem as it was given: optimality by the relative residuals of residuals.py, its absence by a certificate
verified in certificates.py. One problem per call; batches by ``jax.vmap``, where a finished lane stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers import certificates
from karush.solvers.embedding import Embedded, Iterate, embed, gap_product, start, step
from karush.solvers.embedding import point as iterate_point
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.polish import Polished, guess, polish
from karush.solvers.residuals import (
    classify,
    default_tolerance,
    kkt_residuals,
    largest,
    objective,
    worst,
)
from karush.solvers.result import Solution, Status
from karush.solvers.scaling import Scaling, equilibrate

MAX_ITERATIONS = 100
STALLED = 15

# what an iteration knows of the outcome; _FINITE_END: nothing more to gain
_RUNNING, _OPTIMAL, _NO_POINT, _NO_BOUND, _STUCK = range(5)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    """``best`` is the scaled primal-dual point with the least ``error`` so far, ``idle`` the iterations since then."""

    count: Array
    iterate: Iterate
    delta: Array
    outcome: Array
    best: Point
    error: Array
    idle: Array


def base_regularisation(dtype: jnp.dtype) -> float:
    """δ of the factorisations: about the square root of the machine epsilon."""
    return float(jnp.finfo(dtype).eps) ** 0.5


def _outcome(problem: QuadraticProgram, data: Embedded, scaling: Scaling, it: Iterate, tol: Array) -> tuple:
    """(what the iterate shows, its scaled point, that point's error)."""
    best = iterate_point(data, it, it.tau)
    residuals = kkt_residuals(problem, scaling.unscale(best))
    error = worst(residuals)
    ray = scaling.unscale(iterate_point(data, it, jnp.ones_like(it.tau)))
    farkas = certificates.normalised_farkas(problem, ray)
    descent = certificates.normalised_ray(problem, ray)
    empty = certificates.infeasibility_defect(problem, farkas) <= 10 * tol
    endless = certificates.unboundedness_defect(problem, descent) <= 10 * tol
    settled = jnp.maximum(residuals.primal, residuals.dual) <= tol
    settled = settled & (gap_product(data, it) / it.tau**2 <= 0.01 * tol)
    outcome = jnp.where(settled | (error <= 0.1 * tol), _OPTIMAL, _RUNNING)
    outcome = jnp.where(endless, _NO_BOUND, outcome)
    return jnp.where(empty, _NO_POINT, outcome), best, error


def _iterate(
    problem: QuadraticProgram,
    data: Embedded,
    scaling: Scaling,
    tol: Array,
    max_iterations: Array,
    ready: Array,
) -> _State:
    """The main loop; does nothing where ``ready``."""
    base = jnp.asarray(base_regularisation(problem.linear.dtype), problem.linear.dtype)
    first = start(data, _after(ready, base))

    def unfinished(state: _State) -> Array:
        return (state.outcome == _RUNNING) & (state.count < max_iterations)

    def once(state: _State) -> _State:
        iterate, length = step(data, state.iterate, state.delta)
        outcome, candidate, error = _outcome(problem, data, scaling, iterate, tol)
        better = error < state.error
        moved = length > 0
        # a factorisation that breaks down is tried again with more regularisation
        delta = jnp.where(moved, jnp.maximum(base, state.delta / 10), state.delta * 100)
        idle = jnp.where(better & moved, 0, state.idle + 1)
        stuck = (idle >= STALLED) | (delta > 1)
        return _State(
            count=state.count + 1,
            iterate=iterate,
            delta=delta,
            outcome=jnp.where(stuck & (outcome == _RUNNING), _STUCK, outcome).astype(jnp.int32),
            best=jax.tree.map(lambda new, old: jnp.where(better, new, old), candidate, state.best),
            error=jnp.where(better, error, state.error),
            idle=idle,
        )

    initial = _State(
        count=jnp.zeros((), jnp.int32),
        iterate=first,
        delta=base,
        outcome=jnp.where(ready, _OPTIMAL, _RUNNING).astype(jnp.int32),
        best=iterate_point(data, first, first.tau),
        error=jnp.full((), jnp.inf, base.dtype),
        idle=jnp.zeros((), jnp.int32),
    )
    return jax.lax.while_loop(unfinished, once, initial)


def _suspicion(end: _State, tol: Array) -> tuple[Array, Array]:
    """Whether to look for a certificate, and how sharp it must be.

    Always where no optimum was found. Where the optimum found is huge, relative residuals may be small only because
    their terms are huge, the regularisation having bounded what is unbounded: then a certificate is taken if it holds
    to rounding.
    """
    eps = float(jnp.finfo(tol.dtype).eps)
    optimal = end.outcome == _OPTIMAL
    extent = jnp.stack([largest(jnp.abs(leaf)) for leaf in jax.tree.leaves(end.best)]).max()
    return ~optimal | (extent > eps**-0.375), jnp.where(optimal, jnp.minimum(tol, 100 * eps), tol)


def _verdict(
    problem: QuadraticProgram, data: Embedded, scaling: Scaling, end: _State, wanted: Array, tol: Array
) -> tuple[Array, Array, Point]:
    """(is infeasible, is unbounded, certificate) from the direction that the iterates took.

    Both certificates are sharpened by a projection, and the sharper of the two forms is verified. Nothing is
    computed where it is not ``wanted`` (a loop of at most one turn: under vmap no lane pays unless some lane wants).
    """
    direction = iterate_point(data, end.iterate, jnp.ones_like(end.iterate.tau))
    delta = jnp.asarray(base_regularisation(problem.linear.dtype), problem.linear.dtype)
    none = jnp.asarray(False)

    def decide(state: tuple) -> tuple:
        plain = certificates.normalised_farkas(problem, scaling.unscale(direction))
        sharp = certificates.sharpened_farkas(data.problem, direction, _after(state[1], delta))
        sharp = certificates.normalised_farkas(problem, scaling.unscale(sharp))
        empty, farkas = _sharper(certificates.infeasibility_defect, problem, plain, sharp)
        is_empty = empty <= tol
        plain = certificates.normalised_ray(problem, scaling.unscale(direction))
        sharp = certificates.sharpened_ray(data.problem, direction, _after(is_empty, delta))
        sharp = certificates.normalised_ray(problem, scaling.unscale(sharp))
        endless, ray = _sharper(certificates.unboundedness_defect, problem, plain, sharp)
        is_endless = (endless <= tol) & ~is_empty
        chosen = jax.tree.map(
            lambda a, b: jnp.where(is_empty, a, jnp.where(is_endless, b, jnp.zeros_like(b))), farkas, ray
        )
        return none, is_empty, is_endless, chosen

    start_ = (wanted, none, none, jax.tree.map(jnp.zeros_like, direction))
    return jax.lax.while_loop(lambda state: state[0], decide, start_)[1:]


def _after(done: Array, delta: Array) -> Array:
    """δ, or 1 where the matter is settled and the factorisation to come has no use.

    This orders the factorisations: batched LAPACK calls that XLA runs side by side on the CPU wait for the threads of
    the pool they occupy themselves, and with as many of them as threads (jaxlib 0.10, two cores) for ever.
    """
    return jnp.where(done, 1, delta)


def _sharper(defect, problem: QuadraticProgram, first: Point, second: Point) -> tuple[Array, Point]:
    before, after = defect(problem, first), defect(problem, second)
    better = after < before
    return jnp.where(better, after, before), jax.tree.map(partial(jnp.where, better), second, first)


def _is_finite(tree: object) -> Array:
    return jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]))


def _warm_started(
    problem: QuadraticProgram, data: Embedded, scaling: Scaling, warm: Point, tol: Array
) -> tuple[Polished, Array]:
    """Active-set refinement from a given point, and whether that is already the answer."""
    warm = data.rows.point(warm.x, warm.y, data.rows.multipliers(warm))
    labels = guess(data.rows, scaling.scale(warm))
    polished = polish(problem, warm, labels, _is_finite(warm), 0.01 * tol)
    return polished, worst(polished.residuals) <= tol


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
    tol = jnp.asarray(default_tolerance(dtype) if tol is None else tol, dtype)
    sound = _is_finite(problem)
    crossed = certificates.crossing(problem) > tol
    problem = jax.tree.map(
        lambda leaf: jnp.where(sound, leaf, jnp.zeros_like(leaf)), problem
    )
    scaled, scaling = equilibrate(problem)
    data = embed(scaled)
    ready = ~sound | crossed
    given = None
    if warm is not None:
        given, is_optimal = _warm_started(problem, data, scaling, warm, tol)
        ready = ready | is_optimal
    end = _iterate(problem, data, scaling, tol, jnp.asarray(max_iterations, jnp.int32), ready)

    wanted, accuracy = _suspicion(end, tol)
    empty, endless, certificate = _verdict(problem, data, scaling, end, wanted & ~ready, accuracy)
    polished = polish(
        problem, scaling.unscale(end.best), guess(data.rows, end.best), ~ready & ~empty & ~endless, 1e-4 * tol
    )
    if given is not None:
        better = worst(given.residuals) <= worst(polished.residuals)
        polished = jax.tree.map(partial(jnp.where, better), given, polished)
    certificate = jax.tree.map(
        partial(jnp.where, crossed), certificates.crossing_certificate(problem), certificate
    )
    status = classify(polished.residuals, tol)
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
