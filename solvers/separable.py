"""The Cholesky factorisation of H = P + diag(d) + MᵀM, dense, or without the variables that separate.

Where variables a come in parts that meet only within themselves and with the others w (forms/separable.py), H_aa is
block diagonal, and with the Schur complement S = H_ww − H_wa H_aa⁻¹ H_aw

    x_w = S⁻¹(r_w − H_wa H_aa⁻¹ r_a),    x_a = H_aa⁻¹(r_a − H_aw x_w),

so that nothing of the size of a is ever factorised: the blocks are a few rows each, all done at once. The rows of part
i are [M_i, K_i L_i], M_i at its own variables, L_i its few links to the others (parted_rows.py). With C_i = M_iᵀK_i

    H_aw = C_i L_i,    S = H_ww of the rest + Σ_i L_iᵀ (K_iᵀK_i − C_iᵀ H_aa⁻¹ C_i) L_i,

so that of what couples a part to the others only L_i has their number. The factors are inverted, as everywhere here,
since they are applied many times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
from jax import Array
from jax.experimental.sparse import BCOO
from jax.scipy.linalg import cho_solve, solve_triangular

from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.matrices import Diagonal, Matrix, Symmetric, dense, scaled
from karush.solvers.parted_matrix import PartedMatrix, corner, parted_matrix
from karush.solvers.parted_rows import PartRows, Span, at_columns, columns_of, gathered, of_links, placed, split
from karush.solvers.short_sums import short_sum


def in_parts(problem: QuadraticProgram) -> QuadraticProgram:
    """The program with P, G and F in parts, if variables separate and its matrices are dense; else as it is."""
    G, P, cones, separable = problem.inequality_matrix, problem.quadratic, problem.cone_rows, problem.separable
    given = [G, *([] if P is None else [P]), *([] if cones is None else [cones.matrix])]
    if not separable or any(isinstance(matrix, BCOO | Diagonal | PartedMatrix) for matrix in given):
        return problem
    if cones is not None:
        cones = replace(cones, matrix=parted_matrix(dense(cones.matrix), separable, G.shape[0]))
    return replace(
        problem,
        quadratic=None if P is None else corner(dense(P), separable),
        inequality_matrix=parted_matrix(dense(G), separable, 0),
        cone_rows=cones,
    )


def apply_inverse(inverse: Array | PartedFactor, rhs: Array) -> Array:
    """(LLᵀ)⁻¹ rhs from L⁻¹, or from the factor in parts."""
    return inverse.apply(rhs) if isinstance(inverse, PartedFactor) else inverse.T @ (inverse @ rhs)


def inverse_factor(matrix: Array) -> Array:
    """L⁻¹ for matrix = LLᵀ."""
    identity = jnp.eye(matrix.shape[0], dtype=matrix.dtype)
    return solve_triangular(jnp.linalg.cholesky(matrix), identity, lower=True)


def gram_inverse(problem: QuadraticProgram, held: Array, kept: Array, delta: Array) -> Callable[[Array], Array]:
    """x ↦ H⁻¹x for H = δI + PᵀP + AᵀA + Cᵀdiag(``held``)C + Fᵀdiag(``kept``)F, weights (k,) and (r,) of 0 and 1.

    C are the rows of G, and the bounds where there are any (rows.py).
    """
    A, G, P, cones = problem.equality_matrix, problem.inequality_matrix, problem.quadratic, problem.cone_rows
    m, ones = G.shape[0], jnp.ones_like(problem.linear)
    diagonal = delta * ones + (held[m:] if held.shape[0] > m else 0)
    matrices = [scaled(G, held[:m], ones), *([] if cones is None else [scaled(cones.matrix, kept, ones)])]
    if isinstance(G, PartedMatrix):
        square = P.squared() if isinstance(P, PartedMatrix) else None
        return parted(square, diagonal, dense(A), matrices).apply
    H = jnp.diag(diagonal) + dense(A).T @ dense(A)
    for matrix in matrices:
        H = H + dense(matrix).T @ dense(matrix)
    if P is not None:
        H = H + dense(P).T @ dense(P)
    factor = jnp.linalg.cholesky(H)
    return lambda x: cho_solve((factor, True), x)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PartBlocks:
    """Of one kind of parts: ``inverse`` H_aa⁻¹ (k, k, count), ``coupling`` C (k, L, count), ``links`` (L, count, w).

    ``coupling`` and ``links`` are None where nothing couples the parts to the others; ``columns`` as in `PartRows`.
    """

    inverse: Array
    coupling: Array | None
    links: Array | None
    columns: tuple[int, ...] = field(metadata={"static": True})


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PartedFactor:
    """``rest`` L⁻¹ of the Schur complement, and the blocks of each kind of parts."""

    rest: Array
    blocks: tuple[PartBlocks, ...]
    others: tuple[Span, ...] = field(metadata={"static": True})

    def apply(self, rhs: Array) -> Array:
        """H⁻¹ times a vector (n,) or a block (n, r)."""
        columns = rhs[:, None] if rhs.ndim == 1 else rhs
        right = gathered(columns, self.others)
        inner = []
        for part in self.blocks:
            size = part.inverse.shape[2]
            own = _product(part.inverse, columns_of(columns, part.columns, size))
            if part.links is not None and part.coupling is not None:
                pressed = short_sum(part.coupling[..., None] * own[:, None], 0)
                right = right - of_links(part.links, pressed)
            inner.append(own)
        w = self.rest.T @ (self.rest @ right)
        pieces = split(w, self.others)
        for part, first in zip(self.blocks, inner, strict=True):
            own = first
            if part.links is not None and part.coupling is not None:
                moved = jnp.tensordot(part.links, w, 1)
                own = own - _product(part.inverse, short_sum(part.coupling[..., None] * moved, 1))
            pieces += at_columns(own, part.columns)
        solution = placed(pieces, columns.shape[0], columns)
        return solution[:, 0] if rhs.ndim == 1 else solution


def parted(quadratic: Symmetric | None, diagonal: Array, equations: Array, given: Iterable[Matrix]) -> PartedFactor:
    """Factorise H = P + diag(``diagonal``) + EᵀE + Σ MᵀM, E = ``equations`` (p, n) being zero at the parts.

    NaN where H is not positive definite. P and the M ``given`` are matrices in parts.
    """
    matrices = [matrix for matrix in given if isinstance(matrix, PartedMatrix)]
    others = matrices[0].others
    E = gathered(equations.T, others)
    schur = E @ E.T + jnp.diag(gathered(diagonal, others))
    for rest in [matrix.rest for matrix in matrices if matrix.rest is not None]:
        schur = schur + rest.T @ rest
    if isinstance(quadratic, PartedMatrix) and quadratic.rest is not None:
        schur = schur + quadratic.rest
    found = []
    for kinds in zip(*(matrix.parts for matrix in matrices), strict=True):
        blocks, pressed = _eliminated([part for part in kinds if part is not None], diagonal)
        schur = schur + pressed
        found.append(blocks)
    return PartedFactor(inverse_factor(0.5 * (schur + schur.T)), tuple(found), others)


def _eliminated(kinds: list[PartRows], diagonal: Array) -> tuple[PartBlocks, Array]:
    """The blocks of one kind of parts, from its rows in each matrix, and what it adds to the Schur complement."""
    columns = kinds[0].columns
    inside = jnp.concatenate([part.inside for part in kinds])
    block = short_sum(inside[:, :, None] * inside[:, None], 0)
    own = kinds[0].variables(diagonal)
    inverse = _inverses(block + jnp.eye(len(columns), dtype=own.dtype)[:, :, None] * own)
    linked = [part for part in kinds if part.links is not None]
    wrong = jnp.where(jnp.all(jnp.isfinite(inverse)), 0, jnp.nan)
    if not linked:
        return PartBlocks(inverse, None, None, columns), wrong
    links = jnp.concatenate([part.links for part in linked if part.links is not None])
    coupling = jnp.concatenate([_coupling(part) for part in linked])
    coupling = jnp.moveaxis(coupling, 2, 0)
    size = jnp.concatenate([part.collected(part.factors() ** 2 + jnp.zeros_like(part.inside[:, 0])) for part in linked])
    turned = _product(inverse, coupling.swapaxes(1, 2)).swapaxes(1, 2)
    bent = short_sum(coupling[:, :, None] * turned[:, None], 0)
    kernel = jnp.eye(size.shape[0], dtype=size.dtype)[:, :, None] * size - bent
    pressed = of_links(links, _kernel_times(kernel, links))
    return PartBlocks(inverse, coupling, links, columns), pressed + wrong


def _coupling(part: PartRows) -> Array:
    """Cᵀ = KᵀM by links, (ℓ, count, k)."""
    return part.collected(jnp.moveaxis(part.inside * part.factors()[:, None], 1, 2))


def _kernel_times(kernel: Array, links: Array) -> Array:
    """Each part's small matrix, (L, L, count), times its links (L, count, w)."""
    if kernel.shape[0] == 1:
        return kernel[0, :, :, None] * links
    return jnp.einsum("lmc,mcw->lcw", kernel, links)


