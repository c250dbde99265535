"""The scaling of equal cones at a pair (s, u) inside K and K*, as the interior point uses it.

    V u = s,   V = Vᵀ > 0

V stands for the barrier's Hessian times μ: near the central path V ≈ μ∇²f*(u), and the complementarity of a step is

    ds + V du = −loss.

Symmetric cones take the Nesterov–Todd scaling, the others one that fits two pairs of vectors (nonsymmetric.py).
"""

from __future__ import annotations

from typing import Protocol

from jax import Array


class ConeScaling(Protocol):
    """The scaling of ``count`` cones with ``d`` rows each, a pytree. Vectors are (count, d), blocks (count, d, r)."""

    def multiply(self, block: Array) -> Array:
        """V times each column."""
        ...

    def weigh(self, block: Array) -> Array:
        """(V + δI)⁻¹ times each column."""
        ...

    def half(self, block: Array) -> Array:
        """M with MᵀM = blockᵀ (V + δI)⁻¹ block, summed over the rows of each cone."""
        ...

    def loss(self, ds: Array, du: Array, centre: Array) -> Array:
        """What the complementarity of a step is asked to lose: s less centring times μ, and second-order terms.

        ``centre`` () is that product; ds and du are the predictor's step, zero in the predictor itself, whose loss
        is s.
        """
        ...

    def longest(self, ds: Array, du: Array) -> Array:
        """The longest step (), at most 1, that keeps s in K and u in K*; 1 where that is tried out instead."""
        ...
