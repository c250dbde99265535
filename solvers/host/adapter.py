"""Host solvers as solvers like the others: called from XLA, verified, refined, and asked again where that fails.

The host solvers of a list are asked one after the other until an answer verifies on the problem as it was given: a
point by its relative KKT residuals (residuals.py) after a refinement on the active rows (polish.py, with a sparse
factorisation where the matrices are sparse), a certificate by certificates.py. Each is asked for the problem as it was
given, and where that fails for the equilibrated one: now the one, now the other has the better scales. What none of
them settles is the best point that was seen. Their own claims decide what is verified, never what is reported.

A call leaves XLA by `jax.pure_callback`, one lane of a batch after the other.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers import certificates, cone_polish
from karush.solvers.branching import at_most_once
from karush.solvers.cone_frame import factorised_on_host
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.polish import Polished, guess, polish
from karush.solvers.protocol import Settings
from karush.solvers.residuals import classify, has_bounds, kkt_residuals, objective, worst
from karush.solvers.result import Solution, Status
from karush.solvers.rows import rows_of
from karush.solvers.scaling import Scaling, equilibrate

# What is asked of the solvers' own stopping rules, as a share of the tolerance: these bound the duality gap relative
# to the objective, which leaves single multipliers and slacks far from complementary. They stop where they get no
# further, and what they have then is refined.
_ASKED = 1e-4

# A point that is this much better than it must be is not refined: nothing would be seen of it.
_REFINED = 1e-2

# How much larger than in the equilibrated problem multipliers are taken when they are compared with slacks.
_BALANCES = (1.0, 1e-3, 1e3)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _State:
    """``attempt`` counts the solvers asked; ``settled`` whether an answer verified; ``status`` of what is best."""

    attempt: Array
    settled: Array
    status: Array
    best: Polished
    certificate: Point
    iterations: Array


def _on_host(*arguments: Any) -> Any:
    """What needs SciPy is imported by the first call."""
    return importlib.import_module("karush.solvers.host.answers").answer(*arguments)


def _ask(
    names: tuple[str, ...], settings: Settings, problem: QuadraticProgram, attempt: Array, wanted: Array
) -> tuple[Array, Array, Point]:
    """(claim, iterations, point or certificate) of the solver that is next."""
    dtype = problem.linear.dtype
    like = _blank(problem)
    shapes = jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(leaf.shape, leaf.dtype), like)
    number = jax.ShapeDtypeStruct((), jnp.int32)
    # nothing finer than the rounding of the data: rows that meet in one point do not meet in single precision
    asked = max(_ASKED * settings.tolerance(dtype), 100 * float(jnp.finfo(dtype).eps))
    call = partial(_on_host, names, asked, settings.max_iterations)
    found: tuple[Array, Array, Point] = jax.pure_callback(
        call, (number, number, shapes), problem, attempt, wanted, vmap_method="sequential"
    )
    return found


def _blank(problem: QuadraticProgram) -> Point:
    """A point of zeros."""
    zeros = jnp.zeros_like(problem.linear)
    rows = jnp.zeros(problem.inequality_matrix.shape[:1], zeros.dtype)
    cones = None if problem.cone_rows is None else jnp.zeros_like(problem.cone_rows.offset)
    return Point(zeros, jnp.zeros_like(problem.equality_rhs), rows, zeros if has_bounds(problem) else None, cones)


def _refined(problem: QuadraticProgram, point: Point, wanted: Array, tol: Array) -> Polished:
    """The point, refined on its active rows where it is wanted and not good enough as it is.

    The rows are guessed in the equilibrated problem, in which multipliers and slacks are of one size. What that size is
    depends on the objective's scale, which is a guess too: where it does not lead to a solution others are tried.
    """
    given = Polished(point, kkt_residuals(problem, point), jnp.zeros(_count(problem), jnp.int32))
    cones = problem.cone_rows
    # Newton's steps on dense rows, or by products, cost more than they bring
    if cones is not None and (problem.is_dense or not factorised_on_host(cones.cones)):
        return given
    refine = polish if problem.cone_rows is None else cone_polish.polish
    balances = jnp.asarray(_BALANCES, problem.linear.dtype)

    def unfinished(state: tuple[Array, Polished]) -> Array:
        trial, best = state
        enough = jnp.where(trial > 0, 1, _REFINED) * tol
        return wanted & (trial < balances.size) & ~(worst(best.residuals) <= enough)

    def once(state: tuple[Array, Polished]) -> tuple[Array, Polished]:
        trial, best = state
        # tied to the loop: XLA would take what does not depend on it out of it, and do it every time
        held, _ = jax.lax.optimization_barrier((problem, trial))
        scaled, scaling = equilibrate(held)
        labels = guess(rows_of(scaled), _pressed(scaling.scale(point), balances[trial]))
        tried = refine(problem, point, labels, unfinished(state), 0.1 * _REFINED * tol)
        return trial + 1, _chosen(~(worst(tried.residuals) >= worst(best.residuals)), tried, best)

    return jax.lax.while_loop(unfinished, once, (jnp.zeros((), jnp.int32), given))[1]


def _pressed(point: Point, balance: Array) -> Point:
    """The point with all multipliers times the balance."""
    w = None if point.w is None else balance * point.w
    return Point(point.x, balance * point.y, balance * point.z, w, point.u)


def _as_asked(problem: QuadraticProgram, is_shaped: Array) -> tuple[QuadraticProgram, Scaling]:
    """The equilibrated problem where that is wanted, else the problem itself, with its scaling."""
    cones = None if problem.cone_rows is None else jnp.ones_like(problem.cone_rows.offset)
    rows = jnp.ones(problem.inequality_matrix.shape[:1], problem.linear.dtype)
    same = Scaling(
        jnp.ones_like(problem.linear), jnp.ones_like(problem.equality_rhs), rows, jnp.ones_like(problem.constant), cones
    )
    return jax.lax.cond(is_shaped, equilibrate, lambda given: (given, same), problem)


def _proof(problem: QuadraticProgram, claim: Array, given: Point) -> tuple[Array, Point]:
    """(defect, certificate) of a claim that there is no solution; an infinite defect where there is no such claim."""
    is_empty = claim == Status.INFEASIBLE
    claimed = is_empty | (claim == Status.UNBOUNDED)

    def judged(_: tuple[Array, Point]) -> tuple[Array, Point]:
        held, _ = jax.lax.optimization_barrier((problem, claim))
        multipliers, ray = certificates.normalised_farkas(held, given), certificates.normalised_ray(held, given)
        empty, endless = (
            certificates.infeasibility_defect(held, multipliers),
            certificates.unboundedness_defect(held, ray),
        )
        return jnp.where(is_empty, empty, endless), jax.tree.map(partial(jnp.where, is_empty), multipliers, ray)

    nothing = jnp.full((), jnp.inf, problem.linear.dtype), _blank(problem)
    return at_most_once(claimed, judged, nothing)


def _chosen(take: Array, first: Any, second: Any) -> Any:
    return jax.tree.map(partial(jnp.where, take), first, second)


def solve(names: tuple[str, ...], problem: QuadraticProgram, settings: Settings, warm: Point | None = None) -> Solution:
    """Solve one problem by the host solvers of these names; see `Solution` and the module's text.

    From ``warm`` a refinement is tried first; where it ends within the tolerance nobody is asked. Statuses are those
    of interior_point.py; ``iterations`` are the host solvers' own, added up.
    """
    tol = jnp.asarray(settings.tolerance(problem.linear.dtype), problem.linear.dtype)
    blank = _blank(problem)
    sound = jnp.all(jnp.stack([jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(problem)]))
    crossed = sound & (certificates.crossing(problem) > tol)
    if warm is None:
        first = Polished(blank, kkt_residuals(problem, blank), jnp.zeros(_count(problem), jnp.int32))
    else:
        first = _refined(problem, _completed(problem, warm), sound & ~crossed, tol)
    known = (jnp.asarray(False) if warm is None else worst(first.residuals) <= tol) & sound

    def unfinished(state: _State) -> Array:
        return ~state.settled & (state.attempt < 2 * len(names))

    def once(state: _State) -> _State:
        wanted = unfinished(state)
        is_shaped = state.attempt % 2 == 1
        asked, scaling = _as_asked(problem, is_shaped)
        claim, count, given = _ask(names, settings, asked, state.attempt // 2, wanted)
        given = scaling.unscale(given)
        defect, proof = _proof(problem, claim, given)
        proved = defect <= tol
        refined = _refined(problem, given, wanted & (claim != Status.INFEASIBLE) & ~proved, tol)
        better = ~(worst(refined.residuals) >= worst(state.best.residuals))
        best = _chosen(better & ~proved, refined, state.best)
        status = jnp.where(proved, claim, classify(best.residuals, tol)).astype(jnp.int32)
        settled = proved | (status == Status.SOLVED)
        certificate = _chosen(proved, proof, state.certificate)
        return _State(state.attempt + 1, settled, status, best, certificate, state.iterations + count)

    status = jnp.where(sound, jnp.where(crossed, Status.INFEASIBLE, classify(first.residuals, tol)), Status.FAILED)
    certificate = _chosen(crossed, certificates.crossing_certificate(problem), blank)
    zero = jnp.zeros((), jnp.int32)
    start = _State(zero, known | crossed | ~sound, status.astype(jnp.int32), first, certificate, zero)
    end = jax.lax.while_loop(unfinished, once, start)
    point = end.best.point
    return Solution(point, objective(problem, point.x), end.status, end.iterations, end.best.residuals, end.certificate)


def _count(problem: QuadraticProgram) -> int:
    m, n = problem.inequality_matrix.shape
    return m + (n if has_bounds(problem) else 0)


def _completed(problem: QuadraticProgram, warm: Point) -> Point:
    """The given point with the parts that the problem asks for, zero where it has none."""
    blank = _blank(problem)
    w = blank.w if warm.w is None or blank.w is None else warm.w
    u = blank.u if warm.u is None or blank.u is None else warm.u
    return Point(warm.x, warm.y, warm.z, w, u)
