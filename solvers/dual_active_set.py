"""The embedded solver for small strongly convex quadratic programs: a dual active-set method, exact up to rounding.

The working set is found in whitened coordinates (whitening.py) by the rules of Goldfarb and Idnani
(active_set_rules.py), in one of two forms that take the same steps: on a swept k × k Gram matrix
(active_set_tableau.py), or, where the rows far outnumber the variables, on n × n matrices (active_set_primal.py).
The point is then refined on the problem's own data: Newton steps of the optimality conditions at that working set
(one, or more where a lane needs them), with the inverses that the loop ended with.

Nothing is believed on the loop's word. The status is that of the true residuals (residuals.py), and infeasibility is
claimed only for a Farkas certificate that verifies on the data (certificates.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.solvers import active_set_primal, active_set_tableau, certificates
from karush.solvers.active_set_factor import ActiveSetFactor
from karush.solvers.active_set_rules import CONTRADICTION, RUNNING, UPPER, is_working
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.residuals import classify, kkt_residuals, objective, worst
from karush.solvers.result import Residuals, Solution, Status
from karush.solvers.whitening import Stack, Whitened, stack_of, whiten

# From this many rows a variable on, the n × n form is the faster one (measured).
PRIMAL_FROM = 2.0

# Newton steps at the final working set, at most; the second is taken where the first leaves a lane above tolerance.
REFINEMENTS = 3


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class _Refined:
    step: Array
    x: Array
    multipliers: Array
    residuals: Residuals


def _held(whitened: Whitened, kind: Array) -> Array:
    """The side, unscaled, that each working row is held at; 0 for the others."""
    if whitened.upper is None:
        side = whitened.lower
    elif whitened.lower is None:
        side = whitened.upper
    else:
        side = jnp.where(kind == UPPER, whitened.upper, whitened.lower)
    return jnp.where(is_working(kind), side / whitened.scale, 0)


def _refined(
    problem: QuadraticProgram, stack: Stack, factor: ActiveSetFactor, side: Array, kind: Array, start: tuple, tol: Array
) -> _Refined:
    """Newton steps from (x, multipliers) at the working set; multipliers of the wrong sign are set to zero."""

    def once(state: _Refined) -> _Refined:
        x, multipliers = state.x, state.multipliers
        stationarity = problem.quadratic @ x + problem.linear - stack.adjoint(multipliers)
        dx, change = factor.solve_stacked(-stationarity, factor.working * (side - stack.times(x)))
        x, multipliers = x + dx, multipliers + change
        multipliers = jnp.where((jnp.abs(kind) == 1) & (multipliers * kind < 0), 0, multipliers)
        return _Refined(state.step + 1, x, multipliers, kkt_residuals(problem, stack.point(x, multipliers)))

    first = jnp.full((), jnp.inf, start[0].dtype)
    state = once(_Refined(jnp.zeros((), jnp.int32), *start, Residuals(first, first, first)))
    return lax.while_loop(lambda state: (state.step < REFINEMENTS) & (worst(state.residuals) > 0.1 * tol), once, state)


def _verified(
    problem: QuadraticProgram, stack: Stack, factor: ActiveSetFactor, ray: Array, wanted: Array, tol: Array
) -> tuple[Array, Point]:
    """(whether the ray is a Farkas certificate, the certificate); computed only where some lane wants it."""
    zero = jax.tree.map(jnp.zeros_like, stack.point(problem.linear, ray))

    def decide(_: tuple) -> tuple:
        multipliers = factor.scale * ray
        for _ in range(2):
            # least squares in the working set: take what is left of Cᵀλ out of it
            _, change = factor.solve_stacked(stack.adjoint(multipliers), jnp.zeros_like(multipliers))
            multipliers = multipliers + change
        certificate = certificates.normalised_farkas(problem, stack.point(problem.linear, multipliers))
        defect = certificates.infeasibility_defect(problem, certificate)
        return jnp.asarray(False), defect <= tol, certificate

    _, verified, certificate = lax.while_loop(lambda state: state[0], decide, (wanted, jnp.asarray(False), zero))
    return verified, jax.tree.map(lambda leaf: jnp.where(verified, leaf, 0), certificate)


def _search(whitened: Whitened, redundant: Array, max_iterations: Array, counts: tuple[int, int]) -> tuple:
    """Run the form that suits the sizes: (end of the loop, factor at its working set)."""
    k, n = whitened.rows.shape
    make = partial(ActiveSetFactor, whitened.inverse, whitened.rows, whitened.scale)
    if k > PRIMAL_FROM * n:
        primal = active_set_primal.run(whitened, redundant, max_iterations)
        working = is_working(primal.kind).astype(whitened.rows.dtype)
        return primal, make(working, None, primal.pseudo_inverse, primal.null_basis, counts)
    tableau = active_set_tableau.run(whitened, redundant, max_iterations)
    working = is_working(tableau.kind).astype(whitened.rows.dtype)
    return tableau, make(working, tableau.gram_inverse, None, None, counts)


def solve(problem: QuadraticProgram, tol: float | Array, max_iterations: int | Array) -> Solution:
    """Solve one quadratic program with positive definite P; see forms/quadratic.py for the problem and the signs.

    ``tol`` bounds the relative KKT residuals and the relative defect of a certificate; ``max_iterations`` the
    exchanges of the working set, which are what ``iterations`` counts (typically about as many as rows are active).

    Statuses: SOLVED; SOLVED_INACCURATE (within 1000 tol); INFEASIBLE with a verified certificate; LIMIT; FAILED where P
    is not positive definite to working precision, data are not finite, or neither a solution nor a certificate
    verifies. Raises ValueError where the problem has no quadratic term at all.
    """
    dtype = problem.linear.dtype
    tol = jnp.asarray(tol, dtype)
    stack = stack_of(problem)
    whitened = whiten(problem, stack, tol)
    if not whitened.rows.shape[0]:
        return _unconstrained(problem, stack, whitened, tol)
    # 0.01 tol is the slack of a violation, so this is 10 tol relative to the row
    end, factor = _search(whitened, 1000 * whitened.slack, jnp.asarray(max_iterations, jnp.int32), stack.counts)
    x = (whitened.start + end.multiplier @ whitened.rows) @ whitened.inverse
    side = _held(whitened, end.kind)
    refined = _refined(problem, stack, factor, side, end.kind, (x, whitened.scale * end.multiplier), tol)
    contradiction = whitened.sound & (end.outcome == CONTRADICTION)
    infeasible, certificate = _verified(problem, stack, factor, end.ray, contradiction, tol)

    status = classify(refined.residuals, tol)
    status = jnp.where((status == Status.LIMIT) & (end.outcome != RUNNING), Status.FAILED, status)
    status = jnp.where(whitened.sound & ~contradiction, status, Status.FAILED)
    status = jnp.where(infeasible, Status.INFEASIBLE, status).astype(jnp.int32)
    return Solution(
        point=stack.point(refined.x, refined.multipliers),
        objective=objective(problem, refined.x),
        status=status,
        iterations=end.count,
        residuals=refined.residuals,
        certificate=certificate,
        factor=factor,
    )


def _unconstrained(problem: QuadraticProgram, stack: Stack, whitened: Whitened, tol: Array) -> Solution:
    """The minimiser of the objective alone, with one step of refinement."""
    none = jnp.zeros(0, problem.linear.dtype)
    x = whitened.start @ whitened.inverse
    x = x - (whitened.inverse @ (problem.quadratic @ x + problem.linear)) @ whitened.inverse
    point = stack.point(x, none)
    residuals = kkt_residuals(problem, point)
    status = jnp.where(whitened.sound, classify(residuals, tol), Status.FAILED).astype(jnp.int32)
    empty = jnp.zeros((0, 0), x.dtype)
    factor = ActiveSetFactor(
        whitened.inverse, whitened.rows, whitened.scale, none, empty, None, None, stack.counts
    )
    return Solution(
        point, objective(problem, x), status, jnp.zeros((), jnp.int32), residuals,
        jax.tree.map(jnp.zeros_like, point), factor,
    )
