"""The derivative of a cone program's solution in one direction of the data: at a kink of its cones too a number.

With v = s − u the projection has a derivative along every direction, ds = Π'(v; dv) and du = ds − dv. In the
coordinates σ = Qᵀds of the frame (cone_frame.py), with the share e of each,

    du = −e/(1 − e) σ where e < 1,    σ = 0 where e = 1,    and  σ ∈ T,  du ∈ T*,  ⟨σ, du⟩ = 0  for those at a tie

(Bonnans and Shapiro, Perturbation Analysis of Optimization Problems, 2000, section 5.3; for the semidefinite cone Sun
and Sun, Math. Oper. Res. 27 (2002)). So ξ = dx is the solution of one more cone program,

    minimise ½ ξᵀPξ + rᵀξ + ½ Σ e/(1 − e) σ²   over the directions that the active rows allow,  with σ = Qᵀ(Fξ + ρ),

ρ = ∂(Fx + g). T are the σ at the tie whose image lies in K: of a semidefinite cone the block of the eigenvalues that
are zero, of a second-order cone a half line, or all of it at the apex. Of a cone of three rows it is the half line
inwards where one coordinate is at a tie, and the cone itself where all are; two are not covered.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from karush.solvers.cone_frame import Frame, from_frame, to_frame
from karush.solvers.cones.product import centre
from karush.solvers.forms.cones import ConeRows, Cones
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.matrices import dense


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Ties:
    """What the coordinates (r,) of the frame are: ``stiff`` e/(1 − e), ``pinned`` σ = 0, ``spectral`` at a tie of a
    spectral cone, ``half`` 1, −1 or 0 the side of a half line, ``whole`` in a cone of three rows that is its own T.

    ``covered``: no cone has two coordinates at a tie that are neither.
    """

    stiff: Array
    pinned: Array
    spectral: Array
    half: Array
    whole: Array
    covered: Array


def _is_spectral(cones: Cones) -> bool:
    return cones.kind in ("second_order", "semidefinite")


def _diagonal(rows: ConeRows) -> np.ndarray:
    """1.0 at the coordinates of spectral cones that are spectral values, not pairs of them, (r,)."""
    parts = [np.zeros(0)]
    for cones in rows.cones:
        own = np.zeros(cones.dimension)
        if cones.kind == "second_order":
            own[:2] = 1
        elif cones.kind == "semidefinite":
            row, column = np.tril_indices(cones.order)
            own = (row == column).astype(float)
        parts.append(np.tile(own, cones.count))
    return np.concatenate(parts)


def ties_of(rows: ConeRows, frame: Frame) -> Ties:
    """What the coordinates of a frame are."""
    share, tie = frame.share, frame.wide - frame.share > 0.5
    inwards = to_frame(frame, centre(rows))
    lists: tuple[list[Array], ...] = ([], [], [])
    covered = jnp.asarray(True)
    for cones, at, _ in rows.groups():
        own = tie[at].reshape(cones.count, cones.dimension)
        none = jnp.zeros_like(own)
        if _is_spectral(cones):
            parts = own, none, none
        else:
            number = jnp.sum(own, axis=1, keepdims=True)
            parts = none, own & (number == 1), jnp.broadcast_to(number == 3, own.shape)
            covered = covered & jnp.all(number != 2)
        for found, part in zip(lists, parts, strict=True):
            found.append(part.reshape(-1))
    spectral, half, whole = map(jnp.concatenate, lists)
    side = jnp.where(inwards < 0, -1.0, 1.0).astype(share.dtype)
    free = ~tie & (share < 1)
    return Ties(
        stiff=jnp.where(free, share / jnp.where(free, 1 - share, 1), 0),
        pinned=~tie & (share >= 1),
        spectral=spectral.astype(share.dtype),
        half=jnp.where(half, side, 0),
        whole=whole,
        covered=covered,
    )


def slack_rate(problem: QuadraticProgram, change: QuadraticProgram, x: Array) -> Array:
    """ρ = ∂(Fx + g) at a fixed x, (r,)."""

    def value(data: QuadraticProgram) -> Array:
        assert data.cone_rows is not None
        return data.cone_rows.matrix @ x + data.cone_rows.offset

    rate: Array = jax.jvp(value, (problem,), (change,))[1]
    return rate


def _tie_cones(rows: ConeRows, frame: Frame, ties: Ties, B: Array, sigma: Array, rate: Array) -> ConeRows:
    """σ ∈ T as rows in the same cones; what is at no tie is 1 in the spectral values, deep inside."""
    diagonal = jnp.asarray(_diagonal(rows), sigma.dtype) * (1 - ties.spectral)
    matrix = from_frame(frame, ties.spectral[:, None] * B)
    offset = from_frame(frame, ties.spectral * sigma + diagonal)
    inner, F = centre(rows), dense(rows.matrix)
    of_three = np.concatenate([np.full(cones.rows, not _is_spectral(cones)) for cones in rows.cones])
    matrix = jnp.where(ties.whole[:, None], F, matrix)
    offset = jnp.where(of_three, jnp.where(ties.whole, rate, inner), offset)
    return replace(rows, matrix=matrix, offset=offset)


def with_cones(base: QuadraticProgram, rows: ConeRows, frame: Frame, ties: Ties, rate: Array) -> QuadraticProgram:
    """The program of ξ from the one without the cones: stiffness, rows of the frame, and T."""
    F, G = dense(rows.matrix), dense(base.inequality_matrix)
    B, sigma = to_frame(frame, F), to_frame(frame, rate)
    P = B.T @ (ties.stiff[:, None] * B)
    m = G.shape[0]

    def side(value: Array | None) -> Array:
        return jnp.concatenate([jnp.zeros(m, sigma.dtype) if value is None else value, -sigma])

    def mask(value: Array | None, given: Array | None, own: Array) -> Array:
        there = jnp.full(m, value is not None) if given is None else given
        return jnp.concatenate([there, own])

    return replace(
        base,
        quadratic=P if base.quadratic is None else dense(base.quadratic) + P,
        linear=base.linear + B.T @ (ties.stiff * sigma),
        equality_matrix=dense(base.equality_matrix),
        inequality_matrix=jnp.concatenate([G, B]),
        lower=side(base.lower),
        upper=side(base.upper),
        has_lower=mask(base.lower, base.has_lower, ties.pinned | (ties.half > 0)),
        has_upper=mask(base.upper, base.has_upper, ties.pinned | (ties.half < 0)),
        cone_rows=_tie_cones(rows, frame, ties, B, sigma, rate),
        separable=(),
    )


def rates_of_point(found: Point, rows: ConeRows, frame: Frame, ties: Ties, rate: Array, m: int) -> Point:
    """dx, the rates of the multipliers of the m rows, and du, from a solution of the program of ξ."""
    assert found.u is not None
    sigma = to_frame(frame, dense(rows.matrix) @ found.x + rate)
    at_tie = ties.spectral * to_frame(frame, jnp.where(ties.whole, 0, found.u))
    u = from_frame(frame, found.z[m:] - ties.stiff * sigma + at_tie) + jnp.where(ties.whole, found.u, 0)
    return replace(found, z=found.z[:m], u=u)
