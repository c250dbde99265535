"""Host solvers called by themselves, with nothing of karush around them: the packages' own time on a program.

Each takes the program in the form that it wants, which is made before the clock starts. Clarabel, HiGHS and moreau run
at their defaults; moreau's choose its active set for small programs, so its interior point is called as well. OSQP and
SCS are asked for 1e-7: their own defaults, 1e-3 and 1e-4, are no answer to a question about 1e-6.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

import clarabel
import highspy
import numpy as np
import osqp
import scs
from scipy import sparse

from benchmarks.set_rows import clock
from karush.solvers.host import clarabel as clarabel_host
from karush.solvers.host import highs as highs_host
from karush.solvers.host import osqp as osqp_host
from karush.solvers.host import scs as scs_host
from karush.solvers.host.conic import ConicProgram, conic
from karush.solvers.host.program import Answer, HostProgram, two_sided
from karush.solvers.result import Status

# what OSQP and SCS are asked for, and how many iterations they may take
ASKED, ITERATIONS = 1e-7, 100_000


def _triangle(program: HostProgram) -> sparse.csc_matrix:
    n = program.q.size
    return sparse.csc_matrix((n, n)) if program.P is None else sparse.triu(program.P, format="csc")


def _answer(claim: Status, x: Any, parts: tuple[Any, ...], iterations: int) -> Answer:
    return Answer(claim, np.asarray(x, float), *(np.asarray(part, float) for part in parts), iterations)


def _clarabel(program: HostProgram) -> tuple[Answer, float]:
    form, P = conic(program), _triangle(program)
    cones = clarabel_host.cones_of(form)
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    begin = clock()
    found = clarabel.DefaultSolver(P, program.q, form.matrix, form.rhs, cones, settings).solve()
    seconds = clock() - begin
    claim = clarabel_host.CLAIMS.get(str(found.status), Status.LIMIT)
    return _answer(claim, found.x, form.multipliers(np.asarray(found.z)), int(found.iterations)), seconds


def _highs(program: HostProgram) -> tuple[Answer, float]:
    model = highs_host.linear_part(program)
    hessian = highs_host.hessian_part(program.P) if program.P is not None and program.P.nnz else None
    begin = clock()
    engine = highspy.Highs()
    engine.setOptionValue("output_flag", False)
    engine.passModel(model)
    if hessian is not None:
        engine.passHessian(hessian)
    engine.run()
    found, status = engine.getSolution(), engine.getModelStatus()
    seconds = clock() - begin
    n, p = program.q.size, program.b.size
    x, duals, w = (np.asarray(value) for value in (found.col_value, found.row_dual, found.col_dual))
    kinds = highspy.HighsModelStatus
    claim = {kinds.kOptimal: Status.SOLVED, kinds.kInfeasible: Status.INFEASIBLE}.get(status, Status.LIMIT)
    if claim == Status.INFEASIBLE:
        x, duals, w = _highs_proof(engine, program)
    elif not found.value_valid or not found.dual_valid:
        x, duals, w = np.full(n, np.nan), np.zeros(p + program.lower.size), np.zeros(n)
    return _answer(claim, x, (duals[:p], duals[p:], w, np.zeros(0)), 0), seconds


def _highs_proof(engine: Any, program: HostProgram) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The dual ray that HiGHS has, with the multipliers of the bounds that belong to it; zeros where it has none."""
    rows, n = two_sided(program)[0], program.q.size
    _, has_ray, ray = engine.getDualRay()
    ray = np.asarray(ray) if has_ray else np.zeros(rows.shape[0])
    return np.zeros(n), ray, -(rows.T @ ray)


