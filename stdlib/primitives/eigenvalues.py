"""Greatest and least eigenvalue, spectral and nuclear norm. No eigenvector is ever differentiated.

Each is a convex function Σ c(w_i) of the eigenvalues of a symmetric A (of -A; of [[0, X], [Xᵀ, 0]], whose eigenvalues
are the singular values of X, their negatives, and zeros), with the derivative E ↦ ⟨G, E⟩, G = V F Vᵀ. Away from ties F
is diagonal, and by Daleckii and Krein DG[E] = V (L ∘ VᵀEV) Vᵀ with L_ij = (F_ii - F_jj)/(w_i - w_j), 0 where w_i = w_j.

On an eigenspace V of a tie (the greatest eigenvalue repeated, a singular value 0), F is a choice: least norm, one
eigenvector, or that of a direction D. The last one looks at VᵀDV in turn: λ_max'(A; D) = λ_max(VᵀDV), and ‖·‖_*'(X; D)
has ‖UᵀDV‖_* for the zero singular values. The next direction chooses on what is tied in the first, and so on: the
recursion f⁽ʲ⁾(D) = [f⁽ʲ⁻¹⁾]'(D_j; D) of the lexicographic derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array, lax

from karush.stdlib.primitives.rule import Arrays, Rule
from karush.stdlib.primitives.ties import Directional, Element, Tie, columns

Moved = Sequence[Array | None]
Frame = tuple[Array, Array, Array]
"""Columns B in the eigenbasis, which of them are still tied, and F so far."""


def _tolerance(w: Array) -> Array:
    """Eigenvalues nearer to each other than this are equal."""
    return 8 * w.size * jnp.finfo(w.dtype).eps * jnp.max(jnp.abs(w), initial=0)


def _shares(mask: Array, dtype: jnp.dtype) -> Array:
    weights = mask.astype(dtype)
    return weights / jnp.maximum(jnp.sum(weights), 1)


def _is_top(w: Array) -> Array:
    return w >= w[-1] - _tolerance(w)


def _is_zero(w: Array) -> Array:
    return jnp.abs(w) <= _tolerance(w)


@dataclass(frozen=True)
class Spectral:
    """A function of the eigenvalues w, in ascending order, of A = embed(X).

    ``least(w)`` is the diagonal of F of least norm; ``tied(w)`` the eigenspace of a tie; ``still(h, mask)`` what
    of it stays tied where a direction has the eigenvalues h there, ``among(h, mask)`` the diagonal of F on what does
    not, ``rest(mask)`` that on what is tied in all directions.
    ``slope(X)`` is the derivative that frameworks take.
    """

    embed: Callable[[Array], Array]
    unpack: Callable[[Array, tuple[int, ...]], Array]
    of: Callable[[Array], Array]
    least: Callable[[Array], Array]
    tied: Callable[[Array], Array]
    among: Callable[[Array, Array], Array]
    still: Callable[[Array, Array], Array]
    rest: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    gaps: Callable[[Array, tuple[int, ...]], Array]

    def value(self, X: Array) -> Array:
        """The function."""
        return self.of(jnp.linalg.eigvalsh(self.embed(X)))

    def derivative(self, arguments: Arrays, tangents: Moved, tie: Tie) -> Array:
        """⟨G, E⟩, in the space of X."""
        (X,), (E,) = arguments, tangents
        if E is None:
            return jnp.zeros((), X.dtype)
        return jnp.sum(self.gradient(X, E, tie) * E)

    def gradient(self, X: Array, E: Array, tie: Tie) -> Array:
        """G as a matrix of the shape of X."""
        if isinstance(tie, Element) and tie.choice not in ("left", "right"):
            if tie.choice == "min-norm":
                return self.unpack(_choice(self, _least)(self.embed(X)), X.shape)
            return _framework(self)(X)
        directions = _sides(X, str(tie.choice)) if isinstance(tie, Element) else _columns(E, tie)
        return self.unpack(_choice(self, _along)(self.embed(X), jax.vmap(self.embed)(directions)), X.shape)

    def margin(self, X: Array) -> tuple[Array, Array]:
        """How far the eigenvalues are from a tie; nearer than the rule tells them apart is at one."""
        w = jnp.linalg.eigvalsh(self.embed(X))
        gaps = self.gaps(w, X.shape)
        return jnp.where(gaps <= _tolerance(w), 0, gaps), w.size * jnp.max(jnp.abs(w), initial=0)

    def rule(self) -> Rule:
        """Its rule."""
        return Rule(self.value, self.derivative, self.margin, elementwise=False)


def _columns(E: Array, tie: Directional) -> Array:
    return columns(E, tie)


def _sides(X: Array, word: str) -> Array:
    """``right`` comes to a tie along a diagonal that puts the first entries ahead, ``left`` against it."""
    count = min(X.shape)
    ahead = jnp.zeros_like(X).at[jnp.arange(count), jnp.arange(count)].set(jnp.arange(count, 0, -1, dtype=X.dtype))
    return lax.stop_gradient(ahead if word == "right" else -ahead)[None]


# ---------------------------------------------------------------- the element at a tie


def _least(function: Spectral, w: Array, V: Array) -> Array:
    return jnp.diag(function.least(w))


def _along(function: Spectral, w: Array, V: Array, directions: Array) -> Array:
    """F, from the eigenvalues of the directions on the eigenspace of the tie."""
    settled = jnp.where(function.tied(w), 0, function.least(w))

    def refine(frame: Frame, D: Array) -> tuple[Frame, None]:
        B, mask, F = frame
        inside = mask[:, None] & mask[None, :]
        H = jnp.where(inside, B.T @ V.T @ D @ V @ B, 0)
        far = 2 * jnp.linalg.norm(H) + 1  # puts what is settled above all that is tied
        h, U = jnp.linalg.eigh(H + jnp.diag(jnp.where(mask, 0, far)))
        tied = h < far * 0.75
        still = function.still(h, tied)
        B = B @ U
        here = jnp.where(tied & ~still, function.among(h, tied), 0)
        return (B, still, F + (B * here) @ B.T), None

    frame = (jnp.eye(w.size, dtype=w.dtype), function.tied(w), jnp.diag(settled))
    if directions.shape[0] == 1:
        frame, _ = refine(frame, directions[0])
    else:
        frame, _ = lax.scan(refine, frame, directions)
    B, mask, F = frame
    return F + (B * function.rest(mask).astype(w.dtype)) @ B.T


def _choice(function: Spectral, choose: Callable[..., Array]) -> Callable[..., Array]:
    """(A, directions) ↦ V F Vᵀ."""

    @jax.custom_jvp
    def gradient(A: Array, *directions: Array) -> Array:
        w, V = jnp.linalg.eigh(A)
        return V @ choose(function, w, V, *directions) @ V.T

    @gradient.defjvp
    def gradient_jvp(primals: Arrays, tangents: Sequence[Array]) -> tuple[Array, Array]:
        return gradient(*primals), _bend(function, primals[0], tangents[0])

    return gradient


def _bend(function: Spectral, A: Array, E: Array) -> Array:
    """DG[E], away from ties."""
    w, V = jnp.linalg.eigh(A)
    gap = w[:, None] - w[None, :]
    equal = jnp.abs(gap) <= _tolerance(w)
    f = function.least(w)
    L = jnp.where(equal, 0, (f[:, None] - f[None, :]) / jnp.where(equal, 1, gap))
    return V @ (L * (V.T @ E @ V)) @ V.T


def _framework(function: Spectral) -> Callable[[Array], Array]:
    """X ↦ the derivative from the eigenvectors or singular vectors that LAPACK returns."""

    @jax.custom_jvp
    def gradient(X: Array) -> Array:
        return function.slope(X)

    @gradient.defjvp
    def gradient_jvp(primals: tuple[Array], tangents: tuple[Array]) -> tuple[Array, Array]:
        (X,), (E,) = primals, tangents
        return gradient(X), function.unpack(_bend(function, function.embed(X), function.embed(E)), X.shape)

    return gradient


# ---------------------------------------------------------------- the four functions


def _symmetric(X: Array) -> Array:
    return (X + X.T) / 2


def _embedded(X: Array) -> Array:
    m, n = X.shape
    return jnp.block([[jnp.zeros((m, m), X.dtype), X], [X.T, jnp.zeros((n, n), X.dtype)]])


def _corner(G: Array, shape: tuple[int, ...]) -> Array:
    """⟨G, embedded(E)⟩ is the inner product of E with this."""
    m = shape[0]
    return G[:m, m:] + G[m:, :m].T


def _own(G: Array, shape: tuple[int, ...]) -> Array:
    return _symmetric(G)


def _largest(h: Array, mask: Array) -> Array:
    """Those of the mask that are equal to its greatest one."""
    inside = jnp.where(mask, h, 0)
    return mask & (h >= jnp.max(jnp.where(mask, h, -jnp.inf)) - _tolerance(inside))


def _equal_shares(mask: Array) -> Array:
    return mask / jnp.maximum(jnp.sum(mask), 1)


def _below_top(w: Array, shape: tuple[int, ...]) -> Array:
    return w[-1:] - (w[-2:-1] if w.size > 1 else -jnp.inf)


def _top_slope(X: Array) -> Array:
    top = jnp.linalg.eigh(_symmetric(X))[1][:, -1]
    return jnp.outer(top, top)


def _bottom_slope(X: Array) -> Array:
    bottom = jnp.linalg.eigh(_symmetric(X))[1][:, 0]
    return jnp.outer(bottom, bottom)


def _first_pair(X: Array) -> Array:
    U, _, Vt = jnp.linalg.svd(X, full_matrices=False)
    return jnp.outer(U[:, 0], Vt[0])


def _all_pairs(X: Array) -> Array:
    U, _, Vt = jnp.linalg.svd(X, full_matrices=False)
    return U @ Vt


_LARGEST = Spectral(
    embed=_symmetric,
    unpack=_own,
    of=lambda w: w[-1],
    least=lambda w: _shares(_is_top(w), w.dtype),
    tied=_is_top,
    among=lambda h, mask: jnp.zeros_like(h),
    still=_largest,
    rest=_equal_shares,
    slope=_top_slope,
    gaps=_below_top,
)

_SMALLEST = Spectral(
    embed=lambda X: -_symmetric(X),
    unpack=_own,
    of=lambda w: -w[-1],
    least=_LARGEST.least,
    tied=_is_top,
    among=_LARGEST.among,
    still=_largest,
    rest=_equal_shares,
    slope=_bottom_slope,
    gaps=_below_top,
)

_SPECTRAL = Spectral(
    embed=_embedded,
    unpack=_corner,
    of=lambda w: w[-1],
    least=_LARGEST.least,
    tied=_is_top,
    among=_LARGEST.among,
    still=_largest,
    rest=_equal_shares,
    slope=_first_pair,
    gaps=_below_top,
)

_NUCLEAR = Spectral(
    embed=_embedded,
    unpack=_corner,
    of=lambda w: jnp.sum(jnp.abs(w)) / 2,
    least=lambda w: jnp.where(_is_zero(w), 0, jnp.sign(w)) / 2,
    tied=_is_zero,
    among=lambda h, mask: jnp.where(mask, jnp.sign(h), 0) / 2,
    still=lambda h, mask: mask & (jnp.abs(h) <= _tolerance(jnp.where(mask, h, 0))),
    rest=jnp.zeros_like,
    slope=_all_pairs,
    gaps=lambda w, shape: jnp.sort(jnp.abs(w))[::-1][: 2 * min(shape) : 2],
)

LAMBDA_MAX, LAMBDA_MIN = _LARGEST.rule(), _SMALLEST.rule()
"""Greatest and least eigenvalue of the symmetric part; at k equal ones least norm is V Vᵀ/k."""

SIGMA_MAX, NORM_NUC = _SPECTRAL.rule(), _NUCLEAR.rule()
"""Greatest and sum of the singular values; least norm is 0 at 0, and U Vᵀ over those that are not 0."""

RULES: Mapping[str, Rule] = {
    "lambda_max": LAMBDA_MAX,
    "lambda_min": LAMBDA_MIN,
    "sigma_max": SIGMA_MAX,
    "norm_nuc": NORM_NUC,
}
