"""HiGHS: simplex and interior point for linear programs, an active-set method for quadratic ones (Huangfu, Hall 2018).

Its multipliers have our signs: the row and column duals are the derivatives of the optimal value in the side in force.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from karush.solvers.host.program import Answer, HostProgram, Vector, two_sided
from karush.solvers.result import Status

# The strictest tolerance that HiGHS takes.
_STRICTEST = 1e-10

# Its method for quadratic programs adds 1e-7 to the diagonal of P: an optimum beyond this may be the work of that.
_FAR = 1e6


def linear_part(program: HostProgram) -> highspy.HighsLp:
    """The program without its quadratic term as HiGHS takes it."""
    rows, lower, upper = two_sided(program)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = program.q.shape[0], rows.shape[0]
    model.col_cost_, model.col_lower_, model.col_upper_ = program.q, program.bound_lower, program.bound_upper
    model.row_lower_, model.row_upper_ = lower, upper
    model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
    model.a_matrix_.start_, model.a_matrix_.index_, model.a_matrix_.value_ = rows.indptr, rows.indices, rows.data
    return model


def hessian_part(P: sparse.csc_matrix) -> highspy.HighsHessian:
    """The quadratic term as HiGHS takes it."""
    lower = sparse.tril(P, format="csc")
    hessian = highspy.HighsHessian()
    hessian.dim_, hessian.format_ = P.shape[0], highspy.HessianFormat.kTriangular
    hessian.start_, hessian.index_, hessian.value_ = lower.indptr, lower.indices, lower.data
    return hessian


def _engine(program: HostProgram, tolerance: float, max_iterations: int | None) -> highspy.Highs:
    engine = highspy.Highs()
    engine.setOptionValue("output_flag", False)
    tolerance = min(max(0.1 * tolerance, _STRICTEST), 1e-5)
    engine.setOptionValue("primal_feasibility_tolerance", tolerance)
    engine.setOptionValue("dual_feasibility_tolerance", tolerance)
    if max_iterations is not None:
        for name in ("simplex_iteration_limit", "ipm_iteration_limit", "qp_iteration_limit"):
            engine.setOptionValue(name, max_iterations)
    engine.passModel(linear_part(program))
    if program.P is not None and program.P.nnz:
        engine.passHessian(hessian_part(program.P))
    return engine


def _nothing(program: HostProgram, iterations: int) -> Answer:
    sizes = (program.q.size, program.b.size, program.lower.size, program.q.size, program.g.size)
    x, y, z, w, u = map(np.zeros, sizes)
    return Answer(Status.LIMIT, x, y, z, w, u, iterations)


def _relaxed(program: HostProgram) -> HostProgram:
    """The least relaxation of all rows,  min Σ(s + t)  subject to  sides on  [A; G] x + s − t,  bounds on x, s, t ≥ 0.

    Its multipliers satisfy Aᵀy + Gᵀz + w = 0 and their value is that of the relaxation: where it is positive they are a
    Farkas certificate of the program.
    """
    rows, lower, upper = two_sided(program)
    count, n = rows.shape
    identity = sparse.identity(count)
    width = n + 2 * count
    empty = sparse.csc_matrix((0, width))
    return replace(
        program,
        P=None,
        q=np.concatenate([np.zeros(n), np.ones(2 * count)]),
        A=empty,
        b=np.zeros(0),
        G=sparse.hstack([rows, identity, -identity], format="csc"),
        lower=lower,
        upper=upper,
        bound_lower=np.concatenate([program.bound_lower, np.zeros(2 * count)]),
        bound_upper=np.concatenate([program.bound_upper, np.full(2 * count, np.inf)]),
    )


def _descents(program: HostProgram) -> HostProgram:
    """The steepest of the directions d in a box along which the program stays feasible and its objective linear."""
    rows, lower, upper = two_sided(program)
    n = program.q.size
    blocks = [rows] if program.P is None else [rows, program.P]
    more = 0 if program.P is None else n

    def sides(given: Vector, beyond: float) -> Vector:
        return np.where(np.isfinite(given), 0.0, beyond)

    return replace(
        program,
        P=None,
        A=sparse.csc_matrix((0, n)),
        b=np.zeros(0),
        G=sparse.vstack(blocks, format="csc"),
        lower=np.concatenate([sides(lower, -np.inf), np.zeros(more)]),
        upper=np.concatenate([sides(upper, np.inf), np.zeros(more)]),
        bound_lower=sides(program.bound_lower, -1.0),
        bound_upper=sides(program.bound_upper, 1.0),
    )


def _linear_solution(program: HostProgram, tolerance: float) -> Any:
    """(objective, solution) of a linear program that has one; None where HiGHS finds none."""
    engine = _engine(program, tolerance, None)
    engine.run()
    if engine.getModelStatus() != highspy.HighsModelStatus.kOptimal:
        return None
    return engine.getInfo().objective_function_value, engine.getSolution()


def _without_solution(program: HostProgram, tolerance: float, iterations: int) -> Answer:
    """A ray of descent or Farkas multipliers, each from a linear program of its own; neither where it has no value."""
    nothing, p, n = _nothing(program, iterations), program.b.size, program.q.size
    found = _linear_solution(_descents(program), tolerance)
    if found is not None and found[0] < -tolerance:
        return replace(nothing, claim=Status.UNBOUNDED, x=np.asarray(found[1].col_value))
    found = _linear_solution(_relaxed(program), tolerance)
    if found is None or found[0] <= 0:
        return nothing
    v, w = np.asarray(found[1].row_dual), np.asarray(found[1].col_dual)[:n]
    return replace(nothing, claim=Status.INFEASIBLE, y=v[:p], z=v[p:], w=w)


def _widened(program: HostProgram, tolerance: float) -> HostProgram:
    """The program with every side of its rows moved out by the tolerance."""
    rows, lower, upper = two_sided(program)

    def moved(side: Vector, sign: float) -> Vector:
        return np.where(np.isfinite(side), side + sign * tolerance * (1 + np.abs(side)), side)

    empty = sparse.csc_matrix((0, program.q.size))
    return replace(program, A=empty, b=np.zeros(0), G=rows, lower=moved(lower, -1), upper=moved(upper, 1))


def _attempt(program: HostProgram, tolerance: float, max_iterations: int | None) -> Answer:
    """What one run says: a point, or LIMIT with or without one."""
    engine = _engine(program, tolerance, max_iterations)
    engine.run()
    info, found = engine.getInfo(), engine.getSolution()
    counts = (info.simplex_iteration_count, info.ipm_iteration_count, info.qp_iteration_count)
    iterations = sum(max(count, 0) for count in counts)
    if not found.value_valid or not found.dual_valid:
        return _nothing(program, iterations)
    is_optimal = engine.getModelStatus() == highspy.HighsModelStatus.kOptimal
    p, duals = program.b.size, np.asarray(found.row_dual)
    x, w = np.asarray(found.col_value), np.asarray(found.col_dual)
    claim = Status.SOLVED if is_optimal else Status.LIMIT
    return Answer(claim, x, duals[:p], duals[p:], w, np.zeros(0), iterations)


def solve(program: HostProgram, tolerance: float, max_iterations: int | None) -> Answer:
    """HiGHS's answer; ``tolerance`` is asked of both feasibilities, between its own limits.

    Where it finds no optimum, or one so far out that its regularisation of P may be what bounds it, a certificate is
    looked for. Where there is none a program that is feasible but for rounding gets a second run with wider rows.
    """
    found = _attempt(program, tolerance, max_iterations)
    if found.claim == Status.SOLVED and np.abs(found.x).max(initial=0) < _FAR:
        return found
    if max_iterations is not None and found.iterations >= max_iterations:
        return found
    proof = _without_solution(program, tolerance, found.iterations)
    if proof.claim != Status.LIMIT or found.claim == Status.SOLVED:
        return found if proof.claim == Status.LIMIT else proof
    again, p = _attempt(_widened(program, tolerance), tolerance, max_iterations), program.b.size
    return replace(again, y=again.z[:p], z=again.z[p:])
