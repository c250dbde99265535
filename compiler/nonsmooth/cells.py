"""Cones of directions in which a program keeps to one piece, found by deciding its comparisons one after the other.

At a tie a comparison of a and b is decided by the sign of (∇a − ∇b)·d. A sequence of decisions is possible where the
open cone {d : s_j w_j·d > 0} is not empty; a linear program says so: max ε s.t. s_j w_j·d >= ε ‖w_j‖, |d| <= 1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np
from scipy.optimize import linprog

Result = TypeVar("Result")

WIDTH = 1e-9
"""Cones narrower than this are empty."""


class TooManyPiecesError(Exception):
    """More pieces than the limit."""


@dataclass
class Decisions:
    """The decisions of one run of a program: those of ``given``, then the first possible one at each comparison.

    ``alternatives`` are the sequences that another decision at a comparison would begin, where it is possible.
    """

    given: tuple[bool, ...]
    taken: list[bool] = field(default_factory=list)
    rows: list[np.ndarray] = field(default_factory=list)
    alternatives: list[tuple[bool, ...]] = field(default_factory=list)

    def is_positive(self, row: np.ndarray) -> bool:
        """Is w·d > 0 on the piece? False where w is 0, which decides nothing."""
        size = float(np.linalg.norm(row))
        if size == 0:
            return False
        unit = row / size
        if len(self.taken) < len(self.given):
            decision = self.given[len(self.taken)]
        else:
            decision, other = self._possible(unit), self._possible(-unit)
            if decision and other:
                self.alternatives.append((*self.taken, False))
            decision = decision or not other
        self.taken.append(decision)
        self.rows.append(unit if decision else -unit)
        return decision

    def _possible(self, unit: np.ndarray) -> bool:
        rows = np.array([*self.rows, unit])
        count, size = rows.shape
        found = linprog(
            np.append(np.zeros(size), -1.0),
            A_ub=np.hstack([-rows, np.ones((count, 1))]),
            b_ub=np.zeros(count),
            bounds=[(-1, 1)] * size + [(None, 1)],
            method="highs",
        )
        return found.x is not None and bool(-found.fun > WIDTH)


def every_piece(run: Callable[[Decisions], Result], limit: int) -> Iterator[Result]:
    """The results of a program on all its pieces, each once; `TooManyPiecesError` beyond the limit."""
    pending: list[tuple[bool, ...]] = [()]
    number = 0
    while pending:
        if number >= limit:
            raise TooManyPiecesError(limit)
        decisions = Decisions(pending.pop())
        yield run(decisions)
        pending += decisions.alternatives
        number += 1
