"""The projection onto a product of cones near a point, in the basis where its derivative is diagonal.

With s = Fx + g ∈ K, u ∈ K* and ⟨s, u⟩ = 0 let v = s − u; then s = Π(v), u = Π(v) − v (Moreau), and the symmetric

    D = DΠ(v) = Q diag(1 − e) Qᵀ,   0 ≤ e ≤ 1,   ds = D dv,   du = −(I − D) dv = −Q diag(e) Qᵀ dv.

In the coordinates of Q the rows in cones are rows B = QᵀF each with its own **share** e: e = 0 is inactive (u stays
0), e = 1 is active (s stays 0), between is the curvature of the cone's boundary. So a cone program is linearised as the
quadratic program that has these rows too, with the shares for its active mask (linearisation.py).

**Spectral cones.** Second-order and semidefinite cones are {λ ≥ 0} for the spectral values λ of v, and

    e_ij = (λ_i⁻ + λ_j⁻)/(|λ_i| + |λ_j|)

for the coordinate of the pair (i, j): for matrices the entry (i, j) of Vᵀ(mat v)V, whose basis is the congruence with V
(never a matrix of the size of svec); for (t, x) with λ = (t ± ‖x‖)/√2 the directions (1, ±x/‖x‖)/√2 and, for the pair,
all that is orthogonal to both, for which a reflection serves. Cones of three rows have Q and e from their D.

**Ties.** A spectral value that is zero within the threshold is a kink of Π. The rule is that of rows: it counts as
inactive, that is as 0⁺, an element of the limits of D from inside the cone; ``wide`` holds the shares for 0⁻.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.experimental.sparse import BCOO

from karush.solvers.cone_bases import change, turned
from karush.solvers.cone_boundary import Boundary, three_rows
from karush.solvers.forms.cones import ConeRows, Cones
from karush.solvers.framed_matrix import FramedMatrix
from karush.solvers.matrices import Matrix, mixed, scaled, unsparse
from karush.solvers.projections.balls import safe_norm
from karush.solvers.projections.cones import symmetric_matrix, symmetric_vector

LARGEST_ORDER = 60
"""Semidefinite cones of a larger order are not factorised: their block is dense, of order k(k + 1)/2."""


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Frame:
    """Q, one array for each entry of ``cones``, and what belongs to the r coordinates.

    ``bases``: unit vectors x/‖x‖ (count, d − 1), eigenvectors (count, k, k) or Q itself (count, 3, 3). ``share`` e (r,)
    with ties as inactive, ``wide`` with ties as active; ``weak`` (r,) 1.0 in the cones that are at a tie, ``presses``
    (r,) 1.0 in those with a multiplier. ``gap`` the distance to the nearest tie, relative, a scalar. ``rows`` (r, n)
    are B/√e where 0 < e < 1 and B else.
    """

    bases: tuple[Array, ...]
    share: Array
    wide: Array
    weak: Array
    presses: Array
    gap: Array
    rows: Matrix
    cones: tuple[Cones, ...] = field(metadata={"static": True})


@dataclass(frozen=True)
class Scales:
    """How slacks and multipliers of a cone's rows compare with zero: slack × ``slack``, multiplier × ``pull``."""

    slack: Array
    pull: Array


def to_frame(frame: Frame, rows: Array) -> Array:
    """QᵀS for S (r,) or (r, c)."""
    return change(frame.cones, frame.bases, rows, True)


def from_frame(frame: Frame, rows: Array) -> Array:
    """Q S for S (r,) or (r, c)."""
    return change(frame.cones, frame.bases, rows, False)


def _pairs(values: Array, tied: Array) -> Array:
    """e_ij of spectral values (count, k), where both of a pair are zero ``tied``; (count, k, k)."""
    negative, size = jnp.maximum(-values, 0), jnp.abs(values)
    sizes = size[:, :, None] + size[:, None, :]
    quotient = (negative[:, :, None] + negative[:, None, :]) / jnp.where(sizes > 0, sizes, 1)
    return jnp.where(sizes > 0, quotient, tied)


def _spectral(values: Array, scales: Scales, active: float) -> tuple[Boundary, Array, Array]:
    """What is known of spectral values (count, k), and their shares with ties as inactive and as active."""
    room = jnp.where(values >= 0, values * scales.slack[:, None], -values * scales.pull[:, None])
    settled = jnp.where(room < active, 0, values)
    boundary = Boundary(
        weak=jnp.any(room < active, axis=1), presses=jnp.any(settled < 0, axis=1), room=jnp.min(room, axis=1)
    )
    none = jnp.zeros((), values.dtype)
    return boundary, _pairs(settled, none), _pairs(settled, none + 1)


