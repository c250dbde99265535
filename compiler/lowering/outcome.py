"""What a compiled model returns: a pytree of arrays, by the names of the model."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import jax
from jax import Array

from karush.solvers.evidence import Evidence
from karush.solvers.forms.quadratic import Point
from karush.solvers.result import Residuals


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class DerivativeEvidence:
    """The evidence of `Evidence` with its masks by label, of the shape of the label's dual.

    ``active`` and ``weakly_active`` have an entry for every labelled family of inequalities and every bounded var.
    """

    evidence: Evidence
    active: dict[str, Array]
    weakly_active: dict[str, Array]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Inner:
    """How the solves of one call ended, with an axis for each binder of the clauses around it.

    ``status``: `Status`. ``primal dual objective``: the status of the derivative of that part of the inner solution.
    Solves whose solution is not used count as solved, with a unique derivative.
    """

    status: Array
    primal: Array
    dual: Array
    objective: Array


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class Outcome:
    """The outcome of a model.

    ``values``: vars and top-level lets. ``duals`` and ``slacks``: by label (and by var for its set) an array, or a
    dict of ``lower`` and ``upper``. ``objective``: the stated one. ``status``: `Status`, int32. ``point``,
    ``certificate``: of the quadratic program, to warm-start from and to verify. ``conflict``: by label, or ``line 14``,
    whether its rows take part in the certificate. ``inner``: by the name of its step, how each call of an inner model
    ended; where one has no solution, ``status`` is its status. A function file has ``values``, ``status`` and ``inner``
    alone, the rest None.
    Where there is no solution, values, duals and objective are NaN; only these three and the slacks carry derivatives.
    """

    values: dict[str, Array]
    duals: dict[str, Any]
    slacks: dict[str, Any]
    objective: Array | None
    status: Array
    iterations: Array | None
    residuals: Residuals | None
    point: Point | None
    certificate: Point | None
    conflict: dict[str, Array]
    derivative: DerivativeEvidence | None
    inner: dict[str, Inner] = field(default_factory=dict)
