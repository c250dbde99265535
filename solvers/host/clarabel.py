"""Clarabel: an interior point for quadratic objectives over all the cones (Goulart and Chen, 2024)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import clarabel
import numpy as np
from scipy import sparse

from karush.solvers.forms.cones import Cones
from karush.solvers.host.conic import ConicProgram, conic
from karush.solvers.host.program import Answer, HostProgram
from karush.solvers.result import Status

# What its statuses say.
CLAIMS = {
    "Solved": Status.SOLVED,
    "AlmostSolved": Status.SOLVED,
    "PrimalInfeasible": Status.INFEASIBLE,
    "AlmostPrimalInfeasible": Status.INFEASIBLE,
    "DualInfeasible": Status.UNBOUNDED,
    "AlmostDualInfeasible": Status.UNBOUNDED,
}


# Statuses that say that it reached what it was asked for.
_SETTLED = ("Solved", "PrimalInfeasible", "DualInfeasible")


def _of_kind(cones: Cones, exponents: Iterator[float]) -> Iterator[object]:
    for _ in range(cones.count):
        match cones.kind:
            case "second_order":
                yield clarabel.SecondOrderConeT(cones.dimension)
            case "exponential":
                yield clarabel.ExponentialConeT()
            case "power":
                yield clarabel.PowerConeT(next(exponents))
            case "semidefinite":
                yield clarabel.PSDTriangleConeT(cones.order)


def cones_of(form: ConicProgram) -> list[object]:
    """The cones of the form's rows as Clarabel takes them."""
    exponents = iter(form.program.exponents.tolist())
    plain = [clarabel.ZeroConeT(form.zero)] if form.zero else []
    if form.nonnegative:
        plain.append(clarabel.NonnegativeConeT(form.nonnegative))
    return [*plain, *(cone for cones in form.program.cones for cone in _of_kind(cones, exponents))]


# Where it cannot reach what is asked its iterates get no better after this many, or worse.
_ITERATIONS = 100

# What it finds of infeasible programs is projected afterwards (sharpen.py).
_PROOF = 1e-9

# What it is asked for at most over cones: beyond this it stops where rounding ends it.
_CONES = 1e-12


# What it adds to the diagonal of its systems (its own default), and the share of it that a second run adds: multipliers
# much larger than the data come out wrong with the one, systems near singular fail with the other.
_REGULAR, _LESS = 1e-8, 1e-12


def _settings(program: HostProgram, tolerance: float, max_iterations: int | None, added: float) -> object:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    tolerance = max(tolerance, _CONES) if program.cones else tolerance
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
    settings.tol_infeas_abs = settings.tol_infeas_rel = max(tolerance, _PROOF)
    settings.max_iter = _ITERATIONS if max_iterations is None else max_iterations
    settings.static_regularization_constant = added
    return settings


def solve(program: HostProgram, tolerance: float, max_iterations: int | None) -> Answer:
    """Clarabel's answer; ``tolerance`` is asked of its gap and feasibility alike.

    Where it gets stuck before that a second run adds less to its systems, and is taken if it does not get stuck.
    """
    form, n = conic(program), program.q.shape[0]
    P = sparse.csc_matrix((n, n)) if program.P is None else sparse.triu(program.P, format="csc")

    def run(added: float) -> Any:
        settings = _settings(program, tolerance, max_iterations, added)
        return clarabel.DefaultSolver(P, program.q, form.matrix, form.rhs, cones_of(form), settings).solve()

    found = run(_REGULAR)
    iterations = int(found.iterations)
    if str(found.status) not in _SETTLED and (max_iterations is None or iterations < max_iterations):
        again = run(_LESS)
        iterations += int(again.iterations)
        found = again if str(again.status) in _SETTLED else found
    multipliers = form.multipliers(np.asarray(found.z))
    return Answer(CLAIMS.get(str(found.status), Status.LIMIT), np.asarray(found.x), *multipliers, iterations)
