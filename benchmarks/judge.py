"""Whether what a solver said is right, worked out in NumPy from the data alone.

Multipliers v of all rows C = (A, G, I) are signed: the Lagrangian is ½x'Px + q'x − v'(Cx − side), v > 0 presses on the
lower side. Every defect is relative to the largest term of its own row.
"""

from __future__ import annotations

import numpy as np

from benchmarks.families import Batch, times, transposed


def all_rows(data: Batch) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Equations, rows and bounds as one family: (C, lower, upper)."""
    lanes, n = data.q.shape
    C = np.concatenate([data.A, data.G, np.broadcast_to(np.eye(n), (lanes, n, n))], axis=1)
    lower = np.concatenate([data.b, data.lower, data.bound_lower], axis=1)
    return C, lower, np.concatenate([data.b, data.upper, data.bound_upper], axis=1)


def _largest(values: np.ndarray) -> np.ndarray:
    """The largest entry of each lane, 0 if it has none; NaN if one is NaN."""
    return values.reshape(len(values), -1).max(axis=1, initial=0.0)


def kkt_error(data: Batch, x: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Each lane's worst defect of stationarity, feasibility, signs and complementarity; infinite if not a number.

    A row's defect is over 1 + its largest term. A multiplier counts by what stationarity would lose without it, and
    complementarity is the smaller of that and the slack.
    """
    C, lower, upper = all_rows(data)
    P = np.zeros((*data.q.shape, data.q.shape[1])) if data.P is None else data.P
    with np.errstate(invalid="ignore", over="ignore"):
        value = times(C, x)
        size = 1 + np.abs(C * x[:, None, :]).max(axis=2)
        primal = np.maximum(np.maximum(lower - value, value - upper), 0) / size
        gradient = times(P, x) + data.q
        terms = np.maximum(np.abs(P * x[:, None, :]).max(axis=2), np.abs(data.q))
        terms = 1 + np.maximum(terms, np.abs(C * v[:, :, None]).max(axis=1, initial=0.0))
        dual = np.abs(gradient - transposed(C, v)) / terms
        weight = (np.abs(C) / terms[:, None, :]).max(axis=2) * np.abs(v)
        side = np.where(v > 0, lower, upper)
        slack = np.where(np.isfinite(side), np.abs(value - np.where(np.isfinite(side), side, 0)) / size, np.inf)
        error = np.maximum(np.maximum(_largest(primal), _largest(dual)), _largest(np.minimum(weight, slack)))
    return np.where(np.isfinite(error), error, np.inf)


def farkas_error(data: Batch, v: np.ndarray) -> np.ndarray:
    """How far the multipliers are from a proof of C'v = 0 with Σ side·v = 1, the largest product being the scale."""
    C, lower, upper = all_rows(data)
    side = np.where(v > 0, lower, np.where(v < 0, upper, 0))
    with np.errstate(invalid="ignore", divide="ignore"):
        products = np.where(v == 0, 0, side * v)
        value = products.sum(axis=1)
        error = _largest(np.abs(transposed(C, v))) / _largest(np.abs(C * v[:, :, None]))
        error = np.maximum(error, np.abs(value - 1))
        proof = value > 1e-12 * _largest(np.abs(products))
    return np.where(np.isfinite(error) & proof, error, np.inf)


def ray_error(data: Batch, d: np.ndarray) -> np.ndarray:
    """How far the direction is from Pd = 0, q'd = −1, and from leaving no row; rows of unit length, d of length 1."""
    C, lower, upper = all_rows(data)
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = np.sum(data.q * d, axis=1)
        length = np.linalg.norm(d, axis=1, keepdims=True)
        unit = np.linalg.norm(C, axis=2) * length
        moved = times(C, d) / np.where(unit > 0, unit, 1)
        leaving = np.maximum(np.where(np.isfinite(lower), -moved, 0), np.where(np.isfinite(upper), moved, 0))
        error = np.maximum(_largest(leaving), np.abs(slope + 1))
        if data.P is not None:
            scale = np.linalg.norm(data.P, axis=2).max(axis=1, keepdims=True) * length
            error = np.maximum(error, _largest(np.abs(times(data.P, d)) / scale))
        falls = slope < -1e-12 * _largest(np.abs(data.q * d))
    return np.where(np.isfinite(error) & falls, error, np.inf)
