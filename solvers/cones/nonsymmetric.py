"""The scaling of cones in three dimensions that are not symmetric: the exponential and the power cone.

With f* the barrier of K* (of degree ν = 3) and f its conjugate, the shadows of a pair (s, u) are s̃ = −∇f*(u) and
ũ = −∇f(s). On the central path s = μs̃ and u = μũ. V is fitted to both (Tunçel 2001):

    V u = s,  V ũ = s̃:    V = ssᵀ/⟨s,u⟩ + δ_s δ_sᵀ/⟨δ_s,δ_u⟩ + t aaᵀ,    δ_s = s − μs̃,  δ_u = u − μũ,  a ⟂ u, ũ,

with t the length of what μ∇²f*(u) has beside the first two terms (at its own point). Where the pair is so near to the
path that the quotients are rounding, V = μ∇²f*(u), the same to first order. The corrector is the one of third order,

    loss = s − centre s̃ − ½ ∇³f*(u)[du, (∇²f*(u))⁻¹ ds],

which for a half line is Mehrotra's. Dahl and Andersen, "A primal-dual interior-point algorithm for nonsymmetric
exponential-cone optimization", Math. Program. 194 (2022); Goulart and Chen, "Clarabel" (2024), section 5.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
from jax import Array

from karush.solvers.cones.small import dot, inverse_factor, outer, times, transposed_times

DEGREE = 3

# How far from the central path a pair may be: μ times that of its shadows (1 on the path) is at most 1/NEARNESS.
NEARNESS = 1e-6


@dataclass(frozen=True)
class Barrier:
    """A cone by its barriers; functions of one vector (3,) and the cone's exponent (), which the exponential has none.

    ``dual`` f*(u) for u inside K*; ``shadow`` −∇f(s) for s inside K; ``inside``, ``inside_dual`` whether they are.
    """

    dual: Callable[[Array, Array], Array]
    shadow: Callable[[Array, Array], Array]
    inside: Callable[[Array, Array], Array]
    inside_dual: Callable[[Array, Array], Array]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class NonsymmetricScaling:
    """See ``ConeScaling``. ``s``, ``u`` and the shadow ``tilde`` s̃ (count, 3); V, (L of V + δI)⁻¹, that of ∇²f*(u)."""

    s: Array
    u: Array
    tilde: Array
    exponents: Array
    matrix: Array
    inverse: Array
    curvature: Array
    barrier: Barrier = field(metadata={"static": True})

    def multiply(self, block: Array) -> Array:
        """See ``ConeScaling``."""
        return times(self.matrix, block)

    def weigh(self, block: Array) -> Array:
        """See ``ConeScaling``."""
        return transposed_times(self.inverse, times(self.inverse, block))

    def half(self, block: Array) -> Array:
        """See ``ConeScaling``."""
        return times(self.inverse, block)

    def loss(self, ds: Array, du: Array, centre: Array) -> Array:
        """See ``ConeScaling``."""
        pulled = transposed_times(self.curvature, times(self.curvature, ds[:, :, None]))[:, :, 0]
        third = jax.vmap(_third_derivative(self.barrier))(self.u, self.exponents, pulled, du)
        return self.s - centre * self.tilde - jnp.where(jnp.isfinite(third), third, 0) / 2

    def longest(self, ds: Array, du: Array) -> Array:
        """1: the step is tried out, see ``is_near``."""
        return jnp.ones((), ds.dtype)


def _third_derivative(barrier: Barrier) -> Callable[[Array, Array, Array, Array], Array]:
    """(u, exponent, a, b) ↦ ∇³f*(u)[a, b], (3,)."""

    def function(u: Array, exponent: Array, a: Array, b: Array) -> Array:
        def gradient(v: Array) -> Array:
            return jax.grad(barrier.dual)(v, exponent)

        return jax.jvp(lambda v: jax.jvp(gradient, (v,), (a,))[1], (u,), (b,))[1]

    return function


def scale_nonsymmetric(barrier: Barrier, s: Array, u: Array, exponents: Array, delta: Array) -> NonsymmetricScaling:
    """The scaling at s and u (count, 3), both inside; ``exponents`` (count,)."""
    tilde = -jax.vmap(jax.grad(barrier.dual))(u, exponents)
    hessian = jax.vmap(jax.hessian(barrier.dual))(u, exponents)
    shadow = jax.vmap(barrier.shadow)(s, exponents)
    matrix = _fitted(s, u, tilde, shadow, hessian)
    inverse = inverse_factor(matrix + delta * jnp.eye(3, dtype=s.dtype))
    return NonsymmetricScaling(s, u, tilde, exponents, matrix, inverse, inverse_factor(hessian), barrier)


def _fitted(s: Array, u: Array, tilde: Array, shadow: Array, hessian: Array) -> Array:
    """V as in the module's text, (count, 3, 3)."""
    product = dot(s, u)
    mean, mean_tilde = product / DEGREE, dot(tilde, shadow) / DEGREE
    delta_s, delta_u = s - mean * tilde, u - mean * shadow
    apart = dot(delta_s, delta_u)
    beside = times(hessian, shadow[:, :, None])[:, :, 0]
    spread = dot(shadow, beside) - DEGREE * mean_tilde**2
    left = beside - mean_tilde * tilde
    axis = jnp.cross(u, shadow)
    length = dot(axis, axis)
    eps = jnp.finfo(s.dtype).eps
    usable = (jnp.abs(mean * mean_tilde - 1) > eps**0.5) & (spread > eps * mean_tilde**2) & (apart > 0) & (length > 0)
    usable = usable[:, :, None]

    def quotient(vector: Array, divisor: Array) -> Array:
        return outer(vector, vector) / jnp.where(usable, divisor[:, :, None], 1)

    rest = hessian - outer(tilde, tilde) / DEGREE - quotient(left, spread)
    size = mean[:, :, None] * jnp.sqrt(jnp.sum(rest * rest, axis=(1, 2), keepdims=True))
    fitted = outer(s, s) / product[:, :, None] + quotient(delta_s, apart) + size * quotient(axis, length)
    return jnp.where(usable, fitted, mean[:, :, None] * hessian)


def is_near(barrier: Barrier, s: Array, u: Array, exponents: Array, mean: Array) -> Array:
    """Whether pairs (count, 3) are all inside and not far from the central path at μ = ``mean``."""

    def one(s: Array, u: Array, exponent: Array) -> Array:
        inside = barrier.inside(s, exponent) & barrier.inside_dual(u, exponent)
        tilde, shadow = -jax.grad(barrier.dual)(u, exponent), barrier.shadow(s, exponent)
        return inside & (jnp.dot(tilde, shadow) * mean * NEARNESS <= DEGREE)  # false where it is not a number

    return jnp.all(jax.vmap(one)(s, u, exponents))