def _of_second_order(v: Array, scales: Scales, active: float) -> tuple[Array, Array, Array, Boundary]:
    """(basis, share, wide, boundary) of equal second-order cones at v (count, d)."""
    count, d = v.shape
    if d == 1:
        boundary, share, wide = _spectral(v, scales, active)
        return v[:, 1:], share[:, 0], wide[:, 0], boundary
    norm = jax.vmap(safe_norm)(v[:, 1:])[:, None]
    first = jnp.zeros((d - 1,), v.dtype).at[0].set(1)
    unit = jnp.where(norm > 0, v[:, 1:] / jnp.where(norm > 0, norm, 1), first)
    values = jnp.concatenate(turned(v[:, :1], norm), axis=1)
    boundary, *pairs = _spectral(values, scales, active)

    def spread(e: Array) -> Array:
        rest = jnp.broadcast_to(e[:, 0, 1:], (count, d - 2))
        return jnp.concatenate([e[:, 0, :1], e[:, 1, 1:], rest], axis=1)

    return unit, spread(pairs[0]), spread(pairs[1]), boundary


def _of_semidefinite(cones: Cones, v: Array, scales: Scales, active: float) -> tuple[Array, Array, Array, Boundary]:
    """The same of semidefinite cones at v (count, dimension)."""
    values, V = jnp.linalg.eigh(jax.vmap(lambda s: symmetric_matrix(s, cones.order))(v))
    boundary, share, wide = _spectral(values, scales, active)
    root = jnp.where(jnp.eye(cones.order) > 0, 1, jnp.sqrt(jnp.asarray(0.5, v.dtype)))

    def entries(e: Array) -> Array:
        return jax.vmap(lambda matrix: symmetric_vector(matrix * root))(e)

    return V, entries(share), entries(wide), boundary


def frame_of(rows: ConeRows, v: Array, slack_scale: Array, pull_scale: Array, active: float) -> Frame:
    """The frame at v (r,); a slack times ``slack_scale`` or a multiplier times ``pull_scale`` (r,) below ``active`` is
    zero.

    The scales of a cone are the least of its rows' for slacks and the largest for multipliers.
    """
    bases, shares, wides, boundaries = [], [], [], []
    for cones, at, powers in rows.groups():
        block = v[at].reshape(cones.count, cones.dimension)
        scales = Scales(
            jnp.min(slack_scale[at].reshape(block.shape), axis=1), jnp.max(pull_scale[at].reshape(block.shape), axis=1)
        )
        match cones.kind:
            case "second_order":
                found = _of_second_order(block, scales, active)
            case "semidefinite":
                found = _of_semidefinite(cones, block, scales, active)
                # factorisations of LAPACK that do not wait for each other can lock XLA's CPU pool
                v, _ = lax.optimization_barrier((v, found[0]))
            case _:
                found = three_rows(cones, block, rows.exponents[powers], scales.slack, scales.pull, active)
        bases.append(found[0])
        shares.append(found[1].reshape(-1))
        wides.append(found[2].reshape(-1))
        boundaries.append(found[3].over(cones.dimension))
    weak, presses, room = (jnp.concatenate(parts) for parts in zip(*boundaries, strict=True))
    gap = jnp.min(room, initial=jnp.inf)
    share, wide = (_snapped(jnp.concatenate(parts)) for parts in (shares, wides))
    frame = Frame(tuple(bases), share, wide, weak, presses, gap, rows.matrix, rows.cones)
    root = jnp.sqrt(jnp.where((share > 0) & (share < 1), share, 1))
    return replace(frame, rows=_framed_rows(frame, rows.matrix, 1 / root))


def _framed_rows(frame: Frame, matrix: Matrix, scale: Array) -> Matrix:
    """diag(scale) QᵀF; of a sparse F by its products."""
    if isinstance(matrix, BCOO):
        none = jnp.zeros((0, matrix.shape[1]), scale.dtype)
        return FramedMatrix(none, matrix, frame.bases, scale, frame.cones, factorised_on_host(frame.cones))
    F = unsparse(matrix)
    return scaled(mixed(F, lambda block: to_frame(frame, block)), scale, jnp.ones(F.shape[1], scale.dtype))


def factorised_on_host(cones: tuple[Cones, ...]) -> bool:
    """Whether systems with sparse rows in such cones are factorised: on the CPU, where no block of a cone is large."""
    orders = (group.order for group in cones if group.kind == "semidefinite")
    return jax.default_backend() == "cpu" and max(orders, default=0) <= LARGEST_ORDER


def _snapped(share: Array) -> Array:
    """0 and 1 where a share is that to all digits."""
    epsilon = float(jnp.finfo(share.dtype).eps)
    return jnp.where(share < epsilon, 0, jnp.where(share > 1 - epsilon, 1, share))
