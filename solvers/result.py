"""What a solver returns: a status that is traced, a point, its residuals, and a certificate where there is no point."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import jax
from jax import Array


class Status(IntEnum):
    """How a solve ended. The value is what travels through XLA (int32), the name what is printed."""

    SOLVED = 0
    SOLVED_INACCURATE = 1
    INFEASIBLE = 2
    UNBOUNDED = 3
    LIMIT = 4
    FAILED = 5

    @property
    def word(self) -> str:
        """The name as printed: ``solved``, ``solved_inaccurate``, ``infeasible``, …"""
        return self.name.lower()


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Residuals:
    """Relative KKT residuals: each row's defect over 1 + the largest term of that row, worst row; ``gap`` likewise."""

    primal: Array
    dual: Array
    gap: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Solution:
    """A point of a form with its evidence.

    ``point`` and ``certificate`` are pytrees of the form's own Point type; the certificate is all zeros unless the
    status is INFEASIBLE or UNBOUNDED. ``factor`` is what the solver's last factorisation leaves for the derivative
    (an object with ``solve(rhs)``, see forms/quadratic.py), None if it leaves nothing. ``iterations`` is int32.
    """

    point: Any
    objective: Array
    status: Array
    iterations: Array
    residuals: Residuals
    certificate: Any
    factor: Any = None
