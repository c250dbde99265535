"""A strongly convex quadratic program in the coordinates where its quadratic term is ½‖u‖².

With P = LLᵀ, u = Lᵀx and all rows of constraints stacked, C = [A; G; I], the problem is the projection

    minimize ½‖u − u₀‖²   subject to   lower ≤ W u ≤ upper,      W = S C L⁻ᵀ,   u₀ = −L⁻¹q,

where S = diag(scale) gives the rows of W unit length, so that a row value is a distance and everything the
active-set methods compare is free of scale. A multiplier λ of a scaled row is scale·λ in the problem's own rows, and

    u = u₀ + Wᵀλ   (stationarity),    x = L⁻ᵀu.

The row kinds of forms/quadratic.py become two sides a row, infinite where absent; an equality has two equal ones.
Sides that no row has are None, which is static.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.matrices import dense
from karush.solvers.residuals import has_bounds


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Stack:
    """The stacked rows of a problem: ``equalities`` A (p, n), ``rows`` G (m, n), then the identity if ``bounded``."""

    equalities: Array
    rows: Array
    bounded: bool = field(metadata={"static": True})

    @property
    def counts(self) -> tuple[int, int]:
        """(p, m)."""
        return self.equalities.shape[0], self.rows.shape[0]

    def times(self, matrix: Array) -> Array:
        """C M for a vector (n,) or a matrix (n, r); empty blocks cost nothing."""
        blocks = [block @ matrix for block in (self.equalities, self.rows) if block.shape[0]]
        return _joined([*blocks, matrix] if self.bounded else blocks, matrix)

    def adjoint(self, multipliers: Array) -> Array:
        """Cᵀλ for λ (k,)."""
        p, m = self.counts
        total = jnp.zeros(self.rows.shape[1], multipliers.dtype)
        if p:
            total = total + multipliers[:p] @ self.equalities
        if m:
            total = total + multipliers[p : p + m] @ self.rows
        return total + multipliers[p + m :] if self.bounded else total

    def point(self, x: Array, multipliers: Array) -> Point:
        """The primal-dual point with the multipliers split into y, z and w."""
        p, m = self.counts
        w = multipliers[p + m :] if self.bounded else None
        return Point(x, multipliers[:p], multipliers[p : p + m], w)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Whitened:
    """The projection problem; k rows in all.

    ``basis`` L⁻ᵀ (n, n), ``rows`` W (k, n), ``scale`` (k,), ``start`` u₀ (n,), ``lower`` and ``upper`` (k,) scaled,
    ±inf where absent, or None. ``equality`` (k,) boolean, or None where no row can be one. ``length`` (k,)
    is 1.0, 0.0 for a row of zeros. ``slack`` (k,): a violation
    up to it is none; ``redundant`` (k,): up to it a row that depends on others is ignored. ``sound`` (): P was positive
    definite to working precision.
    """

    basis: Array
    rows: Array
    scale: Array
    length: Array
    start: Array
    lower: Array | None
    upper: Array | None
    equality: Array | None
    slack: Array
    redundant: Array
    sound: Array


def _joined(parts: list[Array], like: Array) -> Array:
    if not parts:
        return jnp.zeros((0, *like.shape[1:]), like.dtype)
    return parts[0] if len(parts) == 1 else jnp.concatenate(parts)


def stack_of(problem: QuadraticProgram) -> Stack:
    """The stacked rows of a problem."""
    return Stack(dense(problem.equality_matrix), dense(problem.inequality_matrix), has_bounds(problem))


def _present(value: Array | None, mask: Array | None, absent: float, like: Array) -> Array:
    if value is None:
        return jnp.full(like.shape, absent, like.dtype)
    return value if mask is None else jnp.where(mask, value, absent)


def sides_of(problem: QuadraticProgram, stack: Stack) -> tuple[Array | None, Array | None]:
    """The stacked lower and upper sides, unscaled, ∓inf where absent; None where no row has one."""
    p, m = stack.counts
    q = problem.linear
    like = jnp.zeros(m, q.dtype)

    def side(value: Array | None, mask: Array | None, bound: Array | None, bound_mask: Array | None, none: float):
        if not p and (value is None or not m) and bound is None:
            return None
        parts = [problem.equality_rhs] if p else []
        parts += [_present(value, mask, none, like)] if m else []
        parts += [_present(bound, bound_mask, none, q)] if stack.bounded else []
        return _joined(parts, q)

    inf = float("inf")
    lower = side(problem.lower, problem.has_lower, problem.bound_lower, problem.has_bound_lower, -inf)
    upper = side(problem.upper, problem.has_upper, problem.bound_upper, problem.has_bound_upper, inf)
    return lower, upper


def _magnitude(lower: Array | None, upper: Array | None, like: Array) -> Array:
    """The largest finite side of each row in absolute value, 0 without one."""
    size = jnp.zeros_like(like)
    for side in (lower, upper):
        if side is not None:
            size = jnp.maximum(size, jnp.where(jnp.isfinite(side), jnp.abs(side), 0))
    return size


def whiten(problem: QuadraticProgram, stack: Stack, tol: Array) -> Whitened:
    """Factorise P and transform the rows: one Cholesky, one triangular inverse, one product.

    Where P is not positive definite, ``sound`` is False and the rest is of no use: it is made with the identity, so
    that it is finite. A row of zeros stays zero.
    """
    q = problem.linear
    if problem.quadratic is None:
        raise ValueError("the dual active-set method needs a positive definite quadratic term; this problem has none")
    P = dense(problem.quadratic)
    identity = jnp.eye(q.shape[0], dtype=q.dtype)
    # P and its transpose are equal, but LAPACK's order of storage is that of the transpose: no copy is made
    factor = lax.linalg.cholesky(P.T, symmetrize_input=False)
    eps = float(jnp.finfo(q.dtype).eps)
    # each pivot against its own diagonal entry, so that no scaling of the variables matters; NaN is not sound
    sound = jnp.all(jnp.diagonal(factor) ** 2 > 100 * eps * jnp.diagonal(P))
    factor = jnp.where(sound, factor, identity)
    basis = lax.linalg.triangular_solve(factor, identity, left_side=True, lower=True).T
    # P_jj (P⁻¹)_jj is what rounding of P_jj is enlarged by: where that fills the digits, P may as well be singular
    sound = sound & jnp.all(100 * q.shape[0] * eps * jnp.diagonal(P) * jnp.sum(basis * basis, axis=1) < 1)
    start = -(q @ basis)
    # the barriers keep XLA from fusing the scaling into the products, which makes them three times slower
    rows = lax.optimization_barrier(stack.times(basis))
    length = jnp.sqrt(jnp.sum(rows * rows, axis=1))
    scale = jnp.where(length > 0, 1 / jnp.where(length > 0, length, 1), 1)
    lower, upper = sides_of(problem, stack)
    unit = tol * scale * (1 + _magnitude(lower, upper, scale))
    # the values of unit rows carry rounding of the size of ‖u₀‖
    rounding = 8 * eps * jnp.linalg.norm(start)
    lower = None if lower is None else lower * scale
    upper = None if upper is None else upper * scale
    equality = None if lower is None or upper is None else lower == upper
    unit_rows = lax.optimization_barrier(rows * scale[:, None])
    return Whitened(
        basis=basis,
        rows=unit_rows,
        scale=scale,
        length=(length > 0).astype(q.dtype),
        start=start,
        lower=lower,
        upper=upper,
        equality=equality,
        slack=0.01 * unit + rounding,
        redundant=10 * unit + 4 * rounding,
        sound=sound,
    )
