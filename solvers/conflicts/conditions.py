"""The constraints of a program one side at a time: what can be left out, or relaxed, by itself.

    equation        a·x = b
    lower side      a·x ≥ b
    upper side     −a·x ≥ −b              bounds on x alike, with a unit vector for a

A condition is a position in  [equations (p), lower (m), upper (m), lower bounds (n), upper bounds (n)].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jax.experimental.sparse import BCOO

from karush.solvers.forms.cones import ConeRows
from karush.solvers.forms.quadratic import Point, QuadraticProgram
from karush.solvers.matrices import Matrix
from karush.solvers.residuals import bound_sides, row_sides

Array = np.ndarray

FEASIBLE = 1e-7
"""A point satisfies a condition if its defect is at most this part of 1 + the condition's largest term."""


@dataclass(frozen=True)
class Conditions:
    """All conditions: ``matrix`` [A; G] (p + m, n), the ``side`` b (K,) of each, and whether it is ``present`` (K,).

    Beside them ``cone_rows`` always hold: see gaps.py for how a cone becomes a condition.
    """

    matrix: Array
    equations: int
    side: Array
    present: Array
    cone_rows: ConeRows | None = None

    @property
    def variables(self) -> int:
        """The number n of variables."""
        return int(self.matrix.shape[1])

    @property
    def inequalities(self) -> int:
        """The number m of two-sided rows."""
        return int(self.matrix.shape[0]) - self.equations

    @cached_property
    def sign(self) -> Array:
        """1, and −1 for upper sides, (K,)."""
        p, m, n = self.equations, self.inequalities, self.variables
        return np.repeat([1.0, 1.0, -1.0, 1.0, -1.0], [p, m, m, n, n])

    @cached_property
    def row(self) -> Array:
        """The row of [A; G; I] that a condition is about, (K,)."""
        p, m, n = self.equations, self.inequalities, self.variables
        rows, bounds = p + np.arange(m), p + m + np.arange(n)
        return np.concatenate([np.arange(p), rows, rows, bounds, bounds])

    @cached_property
    def is_equation(self) -> Array:
        """Which are equations, (K,)."""
        return np.arange(len(self.side)) < self.equations

    @cached_property
    def is_bound(self) -> Array:
        """Which are bounds on one variable, (K,)."""
        return self.row >= len(self.matrix)

    def rows(self, members: Array) -> Array:
        """The vectors a of some conditions, (k, n), without their signs."""
        found = np.zeros((len(members), self.variables))
        at = self.row[members]
        bound = self.is_bound[members]
        found[~bound] = self.matrix[at[~bound]]
        found[np.flatnonzero(bound), at[bound] - len(self.matrix)] = 1.0
        return found

    def weights(self, point: Point) -> Array:
        """The multipliers of a point by condition, (K,): nonnegative, but for equations."""
        z = np.asarray(point.z)
        w = np.zeros(self.variables) if point.w is None else np.asarray(point.w)
        sides = [np.maximum(z, 0), np.maximum(-z, 0), np.maximum(w, 0), np.maximum(-w, 0)]
        return np.concatenate([np.asarray(point.y), *sides])

    def crossing(self) -> Array | None:
        """Weights of the lower and the upper side that contradict each other most, None if none do."""
        p, m, n = self.equations, self.inequalities, self.variables
        lower = np.concatenate([np.arange(p, p + m), np.arange(p + 2 * m, p + 2 * m + n)])
        upper = lower + np.repeat([m, n], [m, n])
        width = 1 + np.maximum(np.abs(self.side[lower]), np.abs(self.side[upper]))
        excess = (self.side[lower] - self.side[upper]) / width
        excess = np.where(self.present[lower] & self.present[upper], excess, 0)
        if not len(excess) or excess.max() <= FEASIBLE:
            return None
        worst = int(np.argmax(excess))
        weights = np.zeros(len(self.side))
        weights[[lower[worst], upper[worst]]] = 1 / (excess[worst] * width[worst])
        return weights


def _dense(matrix: Matrix) -> Array:
    return np.asarray(matrix.todense() if isinstance(matrix, BCOO) else matrix)


def conditions_of(problem: QuadraticProgram) -> Conditions:
    """The conditions of a program with numbers in it."""
    rows, bounds = row_sides(problem), bound_sides(problem)
    sides = [problem.equality_rhs, rows.lower, rows.upper, bounds.lower, bounds.upper]
    masks = [rows.has_lower, rows.has_upper, bounds.has_lower, bounds.has_upper]
    there = np.ones(len(problem.equality_rhs), bool)
    matrix = np.concatenate([_dense(problem.equality_matrix), _dense(problem.inequality_matrix)])
    return Conditions(
        matrix=np.asarray(matrix, float),
        equations=len(there),
        side=np.concatenate([np.asarray(side, float) for side in sides]),
        present=np.concatenate([there, *(np.asarray(mask) for mask in masks)]),
        cone_rows=problem.cone_rows,
    )