def _osqp(program: HostProgram) -> tuple[Answer, float]:
    n, p, m = program.q.size, program.A.shape[0], program.G.shape[0]
    rows, lower, upper = two_sided(program)
    rows = sparse.vstack([rows, sparse.identity(n)], format="csc")
    lower, upper = np.concatenate([lower, program.bound_lower]), np.concatenate([upper, program.bound_upper])
    P = _triangle(program)
    asked = {name: ASKED for name in ("eps_abs", "eps_rel", "eps_prim_inf", "eps_dual_inf")}
    begin = clock()
    engine = osqp.OSQP()
    engine.setup(P, program.q, rows, lower, upper, verbose=False, max_iter=ITERATIONS, **asked)
    found = engine.solve(raise_error=False)
    seconds = clock() - begin
    claim = osqp_host.CLAIMS.get(str(found.info.status), Status.LIMIT)
    v = -np.asarray(found.prim_inf_cert if claim == Status.INFEASIBLE else found.y, float)
    return _answer(claim, found.x, (v[:p], v[p : p + m], v[p + m :], np.zeros(0)), int(found.info.iter)), seconds


def _scs(program: HostProgram) -> tuple[Answer, float]:
    form = conic(program)
    data, cones, order = scs_host.arranged(form)
    asked = {name: ASKED for name in ("eps_abs", "eps_rel", "eps_infeas")}
    begin = clock()
    found = scs.SCS(data, cones, verbose=False, max_iters=ITERATIONS, **asked).solve()
    seconds = clock() - begin
    claim = scs_host.CLAIMS.get(int(found["info"]["status_val"]), Status.LIMIT)
    v = np.zeros(order.size)
    v[order] = found["y"]
    return _answer(claim, found["x"], form.multipliers(v), int(found["info"]["iter"])), seconds


# the order of moreau's cones, and what it calls them
_MOREAU = ("second_order", "exponential", "power", "semidefinite")


def _moreau_cones(form: ConicProgram, cones: Any) -> tuple[Any, np.ndarray]:
    """(cones, order): its row k is row ``order[k]`` of the form."""
    program, start = form.program, form.zero + form.nonnegative
    places: dict[str, list[np.ndarray]] = {kind: [] for kind in _MOREAU}
    dims: dict[str, list[int]] = {kind: [] for kind in _MOREAU}
    for group in program.cones:
        places[group.kind].append(np.arange(start, start + group.rows))
        dims[group.kind] += [group.order if group.kind == "semidefinite" else group.dimension] * group.count
        start += group.rows
    order = np.concatenate([np.arange(form.zero + form.nonnegative), *(at for kind in _MOREAU for at in places[kind])])
    made = cones(
        num_zero_cones=form.zero,
        num_nonneg_cones=form.nonnegative,
        so_cone_dims=dims["second_order"],
        num_exp_cones=len(dims["exponential"]),
        power_alphas=program.exponents.tolist(),
        psd_dims=dims["semidefinite"],
    )
    return made, order.astype(int)


def _moreau(solver: str, program: HostProgram) -> tuple[Answer, float]:
    moreau = importlib.import_module("moreau")
    form, n = conic(program), program.q.size
    P = sparse.csr_matrix((n, n)) if program.P is None else program.P.tocsr()
    cones, order = _moreau_cones(form, moreau.Cones)
    matrix, rhs = form.matrix.tocsr()[order], form.rhs[order]
    begin = clock()
    engine = moreau.Solver(P, program.q, matrix, rhs, cones, moreau.Settings(device="cpu", solver=solver))
    found = engine.solve()
    seconds = clock() - begin
    claim = clarabel_host.CLAIMS.get(engine.info.status.name, Status.LIMIT)
    v = np.zeros(order.size)
    v[order] = np.asarray(found.z)
    return _answer(claim, found.x, form.multipliers(v), int(engine.info.iterations)), seconds


DIRECT: dict[str, Callable[[HostProgram], tuple[Answer, float]]] = {
    "clarabel": _clarabel,
    "highs": _highs,
    "osqp": _osqp,
    "scs": _scs,
    "moreau": partial(_moreau, "auto"),
    "moreau_ipm": partial(_moreau, "ipm"),
}


def available() -> tuple[str, ...]:
    """Those that are installed."""
    return tuple(name for name in DIRECT if not name.startswith("moreau") or find_spec("moreau") is not None)
