"""Whether a sparse matrix lies in a set of the language: by its stored entries, and by 0 where one is not stored.

Sets of single entries need one representative of the zeros. A symmetric matrix is compared with its transpose entry by
entry. A large psd matrix is held against Gershgorin's discs, which show that it is one, and a Ritz value of Lanczos'
method, which shows that it is none; where neither shows anything it is trusted.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from karush.data.given import Pattern, SparseMatrix
from karush.data.membership import PSD_RELATIVE, RELATIVE, TESTS, Violation, largest, show
from karush.data.sparse import summed

BY_ENTRY = frozenset(("nonneg", "nonpos", "pos", "neg", "box"))
BY_STORED = frozenset(("ball", "l1_ball", "linf_ball", "simplex"))
SPECTRAL = frozenset(("psd", "pd"))
DENSE_EIGENVALUES = 2**20
"""Up to so many positions the eigenvalues are those of the dense matrix."""

LANCZOS_STEPS = 60


def sparse_violation(name: str, value: SparseMatrix, arguments: Sequence[np.ndarray]) -> Violation | None:
    """How the matrix lies outside of the set of that name; what cannot be told without its dense form is trusted."""
    scalars = all(np.ndim(argument) == 0 for argument in arguments)
    if name in BY_ENTRY and scalars:
        return _by_entry(name, value, arguments)
    if name in BY_STORED:
        return TESTS[name](value.entries, arguments)
    if name == "sym":
        return _asymmetry(value)
    if name in SPECTRAL:
        return _asymmetry(value) or _indefiniteness(name, value)
    if name not in TESTS or not value.pattern.small:
        return None
    return TESTS[name](value.pattern.dense(value.entries), arguments)


def _by_entry(name: str, value: SparseMatrix, arguments: Sequence[np.ndarray]) -> Violation | None:
    pattern = value.pattern
    whole = pattern.full
    violation = TESTS[name](value.entries if whole else np.append(value.entries, 0.0), arguments)
    if violation is None:
        return None
    (k,), said, expected = violation
    if k < len(value.entries):
        return (int(pattern.rows[k]), int(pattern.cols[k])), said, expected
    return first_absent(pattern), said + ", as every entry that is not stored", expected


def first_absent(pattern: Pattern) -> tuple[int, int]:
    """The first position that is not stored, of a pattern that is not full."""
    n = pattern.shape[1]
    gaps = np.flatnonzero(pattern.rows * n + pattern.cols != np.arange(len(pattern.rows)))
    return divmod(int(gaps[0]) if len(gaps) else len(pattern.rows), n)


def _asymmetry(value: SparseMatrix) -> Violation | None:
    pattern, entries = value.pattern, value.entries
    m, n = pattern.shape
    if m != n:
        return (), f"has the shape {pattern.shape}", "a symmetric matrix is expected"
    rows, cols = pattern.rows, pattern.cols
    both = np.concatenate([rows, cols]), np.concatenate([cols, rows]), np.concatenate([entries, -entries])
    gap = summed(*both, pattern.shape)
    assert gap.pattern is not None
    if np.max(np.abs(gap.array), initial=0.0) <= RELATIVE * largest(entries):
        return None
    k = int(np.argmax(np.abs(gap.array)))
    i, j = int(gap.pattern.rows[k]), int(gap.pattern.cols[k])
    said = f"is {show(entry(value, i, j))}, but the entry [{j}, {i}] is {show(entry(value, j, i))}"
    return (i, j), said, "a symmetric matrix is expected"


def entry(value: SparseMatrix, row: int, column: int) -> float:
    """One entry of the matrix."""
    return float(value.entries[(value.pattern.rows == row) & (value.pattern.cols == column)].sum())


def _indefiniteness(name: str, value: SparseMatrix) -> Violation | None:
    pattern = value.pattern
    n = pattern.shape[0]
    if n * n <= DENSE_EIGENVALUES:
        return TESTS[name](pattern.dense(value.entries), ())
    strict = name == "pd"
    slack = 0.0 if strict else PSD_RELATIVE * largest(value.entries)
    if gershgorin(value) > -slack:
        return None
    least = ritz_value(value)
    if least > 0 or (not strict and least >= -slack):
        return None
    expected = f"a symmetric matrix with eigenvalues {'> 0' if strict else '>= 0'} is expected"
    return (), f"has an eigenvalue of at most {show(least)}", expected


def gershgorin(value: SparseMatrix) -> float:
    """min_i a_ii − Σ_j≠i |a_ij|: no eigenvalue is less."""
    pattern, n = value.pattern, value.shape[0]
    own = pattern.rows == pattern.cols
    diagonal = np.bincount(pattern.rows[own], value.entries[own], minlength=n)
    radius = np.bincount(pattern.rows[~own], np.abs(value.entries[~own]), minlength=n)
    return float(np.min(diagonal - radius))


def ritz_value(value: SparseMatrix) -> float:
    """The least Ritz value of some steps of Lanczos' method: no less than the least eigenvalue, up to rounding."""
    pattern, n = value.pattern, value.shape[0]
    vector = np.cos(1.0 + np.arange(n))
    vector /= np.linalg.norm(vector)
    before, beta = np.zeros(n), 0.0
    diagonal: list[float] = []
    beside: list[float] = []
    for _ in range(min(LANCZOS_STEPS, n)):
        image = np.bincount(pattern.rows, value.entries * vector[pattern.cols], minlength=n) - beta * before
        alpha = float(vector @ image)
        image -= alpha * vector
        diagonal.append(alpha)
        beta = float(np.linalg.norm(image))
        if beta <= 1e-12 * max(map(abs, diagonal)):
            break
        beside.append(beta)
        before, vector = vector, image / beta
    size = len(diagonal)
    off = np.diag(beside[: size - 1], 1) if size > 1 else 0.0
    return float(np.linalg.eigvalsh(np.diag(diagonal) + off + np.transpose(off))[0])
