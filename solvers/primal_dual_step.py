"""One step of the primal-dual hybrid gradient method for quadratic and cone programs, without a factorisation.

With the rows K = [A; G; F], their multipliers v = (y, z, u) and S the set that Kx is asked to lie in (b, the
interval of the two sides, K − g),

    x⁺ = Π_X(x − τ(Px + q − Kᵀv)),        x̄ = 2x⁺ − x
    v⁺ = v − σKx̄ + σ Π_S(Kx̄ − v/σ)

which presses exactly where Kx̄ − v/σ lies outside S. The quadratic term enters by its gradient: with
1/τ − σ‖K‖² ≥ ‖P‖ the map is averaged in the norm

    ‖(x, v)‖²_M = ‖x‖²/τ + 2⟨Kx, v⟩ + ‖v‖²/σ.

Chambolle and Pock, J. Math. Imaging Vis. 40 (2011); Condat, J. Optim. Theory Appl. 158 (2013), and Vũ, Adv. Comput.
Math. 38 (2013), for the gradient; for cone programs Lin et al., "PDCS" (2025).
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.forms.cones import ConeRows
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.projections.cones import project_dual_rows
from karush.solvers.residuals import Sides, bound_sides, has_bounds, row_sides

POWER_ITERATIONS = 30

# The norms come from below; the steps are this much shorter than they allow.
SAFETY = 0.95


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Norms:
    """‖K‖₂ and ‖P‖₂, from power iterations."""

    rows: Array
    quadratic: Array


def gradient(problem: QuadraticProgram, point: Point) -> Array:
    """Px + q − Kᵀv, without the multipliers of the bounds."""
    value = problem.linear - problem.equality_matrix.T @ point.y - problem.inequality_matrix.T @ point.z
    if problem.quadratic is not None:
        value = value + problem.quadratic @ point.x
    if problem.cone_rows is None or point.u is None:
        return value
    return value - problem.cone_rows.matrix.T @ point.u


def apply(problem: QuadraticProgram, x: Array) -> tuple[Array, Array, Array | None]:
    """K x = (A x, G x, F x)."""
    cones = problem.cone_rows
    return problem.equality_matrix @ x, problem.inequality_matrix @ x, None if cones is None else cones.matrix @ x


def norms(problem: QuadraticProgram) -> Norms:
    """Largest singular values, by power iteration from a fixed start; 0 for a matrix without entries."""
    n, dtype = problem.linear.shape[0], problem.linear.dtype
    start = 1 + 0.5 * jnp.sin(jnp.arange(n, dtype=dtype))

    def normal(x: Array) -> Array:
        y, z, u = apply(problem, x)
        value = problem.equality_matrix.T @ y + problem.inequality_matrix.T @ z
        return value if problem.cone_rows is None or u is None else value + problem.cone_rows.matrix.T @ u

    def quadratic(x: Array) -> Array:
        return jnp.zeros_like(x) if problem.quadratic is None else problem.quadratic @ x

    def turn(_: int, pair: tuple[Array, Array]) -> tuple[Array, Array]:
        return _unit(normal(pair[0])), _unit(quadratic(pair[1]))

    row, square = jax.lax.fori_loop(0, POWER_ITERATIONS, turn, (_unit(start), _unit(start)))
    return Norms(jnp.sqrt(jnp.linalg.norm(normal(row))), jnp.linalg.norm(quadratic(square)))


def _unit(vector: Array) -> Array:
    length = jnp.linalg.norm(vector)
    return vector / jnp.where(length > 0, length, 1)


def lengths(norms: Norms, weight: Array) -> tuple[Array, Array]:
    """(τ, σ) for a primal weight ω: σ‖K‖ = ω and 1/τ = ω‖K‖ + ‖P‖, both shortened for safety."""
    reach = jnp.where(norms.rows > 0, norms.rows, 1)
    return SAFETY / (weight * reach + norms.quadratic), SAFETY * weight / reach


def step(problem: QuadraticProgram, point: Point, tau: Array, sigma: Array) -> Point:
    """(x⁺, v⁺); ``w`` are the multipliers of the bounds that press at x⁺, (x⁺ − (x − τ gradient))/τ."""
    free = point.x - tau * gradient(problem, point)
    x = _within(bound_sides(problem), free) if has_bounds(problem) else free
    y, z, u = apply(problem, 2 * x - point.x)
    rows = z - point.z / sigma
    return Point(
        x=x,
        y=point.y - sigma * (y - problem.equality_rhs),
        z=sigma * (_within(row_sides(problem), rows) - rows),
        w=(x - free) / tau if has_bounds(problem) else None,
        u=None if u is None else _cone_multipliers(problem.cone_rows, u, point.u, sigma),
    )


def _cone_multipliers(cones: ConeRows | None, value: Array, u: Array | None, sigma: Array) -> Array:
    assert cones is not None and u is not None
    rows = value + cones.offset - u / sigma
    return sigma * project_dual_rows(cones, -rows)


def _within(sides: Sides, value: Array) -> Array:
    """The nearest point between the sides that are there."""
    value = jnp.where(sides.has_lower & (value < sides.lower), sides.lower, value)
    return jnp.where(sides.has_upper & (value > sides.upper), sides.upper, value)


def moved(problem: QuadraticProgram, change: Point, tau: Array, sigma: Array) -> Array:
    """‖change‖_M, of a difference of points."""
    y, z, u = apply(problem, change.x)
    coupling = y @ change.y + z @ change.z
    duals = change.y @ change.y + change.z @ change.z
    if u is not None and change.u is not None:
        coupling, duals = coupling + u @ change.u, duals + change.u @ change.u
    square = change.x @ change.x / tau + 2 * coupling + duals / sigma
    return jnp.sqrt(jnp.where(square > 0, square, 0))
