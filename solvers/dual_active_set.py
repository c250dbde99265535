"""The embedded solver for small strongly convex quadratic programs: a dual active-set method, exact up to rounding.

The working set is found in whitened coordinates (whitening.py) by the rules of Goldfarb and Idnani
(active_set_rules.py), in one of two forms that take the same steps: on a swept k × k Gram matrix
(active_set_tableau.py), or, where the rows far outnumber the variables, on n × n matrices (active_set_primal.py).
The point is then refined on the problem's own data (active_set_newton.py), with the inverses that the loop ended with.

Nothing is believed on the loop's word. The status is that of the true residuals (residuals.py), and infeasibility is
claimed only for a Farkas certificate that verifies on the data (certificates.py).
"""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers import active_set_primal, active_set_tableau, certificates
from karush.solvers.active_set_factor import ActiveSetFactor
from karush.solvers.active_set_newton import hold, refine
from karush.solvers.active_set_rules import CONTRADICTION, RUNNING, is_working
from karush.solvers.branching import at_most_once
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.residuals import classify, kkt_residuals, objective, worst
from karush.solvers.result import Solution, Status
from karush.solvers.whitening import Stack, Whitened, sides_of, stack_of, whiten

# From this many rows a variable on, the n × n form is the faster one (measured).
PRIMAL_FROM = 2.0


def _verified(
    problem: QuadraticProgram, stack: Stack, factor: ActiveSetFactor, ray: Array, wanted: Array, tol: Array
) -> tuple[Array, Point]:
    """(whether the ray is a Farkas certificate, the certificate or zeros); computed only where some lane wants it."""

    def decide(_: tuple[Array, Point]) -> tuple[Array, Point]:
        multipliers = factor.scale * ray
        for _step in range(3):
            # least squares in the working set: take what is left of Cᵀλ out of it
            _dx, change = factor.solve_working(stack.adjoint(multipliers), jnp.zeros_like(multipliers))
            multipliers = multipliers + change
        certificate = certificates.normalised_farkas(problem, stack.point(problem.linear, multipliers))
        return certificates.infeasibility_defect(problem, certificate) <= tol, certificate

    nothing = jax.tree.map(jnp.zeros_like, stack.point(problem.linear, ray))
    verified, certificate = at_most_once(wanted, decide, (jnp.asarray(False), nothing))
    return verified, jax.tree.map(lambda leaf: jnp.where(verified, leaf, 0), certificate)


def _search(
    whitened: Whitened, max_iterations: Array, counts: tuple[int, int]
) -> tuple[active_set_primal.PrimalEnd | active_set_tableau.TableauEnd, ActiveSetFactor]:
    """Run the form that suits the sizes: (end of the loop, factor at its working set)."""
    k, n = whitened.rows.shape
    make = partial(ActiveSetFactor, whitened.basis, whitened.rows, whitened.scale)
    if k > PRIMAL_FROM * n:
        primal = active_set_primal.run(whitened, max_iterations)
        working = is_working(primal.kind).astype(whitened.rows.dtype)
        return primal, make(working, None, primal.pseudo_inverse, primal.null_basis, counts)
    tableau = active_set_tableau.run(whitened, max_iterations)
    working = is_working(tableau.kind).astype(whitened.rows.dtype)
    return tableau, make(working, tableau.gram_inverse, None, None, counts)


def solve(problem: QuadraticProgram, tol: float | Array, max_iterations: int | Array) -> Solution:
    """Solve one quadratic program with positive definite P; see forms/quadratic.py for the problem and the signs.

    ``tol`` bounds the relative KKT residuals and the relative defect of a certificate; ``max_iterations`` the
    exchanges of the working set, which are what ``iterations`` counts (typically about as many as rows are active).

    Statuses: SOLVED; SOLVED_INACCURATE (within 1000 tol); INFEASIBLE with a verified certificate; LIMIT; FAILED where P
    is not positive definite to working precision, data are not finite (the point is zero then), or neither a
    solution nor a certificate verifies. Raises ValueError where the problem has no quadratic term at all.
    """
    dtype = problem.linear.dtype
    tol = jnp.asarray(tol, dtype)
    stack = stack_of(problem)
    whitened = whiten(problem, stack, tol)
    if not whitened.rows.shape[0]:
        return _unconstrained(problem, stack, whitened, tol)
    end, factor = _search(whitened, jnp.asarray(max_iterations, jnp.int32), stack.counts)
    x = whitened.basis @ (whitened.start + end.multiplier @ whitened.rows)
    held = hold(*sides_of(problem, stack), end.kind)
    refined = refine(problem, stack, factor, held, x, whitened.scale * end.multiplier, tol)
    # a contradiction within rounding (many rows through one point) is none if the point satisfies all rows
    unsolved = ~(worst(refined.residuals) <= tol)
    contradiction = whitened.sound & unsolved & (end.outcome == CONTRADICTION)
    infeasible, certificate = _verified(problem, stack, factor, end.ray, contradiction, tol)
    if not (held.lower is None or held.upper is None):
        crossed = whitened.sound & unsolved & (certificates.crossing(problem) > tol)
        crossing = certificates.crossing_certificate(problem)
        certificate = jax.tree.map(partial(jnp.where, crossed), crossing, certificate)
        infeasible = infeasible | crossed

    status = classify(refined.residuals, tol)
    status = jnp.where((status == Status.LIMIT) & (end.outcome != RUNNING), Status.FAILED, status)
    status = jnp.where(whitened.sound & ~contradiction, status, Status.FAILED)
    status = jnp.where(infeasible, Status.INFEASIBLE, status).astype(jnp.int32)
    finite = jnp.isfinite(worst(refined.residuals))
    point = stack.point(refined.x, refined.multipliers)
    return Solution(
        point=jax.tree.map(lambda leaf: jnp.where(finite, leaf, 0), point),
        objective=objective(problem, refined.x),
        status=status,
        iterations=end.count,
        residuals=refined.residuals,
        certificate=certificate,
        factor=factor,
    )


def _unconstrained(problem: QuadraticProgram, stack: Stack, whitened: Whitened, tol: Array) -> Solution:
    """The minimiser of the objective alone, with one step of refinement."""
    assert problem.quadratic is not None
    none = jnp.zeros(0, problem.linear.dtype)
    x = whitened.basis @ whitened.start
    x = x - whitened.basis @ ((problem.quadratic @ x + problem.linear) @ whitened.basis)
    point = stack.point(x, none)
    residuals = kkt_residuals(problem, point)
    status = jnp.where(whitened.sound, classify(residuals, tol), Status.FAILED).astype(jnp.int32)
    point = jax.tree.map(lambda leaf: jnp.where(jnp.isfinite(worst(residuals)), leaf, 0), point)
    factor = ActiveSetFactor(
        whitened.basis, whitened.rows, whitened.scale, none, jnp.zeros((0, 0), x.dtype), None, None, stack.counts
    )
    return Solution(
        point=point,
        objective=objective(problem, x),
        status=status,
        iterations=jnp.zeros((), jnp.int32),
        residuals=residuals,
        certificate=jax.tree.map(jnp.zeros_like, point),
        factor=factor,
    )
