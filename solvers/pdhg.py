"""Restarted primal-dual hybrid gradients: a first-order method for large linear, quadratic and cone programs.

No factorisation: each iteration is one product with every matrix and its transpose, dense or sparse. From a restart at
z⁰ the Halpern iteration of the step T (primal_dual_step.py), reflected as far as T is averaged,

    zᵏ⁺¹ = (k+1)/(k+2) ((1+ρ) T(zᵏ) − ρ zᵏ) + 1/(k+2) z⁰,

halves the fixed-point residual r(z) = ‖z − Tz‖_M in a number of steps that depends on the sharpness of the problem
alone; when it has shrunk enough the iteration starts anew from Tz, with a primal weight that evens out how far primal
and dual have come. The problem is equilibrated first (scaling.py); verdicts are taken on the problem as given.

Applegate et al., "Practical large-scale linear programming using primal-dual hybrid gradient" (NeurIPS 2021); Lu and
Yang, "Restarted Halpern PDHG for linear programming" (2024); Lu et al., "cuPDLPx" (2025), for the restart rules and the
controller of the primal weight.

Where the matrices are dense, refinement (polish.py, cone_polish.py) follows each stage of accuracy, and often ends it
early.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers import certificates, cone_polish, verdict
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.polish import guess, polish
from karush.solvers.primal_dual_step import Norms, gradient, lengths, moved, norms, step
from karush.solvers.residuals import classify, default_tolerance, has_bounds, kkt_residuals, objective, worst
from karush.solvers.result import Residuals, Solution, Status
from karush.solvers.rows import rows_of
from karush.solvers.scaling import Scaling, equilibrate

MAX_ITERATIONS = 200_000

# iterations between two looks at the residuals
ROUND = 50

# a restart: the residual has shrunk to the first share of that at the last restart; or to the second and grows again;
# or the iterations since then are the third share of all
SUFFICIENT, NECESSARY, ARTIFICIAL = 0.2, 0.8, 0.36

# the controller of log ω: proportional and integral gains
PROPORTIONAL, INTEGRAL = 0.5, 0.01

# how much more accurate each stage is than the one before it
STAGE = 0.03


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    """``point`` zᵏ, ``anchor`` z⁰; ``since`` k, ``count`` all iterations; ``first``, ``last`` the residual r at the
    restart and at the last look; ``weight`` log ω, ``drift`` the sum of its errors; ``best`` a point of the problem as
    given, with its ``residuals``; ``direction`` Tz − z of the last look; ``ended`` whether a certificate showed.
    """

    point: Point
    anchor: Point
    since: Array
    count: Array
    first: Array
    last: Array
    weight: Array
    drift: Array
    best: Point
    residuals: Residuals
    direction: Point
    ended: Array


@dataclass(frozen=True)
class _Run:
    """What does not change: the problem as given, equilibrated, and the norms of the latter."""

    problem: QuadraticProgram
    scaled: QuadraticProgram
    scaling: Scaling
    norms: Norms
    tol: Array

    @property
    def reflection(self) -> float:
        """ρ: 1 for a linear program, ½ where a gradient of P makes the step less than firmly nonexpansive."""
        return 1.0 if self.problem.quadratic is None else 0.5

    def lengths(self, state: _State) -> tuple[Array, Array]:
        """(τ, σ) of the state's weight."""
        return lengths(self.norms, jnp.exp(state.weight))


def _minus(a: Point, b: Point) -> Point:
    return jax.tree.map(jnp.subtract, a, b)


def _iterations(run: _Run, state: _State) -> _State:
    """One round of Halpern steps."""
    tau, sigma = run.lengths(state)
    rho = run.reflection

    def once(_: int, carry: tuple[Point, Array]) -> tuple[Point, Array]:
        point, k = carry
        image = step(run.scaled, point, tau, sigma)
        share = (k + 1) / (k + 2)

        def mixed(new: Array, old: Array, anchor: Array) -> Array:
            return share * ((1 + rho) * new - rho * old) + (1 - share) * anchor

        return jax.tree.map(mixed, image, point, state.anchor), k + 1

    point, since = jax.lax.fori_loop(0, ROUND, once, (state.point, state.since))
    return replace(state, point=point, since=since, count=state.count + ROUND)


