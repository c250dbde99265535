"""Quadratic programs with rows in cones solved by Clarabel: the independent answer, in the form's own signs."""

from __future__ import annotations

from typing import Any

import clarabel
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sp

from karush.compiler.analyse import analyse_text
from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.lower import lower
from karush.compiler.lowering.recover import Recovery
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.protocol import Settings

TOLERANCES = (1e-10, 1e-8)
"""What Clarabel is asked for, and what it is asked for where it cannot do that."""


class _Rows:
    """Rows h − M x ∈ K one below the other, as Clarabel takes them."""

    def __init__(self) -> None:
        self.matrices: list[np.ndarray] = []
        self.sides: list[np.ndarray] = []
        self.cones: list[Any] = []

    def add(self, matrix: np.ndarray, side: np.ndarray, cone: Any) -> None:
        if len(side):
            self.matrices.append(matrix)
            self.sides.append(side)
            self.cones.append(cone)


def _cone(kind: str, dimension: int, order: int, exponent: float) -> Any:
    match kind:
        case "second_order":
            return clarabel.SecondOrderConeT(dimension)
        case "exponential":
            return clarabel.ExponentialConeT()
        case "power":
            return clarabel.PowerConeT(exponent)
        case _:
            return clarabel.PSDTriangleConeT(order)


def clarabel_point(problem: QuadraticProgram) -> Point:
    """The primal-dual solution; fails unless Clarabel says that it has solved the problem."""
    size = problem.linear.shape[0]
    rows = _Rows()
    equations = np.asarray(problem.equality_rhs)
    rows.add(np.asarray(problem.equality_matrix), equations, clarabel.ZeroConeT(len(equations)))
    sided = (
        (problem.inequality_matrix, problem.upper, problem.has_upper, 1),
        (problem.inequality_matrix, problem.lower, problem.has_lower, -1),
        (jnp.eye(size), problem.bound_upper, problem.has_bound_upper, 1),
        (jnp.eye(size), problem.bound_lower, problem.has_bound_lower, -1),
    )
    kept = []
    for matrix, side, present, sign in sided:
        mask = np.zeros(len(matrix), bool) if side is None else np.ones(len(matrix), bool)
        places = np.flatnonzero(mask if present is None else mask & np.asarray(present))
        kept.append(places)
        if side is not None:
            values = sign * np.asarray(side)[places]
            rows.add(sign * np.asarray(matrix)[places], values, clarabel.NonnegativeConeT(len(places)))
    if problem.cone_rows is not None:
        matrix, offset = np.asarray(problem.cone_rows.matrix), np.asarray(problem.cone_rows.offset)
        for cones, place, powers in problem.cone_rows.groups():
            exponents = np.asarray(problem.cone_rows.exponents)[powers]
            for k in range(cones.count):
                at = slice(place.start + k * cones.dimension, place.start + (k + 1) * cones.dimension)
                exponent = float(exponents[k]) if len(exponents) else 0.5
                rows.add(-matrix[at], offset[at], _cone(cones.kind, cones.dimension, cones.order, exponent))
    return _solved(problem, rows, kept)


def _solved(problem: QuadraticProgram, rows: _Rows, kept: list[np.ndarray]) -> Point:
    size, number = problem.linear.shape[0], problem.inequality_matrix.shape[0]
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    quadratic = np.zeros((size, size)) if problem.quadratic is None else np.asarray(problem.quadratic)
    matrix = sp.csc_matrix(np.concatenate([np.zeros((0, size)), *rows.matrices]))
    sides = np.concatenate([np.zeros(0), *rows.sides])
    linear = np.asarray(problem.linear)
    upper = sp.triu(sp.csc_matrix(quadratic)).tocsc()
    for tolerance in TOLERANCES:
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = tolerance
        solution = clarabel.DefaultSolver(upper, linear, matrix, sides, rows.cones, settings).solve()
        if str(solution.status) == "Solved":
            break
    assert str(solution.status) == "Solved", solution.status
    multipliers = np.asarray(solution.z)
    at = len(problem.equality_rhs)
    y, z, w = -multipliers[:at], np.zeros(number), np.zeros(size)
    for places, target, sign in zip(kept, (z, z, w, w), (-1, 1, -1, 1), strict=True):
        target[places] += sign * multipliers[at : at + len(places)]
        at += len(places)
    bounded = problem.bound_lower is not None or problem.bound_upper is not None
    u = None if problem.cone_rows is None else jnp.asarray(multipliers[at:])
    x = jnp.asarray(np.asarray(solution.x))
    return Point(x, jnp.asarray(y), jnp.asarray(z), jnp.asarray(w) if bounded else None, u)


def compiled(text: str, dims: dict[str, int]) -> Compiled:
    """A model compiled for these sizes."""
    analysis = analyse_text(text)
    assert analysis.model is not None, [finding.message for finding in analysis.diagnostics]
    return lower(analysis.whole, analysis.parts, dims, Settings(), jnp.float64)


class Answer:
    """Vars, duals by label and the stated objective of a model, by Clarabel."""

    def __init__(self, text: str, dims: dict[str, int], params: dict[str, Any]) -> None:
        self.compiled = compiled(text, dims)
        self.form = self.compiled.form
        assert self.form is not None
        arrays = {name: jnp.asarray(value) for name, value in params.items()}
        self.program = jax.jit(self.compiled.template)(arrays)
        self.point = clarabel_point(self.program)
        x = self.point.x
        curved = 0.0 if self.program.quadratic is None else 0.5 * x @ self.program.quadratic @ x
        self.objective = float(self.form.sign * (curved + self.program.linear @ x + self.program.constant))
        self.values = self.form.layout.split(x)
        self.duals = Recovery(self.form).duals(self.point)
