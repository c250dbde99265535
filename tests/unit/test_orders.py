"""The order of the unknowns in the sparse KKT system, where a row is full and where none is."""

import numpy as np
import pytest
from scipy import sparse

from karush.solvers.host import sparse_system


@pytest.mark.parametrize("full", [0, 2])
def test_a_system_with_full_rows_is_solved_as_well(full: int) -> None:
    rng, n = np.random.default_rng(0), 500
    rows = sparse.csc_matrix(rng.random((full, n)))
    chain = sparse.diags([np.ones(n), -np.ones(n - 1)], [0, 1], format="csc")[: n - 1 : 5]
    matrices = sparse.vstack([chain, rows]), sparse.csc_matrix((0, n)), sparse.identity(n)
    count = matrices[0].shape[0]
    scales = np.ones(n), np.ones(count), np.zeros(0)
    right = rng.normal(size=n + count)
    found = sparse_system.solve(tuple(map(coordinates, matrices)), scales, np.zeros(0), right)
    x, y = found[:n], found[n:]
    np.testing.assert_allclose(x + matrices[0].T @ y, right[:n], atol=1e-6)
    np.testing.assert_allclose(matrices[0] @ x, right[n:], atol=1e-4)


class Coordinates:
    """What of a BCOO matrix is looked at."""

    def __init__(self, matrix: sparse.coo_matrix) -> None:
        self.data, self.shape = matrix.data, matrix.shape
        self.indices = np.stack([matrix.row, matrix.col], axis=1)


def coordinates(matrix: sparse.spmatrix) -> Coordinates:
    return Coordinates(matrix.tocoo())
