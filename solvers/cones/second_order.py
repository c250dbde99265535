"""The Nesterov–Todd scaling of the second-order cone {(t, x) : ‖x‖ ≤ t}.

With J = diag(1, −I), det s = sᵀJs and s̄ = s/√det s, ū alike,

    w = (s̄ + Jū)/(2γ),  γ² = (1 + s̄ᵀū)/2,  η⁴ = det s / det u,      V = W² = η²(2wwᵀ − J),
    W = η ⎡w₀  w₁ᵀ                ⎤        λ = W u = W⁻¹ s.
          ⎣w₁  I + w₁w₁ᵀ/(1 + w₀) ⎦

V has the eigenvalues η²(w₀ ± ‖w₁‖)² at (1, ±w₁/‖w₁‖)/√2 and η² elsewhere: so (V + δI)⁻¹ is as plain as V. The smaller
of the two is computed as η²/(w₀ + ‖w₁‖)², and det s as (t − ‖x‖)(t + ‖x‖), so that nothing cancels near the boundary.
Vandenberghe, "The CVXOPT linear and quadratic cone program solvers" (2010), sections 3 and 4.
"""

from __future__ import annotations

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array


def _norm(x: Array) -> Array:
    """Lengths of the last axis, kept."""
    return jnp.sqrt(jnp.sum(x * x, axis=-1, keepdims=True))


def _reflect(v: Array) -> Array:
    """J v."""
    return jnp.concatenate([v[..., :1], -v[..., 1:]], axis=-1)


def _dot(a: Array, b: Array) -> Array:
    return jnp.sum(a * b, axis=-1, keepdims=True)


def depth(s: Array) -> Array:
    """t − ‖x‖: how far (count, d) points are inside, (count,)."""
    return (s[:, :1] - _norm(s[:, 1:]))[:, 0]


def _root_det(s: Array) -> Array:
    """√det s."""
    length = _norm(s[:, 1:])
    tiny = jnp.finfo(s.dtype).tiny
    return jnp.sqrt(jnp.maximum(s[:, :1] - length, tiny)) * jnp.sqrt(s[:, :1] + length)


def _product(a: Array, b: Array) -> Array:
    """The Jordan product (aᵀb, a₀b₁ + b₀a₁)."""
    return jnp.concatenate([_dot(a, b), a[:, :1] * b[:, 1:] + b[:, :1] * a[:, 1:]], axis=-1)


def _longest(s: Array, root: Array, ds: Array) -> Array:
    """The longest step to the boundary from s along ds, (count, 1); infinite where there is none.

    With s̄ = s/√det s the step s + α ds stays inside as long as α(‖ρ₁‖ − ρ₀) ≤ 1 for ρ = the image of ds/√det s under
    the map that takes s̄ to (1, 0).
    """
    unit, d = s / root, ds / root
    first = _dot(_reflect(unit), d)
    rest = d[:, 1:] - (first + d[:, :1]) / (1 + unit[:, :1]) * unit[:, 1:]
    speed = _norm(rest) - first
    return jnp.where(speed > 0, 1 / jnp.where(speed > 0, speed, 1), jnp.inf)


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class SecondOrderScaling:
    """See ``ConeScaling``. ``s``, ``u`` (count, d); ``root_s``, ``root_u`` √det, ``w``, ``eta`` as above; δ."""

    s: Array
    u: Array
    root_s: Array
    root_u: Array
    w: Array
    eta: Array
    delta: Array

    def multiply(self, block: Array) -> Array:
        """See ``ConeScaling``."""
        w, eta = self.w[:, :, None], self.eta[:, :, None]
        reflected = jnp.concatenate([block[:, :1], -block[:, 1:]], axis=1)
        return eta * eta * (2 * w * jnp.sum(w * block, axis=1, keepdims=True) - reflected)

    def weigh(self, block: Array) -> Array:
        """See ``ConeScaling``."""
        return self._spectral(block, *(1 / value for value in self._eigenvalues()))

    def half(self, block: Array) -> Array:
        """See ``ConeScaling``."""
        return self._spectral(block, *(1 / jnp.sqrt(value) for value in self._eigenvalues()))

    def _eigenvalues(self) -> tuple[Array, Array, Array]:
        """Those of V + δI along (1, w₁/‖w₁‖), (1, −w₁/‖w₁‖), and elsewhere; each (count, 1)."""
        reach = self.w[:, :1] + _norm(self.w[:, 1:])
        scale = self.eta * self.eta
        return scale * reach * reach + self.delta, scale / (reach * reach) + self.delta, scale + self.delta

    def _spectral(self, block: Array, plus: Array, minus: Array, rest: Array) -> Array:
        """The matrix with the eigenvectors of V and the given eigenvalues, times a block."""
        length = _norm(self.w[:, 1:])
        direction = (self.w[:, 1:] / jnp.where(length > 0, length, 1))[:, :, None]
        head, tail = block[:, :1], block[:, 1:]
        along = jnp.sum(direction * tail, axis=1, keepdims=True)
        plus, minus, rest = plus[:, :, None], minus[:, :, None], rest[:, :, None]
        first, second = plus * (head + along) / 2, minus * (head - along) / 2
        return jnp.concatenate([first + second, rest * tail + direction * (first - second - rest * along)], axis=1)

    def _root(self, v: Array, sign: int) -> Array:
        """W v, or W⁻¹ v for ``sign`` −1, for vectors (count, d)."""
        w0, w1 = self.w[:, :1], sign * self.w[:, 1:]
        along = _dot(w1, v[:, 1:])
        head = w0 * v[:, :1] + along
        tail = v[:, 1:] + w1 * (v[:, :1] + along / (1 + w0))
        return jnp.concatenate([head, tail], axis=-1) * (self.eta if sign > 0 else 1 / self.eta)

    def loss(self, ds: Array, du: Array, centre: Array) -> Array:
        """s + W(λ ∖ (W⁻¹ds ∘ W du − centre·e)), ∖ the inverse of the Jordan product."""
        value = _product(self._root(ds, -1), self._root(du, 1))
        value = value.at[:, 0].add(-centre)
        point = self._root(self.u, 1)
        head = _dot(_reflect(point), value) / (self.root_s * self.root_u)
        tail = (value[:, 1:] - point[:, 1:] * head) / point[:, :1]
        return self.s + self._root(jnp.concatenate([head, tail], axis=-1), 1)

    def longest(self, ds: Array, du: Array) -> Array:
        """See ``ConeScaling``."""
        steps = jnp.minimum(_longest(self.s, self.root_s, ds), _longest(self.u, self.root_u, du))
        return jnp.minimum(jnp.min(steps, initial=jnp.inf), 1)


def scale_second_order(s: Array, u: Array, delta: Array) -> SecondOrderScaling:
    """The scaling at s and u (count, d), both inside."""
    root_s, root_u = _root_det(s), _root_det(u)
    bar_s, bar_u = s / root_s, u / root_u
    gamma = jnp.sqrt((1 + _dot(bar_s, bar_u)) / 2)
    w = (bar_s + _reflect(bar_u)) / (2 * gamma)
    # w₀² − ‖w₁‖² = 1 to rounding
    w = jnp.concatenate([jnp.sqrt(1 + _norm(w[:, 1:]) ** 2), w[:, 1:]], axis=-1)
    return SecondOrderScaling(s, u, root_s, root_u, w, jnp.sqrt(root_s / root_u), delta)
