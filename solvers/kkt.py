"""The linearised optimality conditions of a quadratic program at fixed active rows, factorised and solved.

With active masks M (rows of G) and W (bounds), each 1 where active and 0 elsewhere, the **KKT system** is

    P dx − Aᵀdy − Gᵀdz − dw = r_x
    A dx = r_y
    active i:  G_i dx = r_z[i]         inactive i:  dz_i = r_z[i]
    active i:  dx_i   = r_w[i]         inactive i:  dw_i = r_w[i].

Inactive multipliers are known, so they go to the right-hand side; with the others negated (ν = −dy, μ = −dz,
ω = −dw) what is left is symmetric, which is why one solve serves a derivative and its adjoint:

    [ P    Aᵀ    GᵀM      W    ] [dx]   [r_x]
    [ A                        ] [ν ] = [r_y]
    [ MG        −(I−M)         ] [μ ]   [r_z]          K u = r,  K = Kᵀ.
    [ W                −(I−W)  ] [ω ]   [r_w]

**Factorisation.** Fixed variables (active bounds) are eliminated exactly. The rest, scaled to unit entries (D
for variables, E for rows; C stands for the active rows of A and G in the free variables) is regularised to a
quasidefinite matrix, and ν is eliminated:

    [ P + δI   Cᵀ   ]        H = P + δI + ρ CᵀC = LLᵀ,     dx = H⁻¹(r_x + ρ Cᵀ r_c),     ν = ρ (C dx − r_c).
    [ C       −I/ρ  ]

One Cholesky of the size of x, whatever the number of rows; P may be singular or absent and C rank-deficient.
In double precision δ = ε^½ ≈ 1e-8 and ρ = ε^-⅜ ≈ 7e5, so that the rounding ε ρ of forming H stays below δ.
What the regularisation changed, refinement.py takes back. Where P is diagonal beside at most one row, dx is eliminated
instead (diagonal_factor.py). Where a matrix is sparse the quasidefinite matrix itself is
factorised, with δ for 1/ρ (sparse_factor.py).

**Shares.** Rows of a cone's frame (cone_frame.py) have a share 0 ≤ e ≤ 1 for the mask, e = 0 and e = 1 as before. The
system is the same with M = diag(e) (rows are scaled so that their coupling is √e), and the elimination has the weight
1/max((1 − e)E², 1/ρ) in place of ρ.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.solvers.diagonal_factor import DiagonalFactor, by_row
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.matrices import Diagonal, column_terms, dense, row_terms, scaled
from karush.solvers.parted_matrix import PartedMatrix
from karush.solvers.refinement import STEPS, refine
from karush.solvers.separable import PartedFactor, apply_inverse, parted, unfactored_parts
from karush.solvers.sparse_factor import has_sparse_matrix, regularised_solve


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class KktFactor:
    """The factorisation H = LLᵀ and what belongs to it.

    ``inverse`` L⁻¹ (n, n), or the factor of separable.py or diagonal_factor.py, or None where a matrix is sparse
    (sparse_factor.py);
    ``column`` D (n,); ``equality`` (p,) and ``row`` (m,) the two parts of E; ``active_z`` (m,) and ``active_w`` (n,),
    or None, the masks as floats.
    ``weight`` (m,) are the weights of the rows, None where every entry of the mask is 0 or 1.
    """

    inverse: Array | PartedFactor | DiagonalFactor | None
    column: Array
    equality: Array
    row: Array
    active_z: Array
    active_w: Array | None
    weight: Array | None = None


def flatten(point: Point) -> Array:
    """One vector (x, y, z, w, u), without w and u where they are None."""
    parts = [point.x, point.y, point.z] + [part for part in (point.w, point.u) if part is not None]
    return jnp.concatenate(parts)


def unflatten(problem: QuadraticProgram, vector: Array, bounded: bool) -> Point:
    """The inverse of `flatten`; ``bounded`` says whether there is a w."""
    n, p, m = problem.linear.shape[0], problem.equality_rhs.shape[0], problem.inequality_matrix.shape[0]
    end = n + p + m + (n if bounded else 0)
    w = vector[n + p + m : end] if bounded else None
    u = None if problem.cone_rows is None else vector[end:]
    return Point(vector[:n], vector[n : n + p], vector[n + p : n + p + m], w, u)


def quadratic_product(problem: QuadraticProgram, x: Array) -> Array:
    """P x, zero for a linear program."""
    return jnp.zeros_like(x) if problem.quadratic is None else problem.quadratic @ x


def symmetric_product(problem: QuadraticProgram, active_z: Array, active_w: Array | None, u: Point) -> Point:
    """K u for the symmetric system above; ``u`` holds (dx, ν, μ, ω)."""
    A, G = problem.equality_matrix, problem.inequality_matrix
    x = quadratic_product(problem, u.x) + A.T @ u.y + G.T @ (active_z * u.z)
    z = active_z * (G @ u.x) - (1 - active_z) * u.z
    if active_w is None or u.w is None:
        return Point(x, A @ u.x, z, None)
    return Point(x + active_w * u.w, A @ u.x, z, active_w * u.x - (1 - active_w) * u.w)


def _inverse_or_one(norm: Array) -> Array:
    return jnp.where(norm > 0, 1 / jnp.where(norm > 0, norm, 1), 1)


def scaling(problem: QuadraticProgram, active_z: Array, free: Array, passes: int) -> tuple[Array, Array, Array]:
    """Scales (D, E_equality, E_row): the largest entry in each row of [[P, Cᵀ], [C, 0]] is near 1 (Ruiz)."""
    A, G, P = problem.equality_matrix, problem.inequality_matrix, problem.quadratic
    column = free
    equality, row = jnp.ones_like(problem.equality_rhs), jnp.ones_like(active_z)
    for _ in range(passes):
        norm = jnp.maximum(column_terms(A, equality), column_terms(G, active_z * row))
        if P is not None:
            norm = jnp.maximum(norm, column_terms(P, column))
        shrunk = jnp.sqrt(_inverse_or_one(column * norm))
        equality = equality * jnp.sqrt(_inverse_or_one(equality * row_terms(A, column)))
        row = row * jnp.sqrt(_inverse_or_one(active_z * row * row_terms(G, column)))
        column = column * shrunk
    return column, equality, row


def _penalty(dtype: jnp.dtype) -> tuple[float, float]:
    """(δ, ρ) of the precision."""
    epsilon = float(jnp.finfo(dtype).eps)
    return epsilon**0.5, epsilon**-0.375


def _row_weight(active_z: Array, row: Array, rho: float) -> Array:
    return 1 / jnp.maximum((1 - active_z) * row * row, 1 / rho)


def factor(problem: QuadraticProgram, active_z: Array, active_w: Array | None, fractional: bool = False) -> KktFactor:
    """Factorise the KKT system at the active masks (m,), (n,); a mask may be boolean or 0/1 floats.

    ``fractional`` says that entries of ``active_z`` may lie between 0 and 1.
    P must be positive semidefinite on the kernel of the active rows. A Cholesky that breaks down leaves NaN,
    which every solve passes on.
    """
    q = problem.linear
    active_z = active_z.astype(q.dtype)
    active_w = None if active_w is None else active_w.astype(q.dtype)
    free = jnp.ones_like(q) if active_w is None else 1 - active_w
    column, equality, row = scaling(problem, active_z, free, passes=3)
    if fractional:
        row = jnp.where(active_z < 1, jnp.minimum(row, 1 / jnp.sqrt(jnp.where(active_z < 1, 1 - active_z, 1))), row)
    if has_sparse_matrix(problem):
        return KktFactor(None, column, equality, row, active_z, active_w)
    delta, rho = _penalty(q.dtype)
    if isinstance(problem.quadratic, Diagonal):
        entries = problem.quadratic.entries * column * column + jnp.where(free > 0, delta, 1)
        rows = (
            equality[:, None] * dense(problem.equality_matrix),
            (active_z * row)[:, None] * dense(problem.inequality_matrix),
        )
        return KktFactor(
            by_row(entries, jnp.concatenate(rows) * column, delta), column, equality, row, active_z, active_w
        )
    A = equality[:, None] * dense(problem.equality_matrix) * column
    weight = None
    if fractional:
        weight = _row_weight(active_z, row, rho)
    if isinstance(problem.inequality_matrix, PartedMatrix):
        P = None if problem.quadratic is None else scaled(problem.quadratic, column, column)
        shares = jnp.full_like(row, rho) if weight is None else weight
        own = scaled(problem.inequality_matrix, jnp.sqrt(shares) * active_z * row, column)
        parts = parted(P, jnp.where(free > 0, delta, 1), rho**0.5 * A, (own,))
        return KktFactor(parts, column, equality, row, active_z, active_w, weight)
    G = (active_z * row)[:, None] * dense(problem.inequality_matrix) * column
    H = rho * (A.T @ A + G.T @ G) if weight is None else rho * (A.T @ A) + (G.T * weight) @ G
    if problem.quadratic is not None:
        H = H + column[:, None] * dense(problem.quadratic) * column
    identity = jnp.eye(q.shape[0], dtype=q.dtype)
    H = H + identity * jnp.where(free > 0, delta, 1)
    lower = lax.linalg.cholesky(0.5 * (H + H.T), symmetrize_input=False)
    inverse = lax.linalg.triangular_solve(lower, identity, left_side=True, lower=True)
    return KktFactor(inverse, column, equality, row, active_z, active_w, weight)


def _free_solve(
    problem: QuadraticProgram, kkt: KktFactor, r_x: Array, r_y: Array, r_z: Array
) -> tuple[Array, Array, Array]:
    """The regularised solve in the free variables: (x, ν, μ) with x = 0 at fixed ones, inactive μ = −r_z."""
    if kkt.inverse is None:
        return regularised_solve(problem, (kkt.column, kkt.equality, kkt.row), kkt.active_z, (r_x, r_y, r_z))
    if isinstance(kkt.inverse, DiagonalFactor):
        right = jnp.concatenate([kkt.equality * r_y, kkt.row * kkt.active_z * r_z])
        x, rows = kkt.inverse.solve(kkt.column * r_x, right)
        p = r_y.shape[0]
        return kkt.column * x, kkt.equality * rows[:p], kkt.row * rows[p:] - (1 - kkt.active_z) * r_z
    if kkt.weight is not None:
        return _fractional_solve(problem, kkt, kkt.weight, r_x, r_y, r_z)
    A, G = problem.equality_matrix, problem.inequality_matrix
    _, rho = _penalty(r_x.dtype)
    r_y, r_rows = kkt.equality * r_y, kkt.row * kkt.active_z * r_z
    # ``column`` is zero at fixed variables, so every product here sees the free ones alone
    rhs = r_x + rho * (A.T @ (kkt.equality * r_y) + G.T @ (kkt.row * r_rows))
    x = kkt.column * apply_inverse(kkt.inverse, kkt.column * rhs)
    y = rho * kkt.equality * (kkt.equality * (A @ x) - r_y)
    z = rho * kkt.row * (kkt.row * kkt.active_z * (G @ x) - r_rows)
    return x, y, z - (1 - kkt.active_z) * r_z


def _fractional_solve(
    problem: QuadraticProgram, kkt: KktFactor, weight: Array, r_x: Array, r_y: Array, r_z: Array
) -> tuple[Array, Array, Array]:
    """The same where rows have shares between 0 and 1."""
    A, G = problem.equality_matrix, problem.inequality_matrix
    assert kkt.inverse is not None and not isinstance(kkt.inverse, DiagonalFactor)
    _, rho = _penalty(r_x.dtype)
    r_y, r_rows, coupling = kkt.equality * r_y, kkt.row * r_z, kkt.row * kkt.active_z
    rhs = r_x + rho * (A.T @ (kkt.equality * r_y)) + G.T @ (coupling * (weight * r_rows))
    x = kkt.column * apply_inverse(kkt.inverse, kkt.column * rhs)
    y = rho * kkt.equality * (kkt.equality * (A @ x) - r_y)
    return x, y, kkt.row * weight * (coupling * (G @ x) - r_rows)


def precondition(problem: QuadraticProgram, kkt: KktFactor, r: Point) -> Point:
    """The regularised solve of K u = r: exact for inactive rows and fixed variables, near for the rest."""
    if kkt.active_w is None or r.w is None:
        return Point(*_free_solve(problem, kkt, r.x, r.y, r.z), None)
    A, G = problem.equality_matrix, problem.inequality_matrix
    fixed = kkt.active_w * r.w
    r_x = r.x - quadratic_product(problem, fixed)
    x, y, z = _free_solve(problem, kkt, r_x, r.y - A @ fixed, r.z - kkt.active_z * (G @ fixed))
    left = r_x - quadratic_product(problem, x) - A.T @ y - G.T @ (kkt.active_z * z)
    return Point(x + fixed, y, z, kkt.active_w * left - (1 - kkt.active_w) * r.w)


def weights(kkt: KktFactor) -> Array:
    """The scale of each equation of K u = r, one vector: residual times weight is relative to a unit row."""
    column = jnp.where(kkt.column > 0, kkt.column, 1)
    row = jnp.where(kkt.active_z > 0, kkt.row, 1)
    return flatten(Point(column, kkt.equality, row, None if kkt.active_w is None else jnp.ones_like(column)))


def unfactored(problem: QuadraticProgram, active_z: Array, active_w: Array | None) -> KktFactor:
    """A factor of the right shapes that solves nothing: all scales 1, ``inverse`` zero."""
    ones = jnp.ones_like(problem.linear)
    inverse: Array | PartedFactor | DiagonalFactor | None = None
    if isinstance(problem.quadratic, Diagonal):
        r = problem.equality_rhs.shape[0] + active_z.shape[0]
        inverse = DiagonalFactor(ones, jnp.zeros((r, ones.shape[0]), ones.dtype), jnp.ones((r,), ones.dtype))
    elif isinstance(problem.inequality_matrix, PartedMatrix):
        inverse = unfactored_parts((problem.inequality_matrix,), ones)
    elif not has_sparse_matrix(problem):
        inverse = jnp.zeros((ones.shape[0], ones.shape[0]), ones.dtype)
    equality, row = jnp.ones_like(problem.equality_rhs), jnp.ones_like(active_z)
    return KktFactor(inverse, ones, equality, row, active_z, active_w)


def _symmetric_rhs(problem: QuadraticProgram, kkt: KktFactor, rhs: Point) -> Point:
    """Move the known inactive multipliers to the right-hand side: the symmetric system's r."""
    x = rhs.x + problem.inequality_matrix.T @ ((1 - kkt.active_z) * rhs.z)
    if kkt.active_w is not None and rhs.w is not None:
        x = x + (1 - kkt.active_w) * rhs.w
    return Point(x, rhs.y, rhs.z, rhs.w)


