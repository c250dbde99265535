"""The answer of one of several host solvers, as a callback gives it."""

from __future__ import annotations

from typing import Any

import numpy as np

from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.host.program import Answer, RefusedDataError, Vector, host_program
from karush.solvers.host.registry import HOST_SOLVERS
from karush.solvers.host.sharpen import sharpened
from karush.solvers.residuals import has_bounds
from karush.solvers.result import Status


def _finite(values: Vector) -> Vector:
    return np.where(np.isfinite(values), values, 0)


def _nothing(problem: QuadraticProgram) -> Answer:
    n = problem.linear.shape[0]
    p, m = problem.equality_rhs.shape[0], problem.inequality_matrix.shape[0]
    r = 0 if problem.cone_rows is None else problem.cone_rows.offset.shape[0]
    return Answer(Status.LIMIT, np.zeros(n), np.zeros(p), np.zeros(m), np.zeros(n), np.zeros(r), 0)


def answer(
    names: tuple[str, ...],
    tolerance: float,
    max_iterations: int | None,
    problem: QuadraticProgram,
    attempt: Any,
    wanted: Any,
) -> tuple[np.ndarray, np.ndarray, Point]:
    """(claim, iterations, point or certificate) of the solver ``names[attempt]``; nothing where it is not wanted.

    What is not finite is zero: the claim that goes with it will not verify.
    """
    found = _nothing(problem)
    if bool(wanted):
        solver = next(solver for solver in HOST_SOLVERS if solver.name == names[int(np.asarray(attempt))])
        program = host_program(problem)
        try:
            found = sharpened(program, solver.answer(program, tolerance, max_iterations))
        except RefusedDataError:  # the data of one lane must not end the batch
            found = _nothing(problem)
    dtype = problem.linear.dtype
    parts: list[Any] = [_finite(part).astype(dtype) for part in (found.x, found.y, found.z, found.w, found.u)]
    x, y, z, w, u = parts
    point = Point(x, y, z, w if has_bounds(problem) else None, None if problem.cone_rows is None else u)
    return np.asarray(found.claim, np.int32), np.asarray(found.iterations, np.int32), point
