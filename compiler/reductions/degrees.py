"""The degree in the vars of the expressions of a reduced model: which rows are quadratic."""

from __future__ import annotations

from collections.abc import Mapping

from karush.compiler.dependence import Dependence, children, walk
from karush.compiler.facts.fact import Fact
from karush.compiler.facts.polynomial import SQUARES, degree
from karush.compiler.library import Library
from karush.compiler.model import Apply, Constant, Expr, VarValue


class Degrees:
    """0, 1 or 2 for every expression whose graph atoms have been replaced.

    An expression of the model as it was has its ``facts``; for one that a reduction made it follows from its parts.
    """

    def __init__(self, facts: Mapping[Expr, Fact], library: Library, dependence: Dependence) -> None:
        self._facts, self._library, self._dependence = facts, library, dependence
        self._known: dict[Expr, int] = {}

    def is_quadratic(self, expr: Expr) -> bool:
        """Is it of degree 2?"""
        return self.degree(expr) > 1

    def degree(self, expr: Expr) -> int:
        """The degree."""
        for node in walk(expr, known=self._known):
            self._known[node] = min(self._of(node), 2)
        return self._known[expr]

    def _of(self, node: Expr) -> int:
        """The degree of a node whose parts have theirs."""
        if not self._dependence.vars(node):
            return 0
        fact = self._facts.get(node)
        if fact is not None:
            return fact.reduced.degree
        if isinstance(node, VarValue):
            return 1
        below = [self._known[part] for part in children(node)]
        return self._of_application(node, below) if isinstance(node, Apply) else max(below)

    def _of_application(self, node: Apply, below: list[int]) -> int:
        match node:
            case Apply(atom="multiply" | "matmul"):
                return sum(below)
            case Apply(atom="power", arguments=(_, Constant(value=2))):
                return 2 * below[0]
        atom = self._library.atom(node.atom)
        if atom is None:
            return max(below)
        if atom.primitive in SQUARES:
            return 2 * below[0]
        powers = {param.name: known for param, known in zip(atom.params, below, strict=True)}
        found = degree(atom.value, powers) if atom.value is not None else None
        return max(below) if found is None else found