def _signed(u: Point) -> Point:
    return Point(u.x, -u.y, -u.z, None if u.w is None else -u.w)


def matvec(problem: QuadraticProgram, active_z: Array, active_w: Array | None, direction: Point) -> Point:
    """The left-hand side of the KKT system (with its signs, unsymmetric) for a direction (dx, dy, dz, dw)."""
    active_z = active_z.astype(direction.x.dtype)
    u = _signed(direction)
    x = problem.equality_matrix.T @ u.y + problem.inequality_matrix.T @ u.z + quadratic_product(problem, u.x)
    rows = active_z * (problem.inequality_matrix @ u.x) + (1 - active_z) * direction.z
    if active_w is None or direction.w is None:
        return Point(x, problem.equality_matrix @ u.x, rows, None)
    active_w = active_w.astype(direction.x.dtype)
    bounds = active_w * u.x + (1 - active_w) * direction.w
    return Point(x - direction.w, problem.equality_matrix @ u.x, rows, bounds)


def solve(problem: QuadraticProgram, kkt: KktFactor, rhs: Point) -> Point:
    """One regularised solve of the KKT system for (dx, dy, dz, dw), without refinement."""
    return _signed(precondition(problem, kkt, _symmetric_rhs(problem, kkt, rhs)))


def refined_solve(problem: QuadraticProgram, kkt: KktFactor, rhs: Point, steps: int = STEPS) -> tuple[Point, Array]:
    """Solve the KKT system for (dx, dy, dz, dw); returns the direction and its relative residual, a scalar.

    ``rhs`` is (r_x, r_y, r_z, r_w); r_w None where there is no bound at all. A residual near 1e-13 is a
    solution; one that stays large says that the system is inconsistent (or NaN).
    """
    bounded = kkt.active_w is not None

    def product(u: Array) -> Array:
        return flatten(symmetric_product(problem, kkt.active_z, kkt.active_w, unflatten(problem, u, bounded)))

    def approximate(r: Array) -> Array:
        return flatten(precondition(problem, kkt, unflatten(problem, r, bounded)))

    right = flatten(_symmetric_rhs(problem, kkt, rhs))
    u, residual = refine(product, approximate, right, weights(kkt), steps)
    return _signed(unflatten(problem, u, bounded)), residual
