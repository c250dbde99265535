"""Whether an answer to a large sparse program is right, worked out in NumPy from the data alone (see judge.py)."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from benchmarks.problem_files import SparseProgram


def _terms(matrix: sparse.csr_matrix, vector: np.ndarray) -> np.ndarray:
    """The largest |M_ij v_j| of each row."""
    return np.asarray(abs(matrix @ sparse.diags(vector)).max(axis=1).todense()).ravel()


def _largest(*values: np.ndarray) -> float:
    return max(float(np.max(value, initial=0.0)) for value in values)


def kkt_error(data: SparseProgram, x: np.ndarray, v: np.ndarray) -> float:
    """The worst relative defect of stationarity, feasibility, signs and complementarity; infinite if not a number.

    ``v`` are the signed multipliers of the rows and, after them, of the bounds.
    """
    if not np.isfinite(x).all() or not np.isfinite(v).all():
        return float("inf")
    C = sparse.vstack([data.A, sparse.identity(x.size)], format="csr")
    lower, upper = np.concatenate([data.lower, data.bound_lower]), np.concatenate([data.upper, data.bound_upper])
    value = C @ x
    size = 1 + _terms(C, x)
    primal = np.maximum(np.maximum(lower - value, value - upper), 0) / size
    terms = 1 + np.maximum(np.maximum(_terms(data.P, x), np.abs(data.q)), _terms(C.T.tocsr(), v))
    dual = np.abs(data.P @ x + data.q - C.T @ v) / terms
    weight = _terms(C, 1 / terms) * np.abs(v)
    side = np.where(v > 0, lower, upper)
    there = np.isfinite(side)
    slack = np.where(there, np.abs(value - np.where(there, side, 0)) / size, np.inf)
    return _largest(primal, dual, np.minimum(weight, slack))


def farkas_error(data: SparseProgram, v: np.ndarray) -> float:
    """How far the multipliers, scaled to Σ side·v = 1, are from a proof of Cᵀv = 0; infinite where they are none."""
    C = sparse.vstack([data.A, sparse.identity(data.q.size)], format="csr")
    lower, upper = np.concatenate([data.lower, data.bound_lower]), np.concatenate([data.upper, data.bound_upper])
    side = np.where(v > 0, lower, np.where(v < 0, upper, 0))
    there = np.isfinite(side)
    products = np.where(there, np.where(there, side, 0) * v, 0)
    if not products.sum() > 1e-12 * _largest(np.abs(products)):
        return float("inf")
    terms = _terms(C.T.tocsr(), v)
    wrong = _terms(C.T.tocsr(), np.where(there, 0, v))
    return _largest(np.abs(C.T @ v), wrong) / _largest(terms)
