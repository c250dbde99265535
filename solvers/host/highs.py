"""HiGHS: simplex and interior point for linear programs, an active-set method for quadratic ones (Huangfu, Hall 2018).

Its multipliers have our signs: the row and column duals are the derivatives of the optimal value in the side in force.
"""

from __future__ import annotations

from dataclasses import replace

import highspy
import numpy as np
from scipy import sparse

from karush.solvers.host.program import Answer, HostProgram, Vector, two_sided
from karush.solvers.result import Status


def _linear_part(program: HostProgram) -> highspy.HighsLp:
    rows, lower, upper = two_sided(program)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = program.q.shape[0], rows.shape[0]
    model.col_cost_, model.col_lower_, model.col_upper_ = program.q, program.bound_lower, program.bound_upper
    model.row_lower_, model.row_upper_ = lower, upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = rows.indptr, rows.indices, rows.data
    return model


def _hessian(P: sparse.csc_matrix) -> highspy.HighsHessian:
    lower = sparse.tril(P, format="csc")
    hessian = highspy.HighsHessian()
    hessian.dim_, hessian.format_ = P.shape[0], highspy.HessianFormat.kTriangular
    hessian.start_, hessian.index_, hessian.value_ = lower.indptr, lower.indices, lower.data
    return hessian


def _engine(program: HostProgram, tolerance: float, max_iterations: int | None) -> highspy.Highs:
    engine = highspy.Highs()
    engine.setOptionValue("output_flag", False)
    tolerance = min(max(tolerance, 1e-10), 1e-7)
    engine.setOptionValue("primal_feasibility_tolerance", tolerance)
    engine.setOptionValue("dual_feasibility_tolerance", tolerance)
    if max_iterations is not None:
        for name in ("simplex_iteration_limit", "ipm_iteration_limit", "qp_iteration_limit"):
            engine.setOptionValue(name, max_iterations)
    engine.passModel(_linear_part(program))
    if program.P is not None and program.P.nnz:
        engine.passHessian(_hessian(program.P))
    return engine


def _nothing(program: HostProgram, iterations: int) -> Answer:
    sizes = (program.q.size, program.b.size, program.lower.size, program.q.size, program.g.size)
    x, y, z, w, u = map(np.zeros, sizes)
    return Answer(Status.LIMIT, x, y, z, w, u, iterations)


def _without_solution(engine: highspy.Highs, program: HostProgram, iterations: int) -> Answer:
    """Farkas multipliers or a ray of descent: what presolve does not keep, so the simplex method runs without it."""
    nothing, p = _nothing(program, iterations), program.b.size
    engine.setOptionValue("presolve", "off")
    engine.setOptionValue("solver", "simplex")
    engine.run()
    _, has_multipliers, ray = engine.getDualRay()
    if has_multipliers:
        ray = np.asarray(ray)
        rows, lower, upper = two_sided(program)
        # its sign is a matter of convention: that with a positive value is ours
        candidates = [(sign * ray, -(rows.T @ (sign * ray))) for sign in (1.0, -1.0)]
        value = [_value(v, lower, upper) + _value(c, program.bound_lower, program.bound_upper) for v, c in candidates]
        v, w = candidates[int(np.argmax(value))]
        return replace(nothing, claim=Status.INFEASIBLE, y=v[:p], z=v[p:], w=w)
    _, has_direction, direction = engine.getPrimalRay()
    if has_direction:
        return replace(nothing, claim=Status.UNBOUNDED, x=np.asarray(direction))
    return nothing


def _value(v: Vector, lower: Vector, upper: Vector) -> float:
    side = np.where(v > 0, lower, upper)
    return float(np.where(np.isfinite(side), side, 0) @ v)


def solve(program: HostProgram, tolerance: float, max_iterations: int | None) -> Answer:
    """HiGHS's answer; ``tolerance`` is asked of both feasibilities, between its own limits."""
    engine = _engine(program, tolerance, max_iterations)
    engine.run()
    info, status = engine.getInfo(), engine.getModelStatus()
    counts = (info.simplex_iteration_count, info.ipm_iteration_count, info.qp_iteration_count)
    iterations = sum(max(count, 0) for count in counts)
    kinds = highspy.HighsModelStatus
    if status in (kinds.kInfeasible, kinds.kUnbounded, kinds.kUnboundedOrInfeasible):
        return _without_solution(engine, program, iterations)
    claim = Status.SOLVED if status == kinds.kOptimal else Status.LIMIT
    found = engine.getSolution()
    if not found.value_valid or not found.dual_valid:
        return _nothing(program, iterations)
    p, duals = program.A.shape[0], np.asarray(found.row_dual)
    x, w = np.asarray(found.col_value), np.asarray(found.col_dual)
    return Answer(claim, x, duals[:p], duals[p:], w, np.zeros(0), iterations)
