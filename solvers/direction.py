"""What is known of a derivative in one direction: of a cotangent pulled back, of a tangent pushed forward, of the
value.

With λ = K⁻¹c for a cotangent c, the gradient in the data θ is −λᵀ∂F/∂θ, bilinear in λ and the point u. So its error,
entry by entry of the problem's arrays, is to first order at most

    e_λ (1 + ‖u‖∞) + ‖λ‖∞ e_u,      e_λ = ‖K⁻¹(c − Kλ)‖∞ + ε cond ‖λ‖∞,      e_u = ‖K⁻¹F(u; θ)‖∞,

e_u being the Newton correction of the point (Theorem 1 of Blondel et al., NeurIPS 2022, where ∂F/∂u does not depend on
u; the rounding term is ours). A tangent is the same with its right-hand side for c; the optimal value's derivative
∂L/∂θ needs no λ and has the error e_u (1 + ‖u‖∞).

**What a cotangent alone cannot show**: if K has a kernel, λ is determined up to it, and the gradient in a parameter is
unique only if the kernel does not see that parameter. `kernel_cotangents` gives kᵀ∂F/∂θ for vectors k of the kernel in
the shape of the problem; pulled back to the parameters as a cotangent of the problem would be, it must vanish.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.solvers import cone_derivative
from karush.solvers import linearisation as linear
from karush.solvers.cone_system import image
from karush.solvers.evidence import DerivativeStatus
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.implicit import DifferentiableSolution, conditions, symmetrised
from karush.solvers.kkt import flatten, unflatten
from karush.solvers.linearisation import Linearisation

POWER_ITERATIONS = 6


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DirectionEvidence:
    """Scalars: relative ``residual`` of the linear solve, ``condition`` of its matrix (in the direction, if singular).

    ``error_bound`` for the entries of the derivative in the problem's arrays, absolute; ``status`` a `DerivativeStatus`
    (int32) for the pair of output and all parameters that the kernel does not see.
    """

    residual: Array
    condition: Array
    error_bound: Array
    status: Array


def _largest(vector: Array) -> Array:
    return jnp.max(jnp.abs(vector), initial=0.0)


def _norm(problem: QuadraticProgram, lin: Linearisation) -> Array:
    """The 2-norm of K by power iteration."""

    def turn(_: int, carry: tuple[Array, Array]) -> tuple[Array, Array]:
        image = linear.product(problem, lin, carry[0])
        length = jnp.linalg.norm(image)
        return image / jnp.where(length > 0, length, 1), length

    start = linear.probes(1, lin.weight)[0]
    return lax.fori_loop(0, POWER_ITERATIONS, turn, (start / jnp.linalg.norm(start), jnp.zeros((), start.dtype)))[1]


def _solve(problem: QuadraticProgram, lin: Linearisation, rhs: Array, adjoint: bool = False) -> tuple[Array, Array]:
    """K⁻¹ rhs, or K⁻ᵀ rhs, and the relative residual; K is symmetric but for a cone program."""
    if lin.frame is None:
        return linear.solve(problem, lin, rhs)
    return cone_derivative.solve(problem, lin, rhs, adjoint)


def _product(problem: QuadraticProgram, lin: Linearisation, direction: Array, adjoint: bool) -> Array:
    if lin.frame is None:
        return linear.product(problem, lin, direction)
    return cone_derivative.framed_product(problem, lin, direction, adjoint)


def _newton(problem: QuadraticProgram, solution: DifferentiableSolution) -> Array:
    """K⁻¹F(u; θ): how far the point is from where all conditions hold."""
    lin, point = solution.linearisation, solution.point
    return _solve(problem, lin, conditions(problem, point, lin, image(problem, point)))[0]


def _of_system(
    problem: QuadraticProgram, solution: DifferentiableSolution, rhs: Array, adjoint: bool
) -> DirectionEvidence:
    """The evidence of K λ = rhs, flat, or of Kᵀλ = rhs."""
    problem, lin, point = symmetrised(problem), solution.linearisation, solution.point
    value, residual = _solve(problem, lin, rhs, adjoint)
    left, _ = _solve(problem, lin, rhs - _product(problem, lin, value, adjoint), adjoint)
    step = _newton(problem, solution)
    norm, sigma = _norm(problem, lin), solution.evidence.sigma_min
    size = jnp.linalg.norm(rhs)
    along = norm * jnp.linalg.norm(value) / jnp.where(size > 0, size, 1)
    condition = jnp.where(sigma > 0, norm / jnp.where(sigma > 0, sigma, 1), along)
    rounding = float(jnp.finfo(rhs.dtype).eps) * condition * _largest(value)
    bound = (_largest(left) + rounding) * (1 + _largest(flatten(point))) + _largest(value) * _largest(step)
    consistent = (lin.solved > 0) & (residual < linear.kernel_tolerance(rhs))
    kink = jnp.where(linear.any_weak(lin), DerivativeStatus.CONSERVATIVE, DerivativeStatus.UNIQUE)
    status = jnp.where(consistent, kink, DerivativeStatus.UNDEFINED).astype(jnp.int32)
    bound = jnp.where(status == DerivativeStatus.UNIQUE, bound, jnp.nan)
    return DirectionEvidence(residual, condition, bound, status)


def adjoint_evidence(
    problem: QuadraticProgram, solution: DifferentiableSolution, cotangent: Point
) -> DirectionEvidence:
    """The evidence of pulling back a cotangent of the point (x, y, z, w, u).

    UNDEFINED without a solution or where the kernel sees the cotangent; CONSERVATIVE at a kink, where there is no bound
    of the error in one element of a set; else UNIQUE, as far as the kernel does not see the parameter.
    """
    problem, solution = lax.stop_gradient((problem, solution))
    signed = Point(cotangent.x, -cotangent.y, -cotangent.z, None if cotangent.w is None else -cotangent.w)
    rows = problem.cone_rows
    if rows is not None and cotangent.u is not None:  # u = Fx + g − v
        signed = replace(signed, x=signed.x + rows.matrix.T @ cotangent.u, u=-cotangent.u)
    return _of_system(problem, solution, flatten(signed), True)


def tangent_evidence(
    problem: QuadraticProgram, solution: DifferentiableSolution, tangent: QuadraticProgram
) -> DirectionEvidence:
    """The evidence of pushing forward a tangent of the problem (as `jax.jvp` takes it); UNDEFINED where x can move."""
    problem, solution = lax.stop_gradient((problem, solution))
    lin = solution.linearisation
    v = image(problem, solution.point)
    rate = jax.jvp(lambda data: conditions(data, solution.point, lin, v), (problem,), (tangent,))[1]
    found = _of_system(problem, solution, -rate, False)
    status = jnp.maximum(found.status, solution.evidence.primal)
    bound = jnp.where(status == DerivativeStatus.UNIQUE, found.error_bound, jnp.nan)
    return DirectionEvidence(found.residual, found.condition, bound, status)


def value_evidence(problem: QuadraticProgram, solution: DifferentiableSolution) -> DirectionEvidence:
    """The evidence of the optimal value's derivative: no linear solve, so residual 0 and condition 1."""
    problem, solution = lax.stop_gradient((problem, solution))
    bound = _largest(_newton(symmetrised(problem), solution)) * (1 + _largest(flatten(solution.point)))
    status = solution.evidence.objective
    none = jnp.zeros_like(bound)
    return DirectionEvidence(none, none + 1, jnp.where(status == DerivativeStatus.UNDEFINED, jnp.nan, bound), status)


