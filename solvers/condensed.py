"""The linear systems of an interior point, condensed to the variables and refined on the whole system.

    ⎡ P  −Aᵀ  −Cᵀ ⎤ ⎡dx⎤   ⎡f⎤
    ⎢ A   0    0  ⎥ ⎢dy⎥ = ⎢g⎥ ,     V = diag(slack/multiplier) ≥ 0, zero at rows that hold with equality.
    ⎣ C   0    V  ⎦ ⎣dv⎦   ⎣h⎦

With the regularised V + δ the rows are eliminated, dv = (V + δ)⁻¹(h − C dx), which leaves

    H dx − Aᵀ dy = f + Cᵀ(V + δ)⁻¹h + Aᵀg,    A dx + δ dy = g,    H = P + δI + Cᵀ(V + δ)⁻¹C + AᵀA,

one Cholesky factorisation of H (n, n) and one of the Schur complement A H⁻¹Aᵀ + δI (p, p). The term AᵀA changes
no solution (it adds Aᵀ(A dx − g) = 0) and keeps H well conditioned where only equalities fix a direction (Golub and
Greif 2003). Refinement is done against the unregularised system in all three blocks, dv being an unknown of its
own: so dv keeps its accuracy where (V + δ)⁻¹ is huge, which the condensed formula alone would lose. The factors are
inverted once, since they are applied many times and a product is several times cheaper than a triangular solve.

Rows in cones, F dx + V du = h, are more rows of C, for which V is a block to each cone (cones/protocol.py).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial, reduce

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.cones.product import ProductScaling
from karush.solvers.matrices import Matrix, dense, mixed, scaled
from karush.solvers.parted_matrix import PartedMatrix
from karush.solvers.residuals import largest
from karush.solvers.rows import Rows
from karush.solvers.separable import PartedFactor, apply_inverse, inverse_factor, parted

REFINEMENTS = 3


def base_regularisation(dtype: jnp.dtype) -> float:
    """δ of the factorisations: the square root of the machine epsilon."""
    return float(jnp.finfo(dtype).eps) ** 0.5


def after(done: Array, delta: Array) -> Array:
    """δ, or 1 where the matter is settled and the factorisation to come has no use.

    This orders factorisations that would else be independent. Batched LAPACK calls of one program that XLA runs
    side by side on the CPU wait for threads of the very pool they occupy, and with as many of them as threads
    (seen with jaxlib 0.10 on two cores) they wait for ever.
    """
    return jnp.where(done, 1, delta)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Block:
    """A right-hand side or a solution: ``x`` (n, r), ``y`` (p, r), ``v`` (k, r), ``u`` (cones' rows, r)."""

    x: Array
    y: Array
    v: Array
    u: Array

    def plus(self, other: Block) -> Block:
        """The sum, block by block."""
        return jax.tree.map(jnp.add, self, other)

    def minus(self, other: Block) -> Block:
        """The difference, block by block."""
        return jax.tree.map(jnp.subtract, self, other)

    def norms(self) -> Array:
        """The largest entry of each column, (r,)."""
        return reduce(jnp.maximum, [jnp.max(jnp.abs(part), axis=0, initial=0.0) for part in jax.tree.leaves(self)])


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ScaledCones:
    """The rows in cones: ``matrix`` F (r, n) and V with (V + δI)⁻¹."""

    matrix: Matrix
    scaling: ProductScaling


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Condensed:
    """A factorised system.

    ``quadratic`` P or None, ``equality_matrix`` A, ``rows`` C, ``ratio`` V (k,), ``weight`` (V + δ)⁻¹ (k,), zero
    at rows that are not there, ``present`` (k,); ``inverse`` L⁻¹ for H = LLᵀ, or the factor of
    separable.py, ``schur`` L⁻¹ of A H⁻¹Aᵀ + δI. ``cones`` F and V of the rows in cones. ``ridge`` times I is added
    to P.
    """

    quadratic: Matrix | None
    equality_matrix: Array
    rows: Rows
    ratio: Array
    weight: Array
    present: Array
    inverse: Array | PartedFactor
    schur: Array
    cones: ScaledCones
    ridge: float = field(default=0.0, metadata={"static": True})

    def product(self, d: Block) -> Block:
        """The unregularised matrix times d."""
        A = self.equality_matrix
        F = self.cones.matrix
        x = -(A.T @ d.y) - self.rows.adjoint(d.v) - F.T @ d.u
        if self.quadratic is not None:
            x = x + self.quadratic @ d.x
        if self.ridge:
            x = x + self.ridge * d.x
        v = jnp.where(self.present[:, None], self.rows.apply(d.x) + self.ratio[:, None] * d.v, 0)
        return Block(x, A @ d.x, v, F @ d.x + self.cones.scaling.multiply(d.u))

    def _once(self, rhs: Block) -> Block:
        A, weight = self.equality_matrix, self.weight[:, None]
        F, scaling = self.cones.matrix, self.cones.scaling
        pressed = self.rows.adjoint(weight * rhs.v) + F.T @ scaling.weigh(rhs.u)
        x = apply_inverse(self.inverse, rhs.x + pressed + A.T @ rhs.y)
        y = apply_inverse(self.schur, rhs.y - A @ x)
        x = x + apply_inverse(self.inverse, A.T @ y)
        return Block(x, y, weight * (rhs.v - self.rows.apply(x)), scaling.weigh(rhs.u - F @ x))

    def solve(self, rhs: Block) -> Block:
        """The solution, refined; a step of refinement that does not shrink the residual is not taken."""

        def improve(turn: int, carry: tuple[Block, Block]) -> tuple[Block, Block]:
            d, residual = carry
            trial = d.plus(self._once(residual))
            left = rhs.minus(self.product(trial))
            better = (left.norms() < residual.norms()) | (turn == 0)
            return jax.tree.map(partial(jnp.where, better), (trial, left), (d, residual))

        zero = jax.tree.map(jnp.zeros_like, rhs)
        return jax.lax.fori_loop(0, 1 + REFINEMENTS, improve, (zero, rhs))[0]


def factorise(
    quadratic: Matrix | None,
    equality_matrix: Array,
    rows: Rows,
    ratio: Array,
    present: Array,
    delta: Array,
    cones: ScaledCones,
    ridge: float = 0.0,
) -> Condensed:
    """Factorise for the ratios V (k,) of the present rows; NaN in the factors where H is not positive definite.

    Matrices in parts (parted_matrix.py) are factorised without the variables of the parts. ``ridge`` is added to P.
    """
    weight = jnp.where(present, 1 / (ratio + delta), 0)
    present_ratio = jnp.where(present, ratio, 0)
    inverse: Array | PartedFactor
    by = _parted if isinstance(rows.matrix, PartedMatrix) else _whole
    inverse, schur = by(quadratic, equality_matrix, rows, weight, delta, cones, ridge)
    return Condensed(quadratic, equality_matrix, rows, present_ratio, weight, present, inverse, schur, cones, ridge)


def _whole(
    quadratic: Matrix | None,
    equality_matrix: Array,
    rows: Rows,
    weight: Array,
    delta: Array,
    cones: ScaledCones,
    ridge: float,
) -> tuple[Array, Array]:
    """The factors of H and of its Schur complement."""
    n = equality_matrix.shape[1]
    dtype = equality_matrix.dtype
    H = rows.gram(weight) + cones.scaling.gram(dense(cones.matrix))
    H = H + equality_matrix.T @ equality_matrix + (delta + ridge) * jnp.eye(n, dtype=dtype)
    if quadratic is not None:
        H = H + dense(quadratic)
    inverse = inverse_factor(H)
    half = inverse @ equality_matrix.T
    return inverse, inverse_factor(half.T @ half + delta * jnp.eye(half.shape[1], dtype=dtype))


def _parted(
    quadratic: Matrix | None,
    equality_matrix: Array,
    rows: Rows,
    weight: Array,
    delta: Array,
    cones: ScaledCones,
    ridge: float,
) -> tuple[PartedFactor, Array]:
    """The same without the variables that separate."""
    p, m = equality_matrix.shape[0], rows.matrix.shape[0]
    diagonal = jnp.full(equality_matrix.shape[1], delta + ridge)
    if rows.bounded:
        diagonal = diagonal + weight[m:]
    matrices = [scaled(rows.matrix, jnp.sqrt(weight[:m]), jnp.ones_like(diagonal))]
    if cones.matrix.shape[0]:
        matrices.append(mixed(cones.matrix, cones.scaling.half))
    factor = parted(quadratic, diagonal, equality_matrix, matrices)
    schur = equality_matrix @ factor.apply(equality_matrix.T)
    return factor, inverse_factor(0.5 * (schur + schur.T) + delta * jnp.eye(p, dtype=schur.dtype))


def is_usable(system: Condensed) -> Array:
    """Whether both factorisations went through."""
    inverse = system.inverse.rest if isinstance(system.inverse, PartedFactor) else system.inverse
    return jnp.isfinite(largest(jnp.abs(jnp.diag(inverse))) + largest(jnp.abs(jnp.diag(system.schur))))
