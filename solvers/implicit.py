"""The derivative of a solution in the data of its problem: the one rule.

At a solution u = (x, y, z, w) of the problem with data θ, the rows in force being fixed (linearisation.py),
the optimality conditions are F(u; θ) = 0 with F = ∂L/∂u up to signs, and the implicit function theorem gives

    K du = −∂F/∂θ dθ,            K = ∂F/∂u symmetric (kkt.py),
    dV = ∂L/∂θ dθ                for the optimal value, never through x (envelope theorem): right where x is
    not unique.

For a cone program the unknowns are (x, y, z, w, v) with v = s − u, and K is not symmetric (cone_derivative.py).

The rule is a `custom_jvp` whose linear solve is `lax.custom_linear_solve`, so that JVP, VJP, batches and
higher derivatives all follow from it, and forward and reverse can never disagree. The factorisation is an
output of the differentiated function with a zero tangent: a VJP costs one solve with it, whatever the number
of parameters.

**What has no derivative** is NaN for a nonzero (co)tangent and 0 for a zero one. The mask stands inside the
linear solve's own function: where a lane has no solution, or the right-hand side (forward) or the cotangent
(reverse) has a part in the kernel of K, the solve returns NaN for that lane alone; the coefficients that
multiply it are finite (a filler replaces the point of such a lane), so a zero cotangent gives zero. Forward,
a component that the kernel moves is NaN as well; reverse, a cotangent that the kernel does not see has a
derivative although its components have none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.solvers import cone_derivative
from karush.solvers import linearisation as linear
from karush.solvers.cone_system import filler, image, multipliers
from karush.solvers.evidence import Evidence, evidence, moves
from karush.solvers.forms.cones import ConeRows
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.kkt import flatten, unflatten
from karush.solvers.linearisation import Linearisation, linearise, of_rows
from karush.solvers.matrices import symmetric_part
from karush.solvers.one_sided import one_sided
from karush.solvers.projections.cones import project_rows
from karush.solvers.protocol import Method
from karush.solvers.residuals import bound_sides, row_sides
from karush.solvers.result import Residuals, Solution


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DifferentiableSolution:
    """A solution whose ``point`` (x, y, z, w, u) and ``objective`` may be differentiated in the problem's data.

    The other fields are those of `Solution`; ``evidence`` is `Evidence`, ``linearisation`` what
    `direction.py` works with. None of them carries a derivative.
    """

    point: Point
    objective: Array
    status: Array
    iterations: Array
    residuals: Residuals
    certificate: Point
    evidence: Evidence
    linearisation: Linearisation


def symmetrised(problem: QuadraticProgram) -> QuadraticProgram:
    """The same objective ½xᵀPx written with (P + Pᵀ)/2, so that every entry of P has its own derivative."""
    P = problem.quadratic
    return problem if P is None else replace(problem, quadratic=symmetric_part(P))


def _sides(problem: QuadraticProgram, lin: Linearisation) -> tuple[Array, Array | None]:
    rows = row_sides(problem)
    side_z = lin.lower_z * rows.lower + (1 - lin.lower_z) * rows.upper
    if lin.lower_w is None:
        return side_z, None
    bounds = bound_sides(problem)
    return side_z, lin.lower_w * bounds.lower + (1 - lin.lower_w) * bounds.upper


def conditions(problem: QuadraticProgram, point: Point, lin: Linearisation, v: Array | None) -> Array:
    """F(u; θ) of the rows in force, flat (N,): stationarity, Ax − b, Gx − side and x − side where active.

    For a cone program ``v`` is the unknown `image`, and Fx + g − Π(v) follows.
    """
    problem, lin, cones = symmetrised(problem), of_rows(problem, lin), None
    x, y, z, w = point.x, point.y, lin.active_z * point.z, point.w
    side_z, side_w = _sides(problem, lin)
    stationarity = problem.linear - problem.equality_matrix.T @ y - problem.inequality_matrix.T @ z
    if problem.quadratic is not None:
        stationarity = stationarity + problem.quadratic @ x
    if problem.cone_rows is not None and v is not None and point.u is not None:
        u = multipliers(problem.cone_rows, v, point.u)
        stationarity = stationarity - problem.cone_rows.matrix.T @ u
        cones = problem.cone_rows.matrix @ x + problem.cone_rows.offset - project_rows(problem.cone_rows, v)
    rows = lin.active_z * (problem.inequality_matrix @ x - side_z)
    equalities = problem.equality_matrix @ x - problem.equality_rhs
    if w is None or lin.active_w is None or side_w is None:
        return flatten(Point(stationarity, equalities, rows, None, cones))
    return flatten(Point(stationarity - lin.active_w * w, equalities, rows, lin.active_w * (x - side_w), cones))


def lagrangian(problem: QuadraticProgram, point: Point, lin: Linearisation, v: Array | None) -> Array:
    """L(u; θ) of the rows in force, a scalar; of rows in cones −uᵀ(Fx + g − Π(v)), as Π depends on exponents."""
    lin = of_rows(problem, lin)
    x, y, z, w = point.x, point.y, lin.active_z * point.z, point.w
    side_z, side_w = _sides(problem, lin)
    value = problem.linear @ x + problem.constant - y @ (problem.equality_matrix @ x - problem.equality_rhs)
    value = value - z @ (problem.inequality_matrix @ x - side_z)
    if problem.quadratic is not None:
        value = value + 0.5 * x @ (problem.quadratic @ x)
    if problem.cone_rows is not None and v is not None and point.u is not None:
        value = value - point.u @ (problem.cone_rows.matrix @ x + problem.cone_rows.offset)
        if problem.cone_rows.exponents.shape[0] > 0:
            value = value + point.u @ project_rows(problem.cone_rows, v)
    if w is None or lin.active_w is None or side_w is None:
        return value
    return value - (lin.active_w * w) @ (x - side_w)


def with_filler(point: Point, lin: Linearisation) -> tuple[Point, Linearisation]:
    """Where there is no solution: generic finite numbers for the point, all rows active, both sides in part.

    So every nonzero (co)tangent meets a nonzero coefficient, and a zero one stays zero; the solve then says
    NaN.
    """

    def filled(value: Array, seed: float) -> Array:
        filler = jnp.cos(1.7 * jnp.arange(value.shape[0], dtype=value.dtype) + seed)
        return jnp.where(lin.solved > 0, value, filler)

    def constant(value: Array, number: float) -> Array:
        return jnp.where(lin.solved > 0, value, number)

    w = None if point.w is None else filled(point.w, 0.4)
    active_w = None if lin.active_w is None else constant(lin.active_w, 1.0)
    lower_w = None if lin.lower_w is None else constant(lin.lower_w, 0.37)
    active_z, lower_z = constant(lin.active_z, 1.0), constant(lin.lower_z, 0.37)
    everywhere = replace(lin, active_z=active_z, active_w=active_w, lower_z=lower_z, lower_w=lower_w)
    u = None if point.u is None else filled(point.u, 0.6)
    return Point(filled(point.x, 0.1), filled(point.y, 0.2), filled(point.z, 0.3), w, u), everywhere


def nan_unless_zero(allowed: Array, direction: Array, value: Array) -> Array:
    """``value`` where allowed, and otherwise NaN, but 0 where ``direction`` is zero altogether."""
    return jnp.where(jnp.all(direction == 0), 0, jnp.where(allowed, value, jnp.nan))


def linear_solve(problem: QuadraticProgram, lin: Linearisation, v: Array | None, rhs: Array) -> Array:
    """K⁻¹ rhs as a linear function of ``rhs`` that JAX can transpose and differentiate in K, with the NaN mask."""
    problem = symmetrised(problem)
    frozen = lax.stop_gradient(problem)

    def masked(r: Array, u: Array, residual: Array) -> Array:
        consistent = (lin.solved > 0) & (residual < linear.kernel_tolerance(r))
        return nan_unless_zero(consistent, r, u)

    def solve(_: Callable[[Array], Array], r: Array) -> Array:
        return masked(r, *linear.solve(frozen, lin, r))

    if v is not None:
        return cone_derivative.linear_solve(problem, lin, v, rhs, masked)
    return lax.custom_linear_solve(lambda u: linear.product(problem, lin, u), rhs, solve, symmetric=True)


def _masked(value: Array, allowed: Array, reverse: Array) -> Array:
    """The identity with a mask of its own forward (``allowed``) and another in reverse; elementwise."""

    def solve(_: Callable[[Array], Array], t: Array) -> Array:
        return jnp.where(allowed | (t == 0), t, jnp.nan)

    def transpose(_: Callable[[Array], Array], t: Array) -> Array:
        return jnp.where(reverse | (t == 0), t, jnp.nan)

    return lax.custom_linear_solve(lambda t: t, value, solve, transpose)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _solve(method: Method, problem: QuadraticProgram, warm: Point | None) -> tuple[Solution, Linearisation]:
    solution = method(problem, warm)
    return replace(solution, factor=None), linearise(
        problem, solution, method.active(problem.linear.dtype), not method.strongly_convex
    )


@_solve.defjvp
def _derivative(method: Method, primals: Any, tangents: Any) -> Any:
    problem, warm = primals
    solution, lin = _solve(method, problem, warm)
    lin = lax.stop_gradient(lin)
    point, everywhere = with_filler(solution.point, lin)
    v = image(problem, solution.point)
    if v is not None:
        v = jnp.where(lin.solved > 0, v, filler(problem.cone_rows))

    def of(function: Callable[..., Array]) -> Array:
        return jax.jvp(lambda data: function(data, point, everywhere, v), (problem,), (tangents[0],))[1]

    u = unflatten(problem, linear_solve(problem, lin, v, -of(conditions)), lin.active_w is not None)
    value = _masked(of(lagrangian)[None], lin.solved > 0, lin.solved > 0)[0]
    zero = jax.tree.map(jax.custom_derivatives.zero_from_primal, (solution, lin))
    moved = Point(u.x, -u.y, -u.z, None if u.w is None else -u.w)
    if u.u is not None:
        moved = replace(moved, u=_slack_rate(problem.cone_rows, tangents[0].cone_rows, point.x, u.x) - u.u)
    if method.one_sided:
        moved, value = one_sided(method, problem, tangents[0], solution.point, lin, (moved, value))
    # what has no entries may be a constant of the batch: a mapped tangent beside it fails in JAX's second derivatives
    moved = jax.tree.map(lambda t, none: none if t.shape == (0,) else t, moved, zero[0].point)
    return (solution, lin), (replace(zero[0], point=moved, objective=value), zero[1])


def _slack_rate(rows: ConeRows, change: ConeRows, x: Array, dx: Array) -> Array:
    """d(Fx + g), so that du = ds − dv."""
    rate: Array = jax.jvp(lambda data: data.matrix @ x + data.offset, (rows,), (change,))[1]
    return rows.matrix @ dx + rate


@jax.custom_jvp
def _marked(value: Array, moved: Array) -> Array:
    """``value``; its tangent is NaN, unless zero, where ``moved`` (1.0) says that the kernel moves it."""
    del moved
    return value


@_marked.defjvp
def _marked_derivative(primals: tuple[Array, Array], tangents: tuple[Array, Array]) -> tuple[Array, Array]:
    value, moved = primals
    return _marked(value, moved), _masked(tangents[0], moved == 0, jnp.asarray(True))


@partial(jax.jit, static_argnums=0)
def solve_differentiable(
    method: Method, problem: QuadraticProgram, warm: Point | None = None
) -> DifferentiableSolution:
    """Solve, differentiably in every array of ``problem`` (not in ``warm``), with the evidence.

    ``method`` is a hashable function (problem, warm) ↦ Solution; ``active`` the relative threshold below
    which a slack or a multiplier counts as zero.
    """
    solution, lin = _solve(method, problem, warm)
    frozen, lin = lax.stop_gradient((problem, lin))
    moved = moves(frozen, lin, lin.kernel)

    def marked(value: Array, mask: Array) -> Array:
        if value.shape == (0,):  # no entry to mark; mapped second derivatives of constants without entries fail in JAX
            return value
        return _marked(value, (mask & (lin.solved > 0)).astype(value.dtype))

    point: Point = solution.point
    w = point.w if point.w is None or moved.w is None else marked(point.w, moved.w)
    u = point.u if point.u is None or moved.u is None else marked(point.u, moved.u)
    return DifferentiableSolution(
        point=Point(marked(point.x, moved.x), marked(point.y, moved.y), marked(point.z, moved.z), w, u),
        objective=solution.objective,
        status=solution.status,
        iterations=solution.iterations,
        residuals=solution.residuals,
        certificate=solution.certificate,
        evidence=evidence(frozen, lin),
        linearisation=lin,
    )