def kernel_cotangents(
    problem: QuadraticProgram, solution: DifferentiableSolution, wide: bool = False
) -> tuple[QuadraticProgram, ...]:
    """kᵀ∂F/∂θ for each of some random vectors k of the kernel, ‖k‖∞ = 1, in the shape of the problem.

    They stand side by side, not in one array with a leading axis: the cotangent of a sparse matrix has no indices. All
    zeros if K is regular. With ``wide`` the weakly active rows count as active: what the optimal value and the
    multipliers can move by.
    """
    problem, solution = lax.stop_gradient((problem, solution))
    lin, point = solution.linearisation, solution.point
    if wide:
        active_w = None if lin.active_w is None or lin.weak_w is None else jnp.maximum(lin.active_w, lin.weak_w)
        lin = replace(lin, active_z=jnp.maximum(lin.active_z, lin.weak_z), active_w=active_w)
    vectors = lin.weight * (lin.wide_kernel if wide else lin.kernel)
    if lin.frame is not None:
        vectors = cone_derivative.kernel_image(problem, lin, vectors)
    v = image(problem, point)
    length = jnp.max(jnp.abs(vectors), axis=1, keepdims=True, initial=0.0)
    vectors = vectors / jnp.where(length > 0, length, 1)
    _, pull = jax.vjp(lambda data: conditions(data, point, lin, v), problem)
    return tuple(pull(k)[0] for k in vectors)


def kernel_points(problem: QuadraticProgram, solution: DifferentiableSolution) -> Point:
    """The same vectors k as directions (dx, dy, dz, dw) of the point, with a leading axis."""
    lin = solution.linearisation
    vectors = lin.weight * lin.kernel
    if lin.frame is not None:
        vectors = cone_derivative.kernel_image(problem, lin, vectors)

    def one(k: Array) -> Point:
        u = unflatten(problem, k, lin.active_w is not None)
        w, cones = (None if part is None else -part for part in (u.w, u.u))
        return Point(u.x, -u.y, -u.z, w, cones)

    return jax.vmap(one)(vectors)
