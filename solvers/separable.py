"""The Cholesky factorisation of H = P + diag(d) + MᵀM, dense, or without the variables that separate.

Where variables a come in parts that meet only within themselves and with the others w (forms/separable.py), H_aa is
block diagonal, and with the Schur complement S = H_ww − H_wa H_aa⁻¹ H_aw

    x_w = S⁻¹(r_w − H_wa H_aa⁻¹ r_a),    x_a = H_aa⁻¹(r_a − H_aw x_w),

so that nothing of the size of a is ever factorised: the blocks are a few rows each, all done at once. The factors are
inverted, as everywhere here, since they are applied many times.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.scipy.linalg import solve_triangular

from karush.solvers.forms.separable import Separable


def inverse_factor(matrix: Array) -> Array:
    """L⁻¹ for matrix = LLᵀ."""
    identity = jnp.eye(matrix.shape[0], dtype=matrix.dtype)
    return solve_triangular(jnp.linalg.cholesky(matrix), identity, lower=True)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class PartedFactor:
    """``rest`` L⁻¹ of the Schur complement; of each kind of part H_aa⁻¹ (count, k, k) and H_aw (count, k, w)."""

    rest: Array
    blocks: tuple[Array, ...]
    couplings: tuple[Array, ...]
    parts: tuple[Separable, ...] = field(metadata={"static": True})

    def apply(self, rhs: Array) -> Array:
        """H⁻¹ times a vector (n,) or a block (n, r)."""
        columns = rhs[:, None] if rhs.ndim == 1 else rhs
        n = columns.shape[0]
        others = _others(self.parts, n)
        right = columns[others]
        inner = []
        for part, block, coupling in zip(self.parts, self.blocks, self.couplings, strict=True):
            own = _product(block, columns[_columns(part)])
            right = right - jnp.einsum("ckw,ckr->wr", coupling, own)
            inner.append(own)
        w = self.rest.T @ (self.rest @ right)
        solution = jnp.zeros_like(columns).at[others].set(w)
        for part, block, coupling, own in zip(self.parts, self.blocks, self.couplings, inner, strict=True):
            left = own - _product(block, jnp.einsum("ckw,wr->ckr", coupling, w))
            solution = solution.at[_columns(part)].set(left)
        return solution[:, 0] if rhs.ndim == 1 else solution


def parted(
    quadratic: Array | None, diagonal: Array, rows: Array, offset: int, parts: tuple[Separable, ...]
) -> PartedFactor:
    """Factorise H = P + diag(``diagonal``) + MᵀM for M = ``rows`` (R, n), whose rows of [G; F] begin at ``offset``.

    NaN where H is not positive definite.
    """
    others = _others(parts, diagonal.shape[0])
    outer = rows[:, others]
    schur = outer.T @ outer + jnp.diag(diagonal[others])
    if quadratic is not None:
        schur = schur + quadratic[np.ix_(others, others)]
    blocks, couplings = [], []
    for part in parts:
        own = rows[_rows(part, offset)]  # (count, rows of a part, n)
        inside = jnp.take_along_axis(own, jnp.asarray(_columns(part))[:, None, :], axis=2)
        coupling = jnp.einsum("crk,crw->ckw", inside, own[:, :, others])
        block = jnp.einsum("crk,crl->ckl", inside, inside)
        block = block + jax.vmap(jnp.diag)(diagonal[_columns(part)])
        inverse = _inverses(block)
        schur = schur - jnp.einsum("ckw,ckl,clv->wv", coupling, inverse, coupling, optimize="optimal")
        blocks.append(inverse)
        couplings.append(coupling)
    return PartedFactor(inverse_factor(0.5 * (schur + schur.T)), tuple(blocks), tuple(couplings), parts)


def unfactored_parts(parts: tuple[Separable, ...], like: Array) -> PartedFactor:
    """A factor of the right shapes that solves nothing; ``like`` (n,)."""
    width = _others(parts, like.shape[0]).size
    blocks = tuple(jnp.zeros((part.count, len(part.columns), len(part.columns)), like.dtype) for part in parts)
    couplings = tuple(jnp.zeros((part.count, len(part.columns), width), like.dtype) for part in parts)
    return PartedFactor(jnp.zeros((width, width), like.dtype), blocks, couplings, parts)


def _inverses(blocks: Array) -> Array:
    """Inverses of small positive definite matrices (count, k, k), by elimination written out over their k columns.

    A library call a matrix would cost more than the arithmetic. NaN where a pivot is not positive.
    """
    k = blocks.shape[1]
    work = jnp.concatenate([blocks, jnp.broadcast_to(jnp.eye(k, dtype=blocks.dtype), blocks.shape)], axis=2)
    for i in range(k):
        pivot = work[:, i, i]
        row = work[:, i] / jnp.where(pivot > 0, pivot, jnp.nan)[:, None]
        work = (work - work[:, :, i, None] * row[:, None, :]).at[:, i].set(row)
    inverse = work[:, :, k:]
    return 0.5 * (inverse + inverse.mT)


def _product(blocks: Array, columns: Array) -> Array:
    return jnp.einsum("ckl,clr->ckr", blocks, columns)


def _columns(part: Separable) -> np.ndarray:
    """The variables of each part, (count, k)."""
    return np.arange(part.count)[:, None] + np.asarray(part.columns)


def _rows(part: Separable, offset: int) -> np.ndarray:
    """The rows of each part, (count, number of rows)."""
    position = np.arange(part.count)[:, None]
    spans = [offset + first + position * width + np.arange(width) for first, width in part.rows]
    return np.concatenate(spans, axis=1)


def _others(parts: tuple[Separable, ...], n: int) -> np.ndarray:
    """The variables that are in no part."""
    taken = np.zeros(n, bool)
    for part in parts:
        taken[_columns(part)] = True
    return np.flatnonzero(~taken)
