"""The KKT system with sparse rows in cones, factorised and solved on the host (for solvers/framed_factor.py).

With E = Q diag(e) Qᵀ of the frame (cone_frame.py) the system of kkt.py in the frame's coordinates,

    P dx + … + (√e QᵀF)ᵀ ω = r_x,    √e QᵀF dx − (1 − e) ω = r_ω,

is, with γ = Q√e ω and the unknown dv, a system that has no product of Q and F:

    P dx + … + Fᵀγ = r_x,    F dx + γ − dv = 0,    E dv − γ = Q√e r_ω,    ω = √e Qᵀdv − r_ω.

E is a block for each cone. Of a second-order cone it is a multiple of the identity but for the two directions
p, q = (1, ±x/‖x‖)/√2, so that with one more unknown for each, α = pᵀdv and β = qᵀdv, a cone of d rows adds some 7d
entries. It is not symmetric, so SuperLU may pivot; regularised by δ as in sparse_system.py, every entry of its diagonal
is there, and the order with the least fill is tried first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from scipy import sparse

from karush.solvers.forms.cones import Cones
from karush.solvers.host.program import Vector
from karush.solvers.host.sparse_system import DELTA, KEPT, Bytes, best_factor, coordinates, csc, gram_rank

# Second-order cones of no more rows have a dense block.
_SMALL = 4


@dataclass(frozen=True)
class _Blocks:
    """E = ``own`` + ``directions`` diag(``weights``) ``directions``ᵀ: (r, r), (r, l), (l,)."""

    own: sparse.csc_matrix
    directions: sparse.csc_matrix
    weights: Vector


def _svec_columns(V: np.ndarray) -> np.ndarray:
    """Q of a semidefinite cone at eigenvectors V (k, k): its columns svec((v_i v_jᵀ + v_j v_iᵀ)/√2), or v_i v_iᵀ."""
    i, j = np.tril_indices(V.shape[0])
    same = i == j
    height, width = np.where(same, 1.0, np.sqrt(2.0)), np.where(same, 0.5, np.sqrt(0.5))
    both = V[i][:, i] * V[j][:, j] + V[i][:, j] * V[j][:, i]
    return height[:, None] * both * width


def _poles(unit: np.ndarray) -> np.ndarray:
    """(1, ±x/‖x‖)/√2 of second-order cones, (count, d, 2)."""
    one = np.ones((unit.shape[0], 1))
    return np.stack([np.concatenate([one, sign * unit], axis=1) for sign in (1, -1)], axis=2) * np.sqrt(0.5)


def _dense_block(cones: Cones, basis: np.ndarray, e: np.ndarray) -> np.ndarray:
    """E of equal cones, (count, d, d), from their shares (count, d)."""
    d = cones.dimension
    if cones.kind == "semidefinite":
        columns = np.stack([_svec_columns(V) for V in basis]) if len(basis) else np.zeros((0, d, d))
    elif cones.kind == "second_order":
        rest = e[:, -1] if d > 2 else np.zeros(e.shape[0])
        if d == 1:
            return e[:, :, None]
        poles = _poles(basis)
        return rest[:, None, None] * np.eye(d) + np.einsum("cip,cp,cjp->cij", poles, e[:, :2] - rest[:, None], poles)
    else:
        columns = basis
    found: np.ndarray = np.einsum("cip,cp,cjp->cij", columns, e, columns, optimize=True)
    return found


def _groups(cones: tuple[Cones, ...], bases: Any, share: Vector) -> Iterator[tuple[Cones, int, np.ndarray, np.ndarray]]:
    """Every entry of ``cones`` with its first row, its basis and its shares (count, d)."""
    first = 0
    for group, basis in zip(cones, bases, strict=True):
        yield group, first, np.asarray(basis), share[first : first + group.rows].reshape(group.count, group.dimension)
        first += group.rows


def _at(place: np.ndarray, blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(values, rows, columns) of blocks (count, d, d) at the rows and columns ``place`` (count, d)."""
    rows, columns = np.broadcast_to(place[:, :, None], blocks.shape), np.broadcast_to(place[:, None, :], blocks.shape)
    return blocks.reshape(-1), rows.reshape(-1), columns.reshape(-1)


def _blocks(cones: tuple[Cones, ...], bases: Any, share: Vector) -> _Blocks:
    """E as a sparse matrix and its directions."""
    entries: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    poles: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    weights: list[Vector] = []
    for group, first, basis, e in _groups(cones, bases, share):
        place = first + np.arange(group.rows).reshape(e.shape)
        if group.kind == "second_order" and group.dimension > _SMALL:
            number = sum(part.size for part in weights)
            entries.append((np.repeat(e[:, 2], group.dimension), place.reshape(-1), place.reshape(-1)))
            column = number + np.arange(2 * group.count).reshape(group.count, 1, 2)
            values = _poles(basis)
            row, column = np.broadcast_to(place[:, :, None], values.shape), np.broadcast_to(column, values.shape)
            poles.append((values.reshape(-1), row.reshape(-1), column.reshape(-1)))
            weights.append((e[:, :2] - e[:, 2:3]).reshape(-1))
            continue
        # a multiple of the identity needs no block
        flat = e.min(axis=1, initial=np.inf) == e.max(axis=1, initial=-np.inf)
        entries.append((e[flat].reshape(-1), place[flat].reshape(-1), place[flat].reshape(-1)))
        entries.append(_at(place[~flat], _dense_block(group, basis[~flat], e[~flat])))
    weight = np.concatenate([np.zeros(0), *weights])
    r = share.size
    return _Blocks(_matrix(entries, (r, r)), _matrix(poles, (r, weight.size)), weight)


