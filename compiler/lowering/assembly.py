"""Whether the matrices of a program are made dense, sparse or diagonal: settled when it is compiled, and why.

Dense arithmetic is the faster for small programs, and their solvers stay within XLA. Sparse matrices are worth their
indices where the program is large, few of its entries are stored, and the solver that it would have takes them. Where
nothing but bounds and one equation stands beside a diagonal P, the diagonal is all that is made of it (knapsack.py).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import jax

from karush.compiler.lowering.sparse_values import LARGEST_DENSE, TooLargeToBeDenseError
from karush.compiler.lowering.standardise import Template
from karush.solvers.facts import facts_of
from karush.solvers.forms.quadratic import QuadraticProgram
from karush.solvers.protocol import Facts
from karush.solvers.quadratic_driver import AUTO, KNAPSACK, choose, refusal

LARGE = 2000
"""Up to so many variables the matrices are dense, unless a param is given sparse."""

LARGE_CONES = 500
"""The same with rows in cones, whose dense iterations cost several times as much."""

SEPARATED = 50
"""From so many variables on it is worth a look whether P is diagonal."""

SMALL = 500
"""Up to so many variables and rows together sparse params are made dense too."""


@dataclass(frozen=True)
class Assembly:
    """Whether matrices are sparse, or P a diagonal, and the reason in words."""

    is_sparse: bool
    reason: str
    is_separated: bool = False

    @property
    def word(self) -> str:
        """``dense``, ``sparse`` or ``diagonal``."""
        return "diagonal" if self.is_separated else "sparse" if self.is_sparse else "dense"


def assembly_of(
    form: Template,
    given_sparse: bool,
    solver: str,
    strongly_convex: bool | None,
    sparse_shapes: Callable[[], QuadraticProgram],
    separated_shapes: Callable[[], QuadraticProgram],
) -> Assembly:
    """The choice for a template; ``sparse_shapes`` and ``separated_shapes`` trace its programs of these kinds.

    Raises TooLargeToBeDenseError.
    """
    variables = form.layout.total
    if not isinstance(variables, int):
        return Assembly(False, "sizes are not known when it is compiled")
    if form.quadratics:
        return Assembly(False, "quadratic rows are dense")
    if not form.cones and _may_separate(form, solver):
        with suppress(TooLargeToBeDenseError):
            if refusal(KNAPSACK.name, facts_of(separated_shapes(), strongly_convex)) is None:
                return Assembly(False, f"{variables} entries beside bounds and at most one equation", is_separated=True)
    large = LARGE_CONES if form.cones else LARGE
    if variables <= large and (not given_sparse or is_small(form)):
        return Assembly(False, f"{variables} variables, no more than {large}")
    try:
        facts = facts_of(sparse_shapes(), strongly_convex)
    except TooLargeToBeDenseError as error:
        if (_rows(form) + variables) * variables > LARGEST_DENSE:
            raise
        return Assembly(False, f"`{error.expr.span.text}` has no sparse form")
    refused = refusal(solver, facts)
    if refused is not None:
        return Assembly(False, refused)
    choice = choose(facts, solver)
    if not choice.solver.takes_sparse:
        return Assembly(False, f"the solver {choice.name} takes dense matrices ({choice.reason})")
    return Assembly(True, f"{facts.nonzeros} stored entries, {_share(facts):.2g} of all")


def _may_separate(form: Template, solver: str) -> bool:
    """Whether it is worth a trace to see if P is diagonal."""
    wanted = solver == KNAPSACK.name or (solver == AUTO and form.layout.total >= SEPARATED)
    return wanted and not form.inequalities and sum(form.rows(family) for family in form.equalities) <= 1


def _share(facts: Facts) -> float:
    rows = facts.equalities + facts.inequalities + facts.conic + (facts.variables if facts.has_quadratic else 0)
    return float((facts.nonzeros or 0) / max(rows * facts.variables, 1))


def is_small(form: Template) -> bool:
    """Whether a template has so few variables and rows that dense arithmetic is the faster throughout."""
    variables = form.layout.total
    return not isinstance(variables, int) or variables + _rows(form) <= SMALL


def _rows(form: Template) -> int:
    """All rows, those in cones among them."""
    in_cones = sum(stack.dimension * sum(stack.counts) for stack in form.stacks)
    return int(sum(form.rows(family) for family in form.families)) + in_cones


def shapes_of(function: Callable[[Any], QuadraticProgram], specification: Any) -> QuadraticProgram:
    """The shapes of a program, by tracing."""
    found: QuadraticProgram = jax.eval_shape(function, specification)
    return found