def _look(run: _Run, state: _State) -> _State:
    """The residuals at T(z), the certificates in T(z) − z, and whether to start anew."""
    tau, sigma = run.lengths(state)
    image = step(run.scaled, state.point, tau, sigma)
    change = _minus(image, state.point)
    residual = moved(run.scaled, change, tau, sigma)
    direction = replace(change, w=_balance(run.scaled, change))
    candidate = run.scaling.unscale(image)
    residuals = kkt_residuals(run.problem, candidate)
    better = (worst(residuals) < worst(state.residuals)) | ~jnp.isfinite(worst(state.residuals))
    best, residuals = jax.tree.map(partial(jnp.where, better), (candidate, residuals), (state.best, state.residuals))
    empty, endless = verdict.is_suspicious(run.scaled, direction, run.tol)
    state = replace(state, best=best, residuals=residuals, direction=direction, ended=empty | endless)
    enough = residual <= SUFFICIENT * state.first
    stalling = (residual <= NECESSARY * state.first) & (residual > state.last)
    long = state.since >= ARTIFICIAL * state.count
    anew = enough | stalling | long
    restarted = _restarted(run, state, image)
    return jax.tree.map(partial(jnp.where, anew), restarted, replace(state, last=residual))


def _balance(problem: QuadraticProgram, change: Point) -> Array | None:
    """The multipliers of bounds with Kᵀv + w = 0 for a direction v: those that a Farkas certificate has."""
    if change.w is None:
        return None
    alone = replace(problem, quadratic=None, linear=jnp.zeros_like(problem.linear))
    return gradient(alone, change)


def _restarted(run: _Run, state: _State, image: Point) -> _State:
    """From ``image``, with a weight that evens out ω‖Δx‖ and ‖Δv‖."""
    change = _minus(image, state.anchor)
    primal = jnp.linalg.norm(change.x)
    dual = jnp.sqrt(sum(jnp.sum(part**2) for part in (change.y, change.z, change.u) if part is not None))
    usable = (primal > 1e-12) & (dual > 1e-12)
    error = jnp.where(usable, jnp.log(jnp.where(usable, primal / dual, 1)) + state.weight, 0)
    drift = state.drift + error
    weight = state.weight - PROPORTIONAL * error - INTEGRAL * drift
    state = replace(state, weight=weight, drift=drift, point=image, anchor=image, since=jnp.zeros_like(state.since))
    tau, sigma = run.lengths(state)
    first = moved(run.scaled, _minus(step(run.scaled, image, tau, sigma), image), tau, sigma)
    return replace(state, first=first, last=first)


def _advance(run: _Run, state: _State, goal: Array, limit: Array) -> _State:
    """Rounds until the residuals are within ``goal``, a certificate shows, or the limit is reached."""

    def unfinished(state: _State) -> Array:
        return (state.count < limit) & ~state.ended & ~(worst(state.residuals) <= goal)

    return jax.lax.while_loop(unfinished, lambda state: _look(run, _iterations(run, state)), state)


def _stages(run: _Run, state: _State, limit: Array) -> _State:
    """Stage by stage, each followed by active-set refinement, until that is within the tolerance."""
    rows = rows_of(run.scaled)

    def unfinished(carry: tuple[_State, Array]) -> Array:
        state, _ = carry
        return (state.count < limit) & ~state.ended & ~(worst(state.residuals) <= run.tol)

    def once(carry: tuple[_State, Array]) -> tuple[_State, Array]:
        state, goal = carry
        state = _advance(run, state, goal, limit)
        labels = guess(rows, run.scaling.scale(state.best))
        refine = polish if run.problem.cone_rows is None else cone_polish.polish
        polished = refine(run.problem, state.best, labels, ~state.ended, 0.01 * run.tol)
        # the iteration goes on from where it was: a polished point that is not optimal may be far from it
        done = worst(polished.residuals) <= run.tol
        best, residuals = jax.tree.map(
            partial(jnp.where, done), (polished.point, polished.residuals), (state.best, state.residuals)
        )
        return replace(state, best=best, residuals=residuals), jnp.maximum(STAGE * goal, run.tol)

    first = jnp.maximum(jnp.sqrt(run.tol), run.tol)
    return jax.lax.while_loop(unfinished, once, (state, first))[0]


