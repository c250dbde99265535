"""Rows taken out of a dual active set's final factorisation, without a new one.

With M = (W_B W_Bᵀ)⁻¹ the inverse for the working set B, that for B without row j is the Schur complement

    M ← M − m mᵀ/m_j,      m = M e_j,

and with V = M W_B (the pseudo-inverse, M = VVᵀ) and N, whose rows are an orthonormal basis of the kernel of W_B,

    V ← V − (V v/vᵀv) vᵀ,      N ← N and the row v/‖v‖,      v = Vᵀe_j,

since v is the part of row j that is orthogonal to the other rows of B. One rank-one update a row. It is what the
derivative's rule asks for at a kink: its rows hold no weakly active one, the solver's working set may.
"""

from __future__ import annotations

from dataclasses import replace

import jax.numpy as jnp
from jax import Array, lax

from karush.solvers.active_set_factor import ActiveSetFactor


def _drop_from_gram(factor: ActiveSetFactor, row: Array, at_row: Array) -> ActiveSetFactor:
    M = factor.gram_inverse
    assert M is not None
    column = M[row]
    pivot = column[row]
    M = M - column[:, None] * (column / jnp.where(pivot > 0, pivot, 1))[None, :]
    M = jnp.where(at_row[:, None] | at_row[None, :], 0, M)
    return replace(factor, gram_inverse=M)


def _drop_from_pseudo_inverse(factor: ActiveSetFactor, row: Array, at_row: Array) -> ActiveSetFactor:
    V, N = factor.pseudo_inverse, factor.null_basis
    assert V is not None and N is not None
    v = V[row]
    square = v @ v
    inverse = 1 / jnp.where(square > 0, square, 1)
    V = V - ((V @ v) * inverse)[:, None] * v[None, :]
    V = jnp.where(at_row[:, None], 0, V)
    vacant = jnp.argmax(jnp.all(N == 0, axis=1))
    at_vacant = jnp.arange(N.shape[0]) == vacant
    N = jnp.where(at_vacant[:, None], v * jnp.sqrt(inverse), N)
    return replace(factor, pseudo_inverse=V, null_basis=N)


def without(factor: ActiveSetFactor, rows: Array) -> ActiveSetFactor:
    """The factorisation of the working set less ``rows``, a boolean mask over all stacked rows (k,).

    Rows of the mask outside the working set do not matter. Nothing is computed where there is none.
    """
    if factor.working.shape[0] == 0:
        return factor
    drop = _drop_from_gram if factor.gram_inverse is not None else _drop_from_pseudo_inverse
    numbers = jnp.arange(factor.working.shape[0])

    def left(held: ActiveSetFactor) -> Array:
        return rows & (held.working > 0)

    def turn(held: ActiveSetFactor) -> ActiveSetFactor:
        row = jnp.argmax(left(held))
        at_row = numbers == row
        held = drop(held, row, at_row)
        return replace(held, working=jnp.where(at_row, 0, held.working))

    # only what changes goes round the loop
    bare = replace(factor, basis=jnp.zeros(()), rows=jnp.zeros(()), scale=jnp.zeros(()))
    end = lax.while_loop(lambda held: jnp.any(left(held)), turn, bare)
    return replace(end, basis=factor.basis, rows=factor.rows, scale=factor.scale)
