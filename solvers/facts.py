"""What is known of a quadratic program before it is solved."""

from __future__ import annotations

from math import prod

import jax
from jax.experimental.sparse import BCOO

from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.matrices import Diagonal
from karush.solvers.protocol import Facts
from karush.solvers.residuals import has_bounds


def facts_of(problem: QuadraticProgram, strongly_convex: bool | None = None) -> Facts:
    """What the arrays' shapes say, and what the caller knows of P."""
    m, n = problem.inequality_matrix.shape
    return Facts(
        variables=n,
        equalities=problem.equality_rhs.shape[0],
        inequalities=m,
        bounds=n if has_bounds(problem) else 0,
        has_quadratic=problem.quadratic is not None,
        strongly_convex=strongly_convex,
        nonzeros=_nonzeros(problem),
        has_cones=problem.cone_rows is not None,
        platform=jax.default_backend(),
        has_diagonal=isinstance(problem.quadratic, Diagonal),
        conic=0 if problem.cone_rows is None else problem.cone_rows.offset.shape[0],
    )


def _nonzeros(problem: QuadraticProgram) -> int | None:
    """The number of stored entries where a matrix is sparse."""
    cones = None if problem.cone_rows is None else problem.cone_rows.matrix
    matrices = (problem.quadratic, problem.equality_matrix, problem.inequality_matrix, cones)
    present = [matrix for matrix in matrices if matrix is not None]
    if not any(isinstance(matrix, BCOO) for matrix in present):
        return None
    return sum(matrix.nse if isinstance(matrix, BCOO) else prod(matrix.shape) for matrix in present)
