"""SCS: operator splitting on the homogeneous embedding, quadratic objectives over all the cones (O'Donoghue, 2021)."""

from __future__ import annotations

import numpy as np
import scs
from scipy import sparse

from karush.solvers.forms.cones import Cones
from karush.solvers.host.conic import ConicProgram, conic
from karush.solvers.host.program import Answer, HostProgram, RefusedDataError, Vector
from karush.solvers.result import Status

# A method of first order: what it reaches in reasonable time; the refinement on the active rows does the rest.
_COARSE = 1e-7
_ITERATIONS = 20_000

# The order in which SCS wants its cones.
_ORDER = ("second_order", "semidefinite", "exponential", "power")

# What its statuses say.
CLAIMS = {
    1: Status.SOLVED,
    2: Status.SOLVED,
    -1: Status.UNBOUNDED,
    -6: Status.UNBOUNDED,
    -2: Status.INFEASIBLE,
    -7: Status.INFEASIBLE,
}


def _lower_triangle(order: int) -> np.ndarray:
    """Where the lower triangle column by column (SCS) stands in the lower triangle row by row (ours)."""
    rows, columns = np.tril_indices(order)
    place = np.zeros((order, order), int)
    place[rows, columns] = np.arange(rows.size)
    return place.T[np.triu_indices(order)]


def _arrangement(cones: tuple[Cones, ...], first: int) -> np.ndarray:
    """Our rows in SCS's order, counted from ``first``."""
    starts = first + np.concatenate([[0], np.cumsum([group.rows for group in cones])]).astype(int)
    found: list[np.ndarray] = []
    for kind in _ORDER:
        for group, start in zip(cones, starts, strict=False):
            if group.kind == kind:
                within = _lower_triangle(group.order) if kind == "semidefinite" else np.arange(group.dimension)
                found += [start + k * group.dimension + within for k in range(group.count)]
    return np.concatenate([np.arange(first), *found]).astype(int)


def _sizes(cones: tuple[Cones, ...], kind: str) -> list[int]:
    groups = [group for group in cones if group.kind == kind]
    return [group.order if kind == "semidefinite" else group.dimension for group in groups for _ in range(group.count)]


def _cones(program: HostProgram, zero: int, nonnegative: int) -> dict[str, object]:
    cones = program.cones
    exponential = sum(group.count for group in cones if group.kind == "exponential")
    return {
        "z": zero,
        "l": nonnegative,
        "q": _sizes(cones, "second_order"),
        "s": _sizes(cones, "semidefinite"),
        "ep": exponential,
        "p": program.exponents.tolist(),
    }


def arranged(form: ConicProgram) -> tuple[dict[str, object], dict[str, object], np.ndarray]:
    """(data, cones, order) as SCS takes the program; its row k is our row ``order[k]``."""
    program = form.program
    order = _arrangement(program.cones, form.zero + form.nonnegative)
    n = program.q.shape[0]
    P = sparse.csc_matrix((n, n)) if program.P is None else sparse.triu(program.P, format="csc")
    data = {"P": P, "A": form.matrix[order].tocsc(), "b": form.rhs[order], "c": program.q}
    return data, _cones(program, form.zero, form.nonnegative), order


def solve(program: HostProgram, tolerance: float, max_iterations: int | None) -> Answer:
    """SCS's answer. Raises RefusedDataError where it cannot set itself up: a P that is not positive semidefinite."""
    form = conic(program)
    data, cones, order = arranged(form)
    tolerance = max(tolerance, _COARSE)
    try:
        engine = scs.SCS(
            data,
            cones,
            verbose=False,
            eps_abs=tolerance,
            eps_rel=tolerance,
            eps_infeas=tolerance,
            max_iters=_ITERATIONS if max_iterations is None else max_iterations,
        )
    except ValueError as error:
        raise RefusedDataError(str(error)) from error
    found = engine.solve()
    claim = CLAIMS.get(int(found["info"]["status_val"]), Status.LIMIT)
    v: Vector = np.zeros(order.size)
    v[order] = found["y"]
    return Answer(claim, np.asarray(found["x"]), *form.multipliers(v), int(found["info"]["iter"]))