def _matrix(parts: list[tuple[np.ndarray, np.ndarray, np.ndarray]], shape: tuple[int, int]) -> sparse.csc_matrix:
    values, rows, columns = (np.concatenate([np.zeros(0), *(part[k] for part in parts)]) for k in range(3))
    return sparse.csc_matrix((values, (rows.astype(int), columns.astype(int))), shape=shape)


def _sizes(F: sparse.csc_matrix, cones: tuple[Cones, ...]) -> Vector:
    """The largest entry of the rows of each cone, at each of its rows; 1 where there is none."""
    largest = np.asarray(abs(F).max(axis=1).todense()).reshape(-1) if F.shape[1] else np.zeros(F.shape[0])
    parts, first = [np.zeros(0)], 0
    for group in cones:
        most = largest[first : first + group.rows].reshape(group.count, group.dimension).max(axis=1, initial=0.0)
        parts.append(np.repeat(np.where(most > 0, most, 1), group.dimension))
        first += group.rows
    return np.concatenate(parts)


@lru_cache(maxsize=KEPT)
def _factorised(
    cones: tuple[Cones, ...], shapes: tuple[tuple[int, ...], ...], parts: tuple[Bytes, ...], bases: tuple[Bytes, ...]
) -> Any:
    """SuperLU of the system in (x̂, ν̂, μ̂, dv, γ, directions); None where it is singular."""
    *given, column, equality, row, active = (part.value for part in parts)
    F, A, G, *P = (csc(given[2 * k], given[2 * k + 1], shape) for k, shape in enumerate(shapes))
    m, r = G.shape[0], F.shape[0]
    D, scale = sparse.diags(column), np.concatenate([equality, active[:m] * row])
    C = sparse.diags(scale) @ sparse.vstack([A, G], format="csc") @ D
    F = F @ D
    H = sparse.diags(np.where(column > 0, DELTA, 1.0)) + (D @ P[0] @ D if P else 0)
    S = sparse.diags(np.maximum(np.concatenate([np.zeros_like(equality), (1 - active[:m]) * row**2]), DELTA))
    E = _blocks(cones, [part.value for part in bases], active[m:])
    one, give = sparse.identity(r), sparse.diags(1 + DELTA * _sizes(F, cones) ** 2)
    lifts = sparse.identity(E.weights.size)
    system = sparse.bmat(
        [
            [H, C.T, None, F.T, None],
            [C, -S, None, None, None],
            [F, None, -one, one, None],
            [None, None, E.own, -give, E.directions @ sparse.diags(E.weights)],
            [None, None, E.directions.T, None, -lifts],
        ],
        format="csc",
    )
    system.eliminate_zeros()
    return best_factor(system)


def solve(
    cones: tuple[Cones, ...],
    matrices: tuple[Any, ...],
    bases: Any,
    scales: tuple[Any, Any, Any],
    active: Any,
    right: Any,
) -> Vector:
    """(x, ν, μ, dv) for the right-hand sides (r_x, r_y, r_z, Q√e r_ω); NaN where the system is singular.

    ``matrices`` are F, A, G and, if there is one, P; ``active`` the mask of the rows of G and the shares of the cones;
    ``scales`` those of the variables, zero at fixed ones, of the rows of A and of the rows of G.
    """
    parts = [np.asarray(part, np.float64) for part in (*scales, active)]
    entries = [part for given in matrices for part in coordinates(given)]
    shapes = tuple(given.shape for given in matrices)
    own = tuple(Bytes(np.asarray(basis, np.float64)) for basis in bases)
    factor = _factorised(cones, shapes, tuple(Bytes(part) for part in (*entries, *parts)), own)
    right, r = np.asarray(right), shapes[0][0]
    scale = np.concatenate(parts[:3])
    if factor is None:
        return np.full(right.size, np.nan, right.dtype)
    padded = np.zeros(factor.shape[0])
    padded[: scale.size] = scale * right[: scale.size]
    padded[scale.size + r : scale.size + 2 * r] = right[scale.size :]
    found = factor.solve(padded)
    return np.concatenate([scale * found[: scale.size], found[scale.size : scale.size + r]]).astype(right.dtype)


def _held_rows(cones: Cones, basis: np.ndarray, e: np.ndarray) -> np.ndarray:
    """Rows (·, d) that span the directions of one cone whose shares (d,) are 1."""
    held = e >= 1
    if held.all():
        return np.eye(cones.dimension)
    if cones.kind == "second_order":
        found: np.ndarray = _poles(basis[None])[0].T[held[:2]]
        return found
    columns = _svec_columns(basis) if cones.kind == "semidefinite" else basis
    return np.asarray(columns[:, held].T)


def rank(cones: tuple[Cones, ...], matrices: tuple[Any, ...], bases: Any, active: Any, free: Any) -> np.ndarray:
    """The rank of [A; active rows of G; the rows of the frame whose share is 1] in the free variables."""
    F, A, G = (csc(*coordinates(given), given.shape) for given in matrices)
    active, m = np.asarray(active), G.shape[0]
    parts = [A, G.tocsr()[active[:m] > 0]]
    for group, first, basis, shares in _groups(cones, bases, active[m:]):
        for k in np.flatnonzero(shares.max(axis=1, initial=0.0) >= 1):
            at = first + k * group.dimension
            parts.append(sparse.csr_matrix(_held_rows(group, basis[k], shares[k])) @ F[at : at + group.dimension])
    return np.asarray(gram_rank(sparse.vstack(parts, format="csr"), np.asarray(free)), np.asarray(free).dtype)
