"""What the dual active-set method leaves for linear solves at its final working set: products only, nothing factorised.

The KKT system with working set B (forms/quadratic.py for the signs), all rows stacked as C = [A; G; I],

    P dx − Cᵀdλ = r_x,      C_i dx = r_i  (i in B),      dλ_i = r_i  (i not in B),

reads in whitened coordinates (whitening.py), with known multipliers μ_i = r_i outside B and e = L⁻¹r_x + Wᵀμ,

    dλ_B = (W_B W_Bᵀ)⁻¹(r_B − W_B e),      du = e + Wᵀdλ_B,      dx = L⁻ᵀdu.

An equality that was ignored as redundant has dλ = 0, whatever its right-hand side: a solution of least support.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jax import Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class ActiveSetFactor:
    """The final working set of a dual active-set solve with the inverses it ended with; no integers in it.

    ``basis`` L⁻ᵀ (n, n), ``rows`` W (k, n), ``scale`` (k,), ``working`` (k,) 1.0 in B and 0.0 elsewhere, and one of
    ``gram_inverse`` (k, k), (W_B W_Bᵀ)⁻¹ with zeros outside B, or ``pseudo_inverse`` (k, n), whose rows in B are
    those of (W_B W_Bᵀ)⁻¹W_B, with ``null_basis`` (n, n), whose rows are an orthonormal basis of the kernel of W_B and
    zeros. ``counts`` is (p, m).
    """

    basis: Array
    rows: Array
    scale: Array
    working: Array
    gram_inverse: Array | None
    pseudo_inverse: Array | None
    null_basis: Array | None
    counts: tuple[int, int] = field(metadata={"static": True})

    @property
    def active_z(self) -> Array:
        """Which rows of G are in the working set, (m,) boolean."""
        p, m = self.counts
        return self.working[..., p : p + m] > 0

    @property
    def active_w(self) -> Array | None:
        """Which bounds are, (n,) boolean, or None where no bound exists at all."""
        p, m = self.counts
        return self.working[..., p + m :] > 0 if self.working.shape[-1] > p + m else None

    def solve_working(self, rhs_x: Array, rhs_rows: Array) -> tuple[Array, Array]:
        """(dx, dλ) for r_x (n,) and the stacked r (k,), which is zero outside B."""
        return self._solve(rhs_x @ self.basis, self.scale * rhs_rows)

    def solve_stacked(self, rhs_x: Array, rhs_rows: Array) -> tuple[Array, Array]:
        """(dx, dλ) for r_x (n,) and the stacked r (k,)."""
        p, _ = self.counts
        known = (1 - self.working) * rhs_rows
        known = jnp.concatenate([jnp.zeros(p, known.dtype), known[p:]]) if p else known
        free = rhs_x @ self.basis + (known / self.scale) @ self.rows
        dx, multipliers = self._solve(free, self.working * self.scale * rhs_rows)
        return dx, known + multipliers

    def _solve(self, free: Array, target: Array) -> tuple[Array, Array]:
        if self.gram_inverse is not None:
            multipliers = self.gram_inverse @ (target - self.rows @ free)
            moved = free + multipliers @ self.rows
        else:
            assert self.pseudo_inverse is not None and self.null_basis is not None
            particular = target @ self.pseudo_inverse
            multipliers = self.pseudo_inverse @ (particular - free)
            moved = particular + (self.null_basis @ free) @ self.null_basis
        return self.basis @ moved, self.scale * multipliers

    def solve(
        self, rhs_x: Array, rhs_y: Array, rhs_z: Array, rhs_w: Array | None
    ) -> tuple[Array, Array, Array, Array | None]:
        """(dx, dy, dz, dw) for r_x (n,), r_y (p,), r_z (m,), r_w (n,) or None: one pass, without refinement."""
        p, m = self.counts
        bounded = self.working.shape[0] > p + m
        parts = [rhs_y, rhs_z]
        if bounded:
            parts.append(jnp.zeros_like(rhs_x) if rhs_w is None else rhs_w)
        dx, multipliers = self.solve_stacked(rhs_x, jnp.concatenate(parts))
        dw = multipliers[p + m :] if bounded else None
        return dx, multipliers[:p], multipliers[p : p + m], dw