def _started(run: _Run, warm: Point | None) -> _State:
    zero = jnp.zeros_like
    problem = run.problem
    cones = problem.cone_rows
    point = Point(
        x=zero(problem.linear),
        y=zero(problem.equality_rhs),
        z=jnp.zeros(problem.inequality_matrix.shape[:1], problem.linear.dtype),
        w=zero(problem.linear) if has_bounds(problem) else None,
        u=None if cones is None else zero(cones.offset),
    )
    if warm is not None:
        point = jax.tree.map(lambda a, b: jnp.where(jnp.isfinite(b), b, a), point, run.scaling.scale(warm))
    best = run.scaling.unscale(point)
    count = jnp.zeros((), jnp.int32)
    none = jnp.zeros((), problem.linear.dtype)
    state = _State(
        point=point,
        anchor=point,
        since=count,
        count=count,
        first=none,
        last=none,
        weight=none,
        drift=none,
        best=best,
        residuals=kkt_residuals(problem, best),
        direction=jax.tree.map(zero, point),
        ended=jnp.asarray(False),
    )
    return _restarted(run, state, point)


def solve(
    problem: QuadraticProgram,
    tol: float | Array | None = None,
    max_iterations: int | Array = MAX_ITERATIONS,
    warm: Point | None = None,
) -> Solution:
    """Solve one linear, convex quadratic or cone program, its matrices dense or sparse; from ``warm`` if given.

    ``tol`` bounds the relative KKT residuals (residuals.py) and the relative defect of certificates; None means 1e-9
    in double, about 1e-4 in single precision. ``iterations`` counts steps, in rounds of 50.

    Statuses: SOLVED, SOLVED_INACCURATE (within 1000 tol), INFEASIBLE and UNBOUNDED with a verified certificate, LIMIT
    (the best point found), FAILED (data that is not finite). The point is always finite.
    """
    dtype = problem.linear.dtype
    tol = jnp.asarray(default_tolerance(dtype) if tol is None else tol, dtype)
    limit = jnp.asarray(max_iterations, jnp.int32)
    finite = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(problem)]
    sound = jnp.all(jnp.stack(finite))
    crossed = certificates.crossing(problem) > tol
    problem = jax.tree.map(lambda leaf: jnp.where(sound, leaf, jnp.zeros_like(leaf)), problem)
    scaled, scaling = equilibrate(problem)
    run = _Run(problem, scaled, scaling, norms(scaled), tol)
    state = replace(_started(run, warm), ended=~sound | crossed)
    state = _stages(run, state, limit) if problem.is_dense else _advance(run, state, tol, limit)
    return _concluded(run, state, sound, crossed)


def _concluded(run: _Run, state: _State, sound: Array, crossed: Array) -> Solution:
    empty, multipliers = verdict.farkas(run.problem, run.scaled, run.scaling, state.direction)
    endless, descent = verdict.ray(run.problem, run.scaled, run.scaling, state.direction)
    solved = worst(state.residuals) <= run.tol
    is_empty = (empty <= run.tol) & ~solved
    is_endless = (endless <= run.tol) & ~is_empty & ~solved
    certificate = jax.tree.map(partial(jnp.where, is_empty), multipliers, descent)
    certificate = jax.tree.map(lambda leaf: jnp.where(is_empty | is_endless, leaf, 0), certificate)
    certificate = jax.tree.map(partial(jnp.where, crossed), certificates.crossing_certificate(run.problem), certificate)
    status = classify(state.residuals, run.tol)
    status = jnp.where(is_empty | crossed, Status.INFEASIBLE, jnp.where(is_endless, Status.UNBOUNDED, status))
    status = jnp.where(sound, status, Status.FAILED).astype(jnp.int32)
    return Solution(
        point=state.best,
        objective=objective(run.problem, state.best.x),
        status=status,
        iterations=state.count,
        residuals=state.residuals,
        certificate=certificate,
    )
