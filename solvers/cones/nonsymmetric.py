"""The scaling of cones in three dimensions that are not symmetric: the exponential and the power cone.

With f* the barrier of K* (of degree ν = 3) and f its conjugate, the shadows of a pair (s, u) are s̃ = −∇f*(u) and
ũ = −∇f(s). On the central path s = μs̃ and u = μũ. V is fitted to both (Tunçel 2001):

    V u = s,  V ũ = s̃:    V = ssᵀ/⟨s,u⟩ + δ_s δ_sᵀ/⟨δ_s,δ_u⟩ + t aaᵀ,    δ_s = s − μs̃,  δ_u = u − μũ,  a ⟂ u, ũ,

with t the length of what μ∇²f*(u) has beside the first two terms (at its own point). Where the pair is so near to the
path that the quotients are rounding, V = μ∇²f*(u), the same to first order.

Near the boundary the eigenvalues of V are like 1/μ, 1 and μ, more than a matrix of numbers can hold. But either V has
the form bbᵀ/⟨b,u⟩ + T B Tᵀ with b = V u, that is s or μs̃, an orthonormal basis T of what is orthogonal to u, and a B of
two rows; in the basis (u/‖u‖, T) this is its Cholesky factorisation begun, and δI is added to it without cancellation
(_Factored). ∇²f*(u) has that form too, with b = s̃.

The corrector is the one of third order,

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

from karush.solvers.cones.small import (
    dot,
    factor_of_two,
    inverse_of_two,
    orthogonal_to,
    outer,
    times,
    transposed_times,
)
from karush.solvers.short_sums import short_sum

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
class _Factored:
    """A symmetric matrix M with M u = b, as bbᵀ/⟨b,u⟩ + T B Tᵀ.

    ``u``, ``first`` b (count, 3), ``product`` ⟨b,u⟩ (count, 1), ``basis`` Tᵀ (count, 2, 3), ``rest`` B (count, 2, 2).
    """

    u: Array
    first: Array
    product: Array
    basis: Array
    rest: Array

    def root(self) -> Array:
        """R with RRᵀ = M, (count, 3, 3)."""
        beside = transposed_times(self.basis, factor_of_two(self.rest))
        return jnp.concatenate([(self.first / jnp.sqrt(self.product))[:, :, None], beside], axis=2)

    def inverse_root(self, delta: Array) -> Array:
        """R with RᵀR = (M + δI)⁻¹, (count, 3, 3), from the factors

        ⎡√d           ⎤   d = ⟨b,u⟩/‖u‖² + δ,   f = Tᵀb/‖u‖,
        ⎣f/√d     C   ⎦   CCᵀ = B + δI + ffᵀ δ/(d(d − δ)).
        """
        length = jnp.sqrt(dot(self.u, self.u))
        bare = self.product / (length * length)
        d = bare + delta
        f = times(self.basis, self.first[:, :, None]) / length[:, :, None]
        lift = (delta / (d * bare))[:, :, None]
        corner = inverse_of_two(self.rest + delta * jnp.eye(2, dtype=d.dtype) + lift * f * f.mT)
        top = (self.u / (length * jnp.sqrt(d)))[:, None, :]
        lower = self.basis - f * (self.u / (length * d))[:, None, :]
        return jnp.concatenate([top, times(corner, lower)], axis=1)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class NonsymmetricScaling:
    """See ``ConeScaling``. ``s``, ``u`` and the shadow ``tilde`` s̃ (count, 3); roots of V, (V + δI)⁻¹, ∇²f*(u)⁻¹."""

    s: Array
    u: Array
    tilde: Array
    exponents: Array
    root: Array
    inverse: Array
    curvature: Array
    barrier: Barrier = field(metadata={"static": True})

    def multiply(self, block: Array) -> Array:
        """See ``ConeScaling``."""
        return times(self.root, transposed_times(self.root, block))

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
        del du
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
    basis = orthogonal_to(u)
    beside = hessian - outer(tilde, tilde) / DEGREE
    own = _Factored(u, tilde, jnp.full_like(u[:, :1], DEGREE), basis, _between(basis, beside))
    fitted = _fitted(own, s, shadow, hessian, beside)
    none = jnp.zeros((), s.dtype)
    root, inverse = fitted.root(), fitted.inverse_root(delta)
    return NonsymmetricScaling(s, u, tilde, exponents, root, inverse, own.inverse_root(none), barrier)


def _between(basis: Array, matrix: Array) -> Array:
    """Tᵀ M T, (count, 2, 2)."""
    return times(basis, times(matrix, basis.mT))


def _fitted(own: _Factored, s: Array, shadow: Array, hessian: Array, beside: Array) -> _Factored:
    """V as in the module's text; ``own`` is ∇²f*(u), ``beside`` that less s̃s̃ᵀ/ν."""
    u, tilde, basis = own.u, own.first, own.basis
    product = dot(s, u)
    mean, mean_tilde = product / DEGREE, dot(tilde, shadow) / DEGREE
    delta_s, delta_u = s - mean * tilde, u - mean * shadow
    apart = dot(delta_s, delta_u)
    pushed = times(hessian, shadow[:, :, None])[:, :, 0]
    spread = dot(shadow, pushed) - DEGREE * mean_tilde**2
    left = pushed - mean_tilde * tilde
    axis = jnp.cross(u, shadow)
    length = dot(axis, axis)
    eps = jnp.finfo(s.dtype).eps
    usable = (jnp.abs(mean * mean_tilde - 1) > eps**0.5) & (spread > eps * mean_tilde**2) & (apart > 0) & (length > 0)

    def quotient(vector: Array, divisor: Array) -> Array:
        return outer(vector, vector) / jnp.where(usable, divisor, 1)[:, :, None]

    rest = beside - quotient(left, spread)
    size = mean[:, :, None] * jnp.sqrt(short_sum(short_sum(rest * rest, 2), 1))[:, None, None]

    def along(vector: Array) -> Array:
        return times(basis, vector[:, :, None])[:, :, 0]

    two = quotient(along(delta_s), apart) + size * quotient(along(axis), length)
    two = jnp.where(usable[:, :, None], two, mean[:, :, None] * own.rest)
    return _Factored(u, jnp.where(usable, s, mean * tilde), product, basis, two)


def is_near(barrier: Barrier, s: Array, u: Array, exponents: Array, mean: Array | None) -> Array:
    """Whether pairs (count, 3) are all inside, and, if ``mean`` is given, not far from the central path at that μ."""

    def one(s: Array, u: Array, exponent: Array) -> Array:
        inside = barrier.inside(s, exponent) & barrier.inside_dual(u, exponent)
        if mean is None:
            return inside
        tilde, shadow = -jax.grad(barrier.dual)(u, exponent), barrier.shadow(s, exponent)
        return inside & (jnp.dot(tilde, shadow) * mean * NEARNESS <= DEGREE)  # false where it is not a number

    return jnp.all(jax.vmap(one)(s, u, exponents))