def unfactored_parts(matrices: tuple[Matrix, ...], like: Array) -> PartedFactor:
    """A factor of the right shapes that solves nothing; ``like`` (n,)."""
    equations = jnp.zeros((0, like.shape[0]), like.dtype)
    shapes = jax.eval_shape(lambda *rows: parted(None, like, equations, rows), *matrices)
    factor: PartedFactor = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
    return factor


def _inverses(blocks: Array) -> Array:
    """Inverses of small positive definite matrices (k, k, count), by elimination written out over their k columns.

    A library call a matrix would cost more than the arithmetic. NaN where a pivot is not positive.
    """
    k = blocks.shape[0]
    unit = jnp.broadcast_to(jnp.eye(k, dtype=blocks.dtype)[:, :, None], blocks.shape)
    work = jnp.concatenate([blocks, unit], axis=1)
    for i in range(k):
        pivot = work[i, i]
        row = work[i] / jnp.where(pivot > 0, pivot, jnp.nan)
        work = (work - work[:, i, None] * row).at[i].set(row)
    inverse = work[:, k:]
    return 0.5 * (inverse + inverse.swapaxes(0, 1))


def _product(blocks: Array, columns: Array) -> Array:
    """Each block (k, k, count) times its columns (k, count, r)."""
    return short_sum(blocks[..., None] * columns, 1)
