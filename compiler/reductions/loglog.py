"""A geometric program in the logarithms of its unknowns, and the way back.

    min f(x)  s.t.  gᵢ(x) <= hᵢ(x), mⱼ(x) == nⱼ(x), x > 0
    min F(u)  s.t.  log gᵢ(exp u) <= log hᵢ(exp u), log mⱼ(exp u) == log nⱼ(exp u),      F(u) = log f(exp u)

Back: x = exp u, and the optimal value is f* = exp F*. Duals: slack ε granted to gᵢ <= hᵢ makes it gᵢ <= hᵢ + ε, and the
row in logarithms log gᵢ <= log hᵢ + ε/hᵢ to first order: it has been granted ε/hᵢ. With the gain λ of F* per unit of
slack there, and df* = f* dF*, the gain of f* per unit of ε is f* λ/hᵢ, at the solution, where hᵢ = gᵢ unless λ = 0. The
same holds of equations with the derivative ν of F* in place of λ, and of a bound a <= x with 1/a = 1/x.

Terms that are subtracted in a row change sides first, which leaves its slack as it is: 1 - x >= y becomes y + x <= 1.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from karush.compiler.facts.fact import Facts
from karush.compiler.facts.loglog import Logarithms, NoLogarithm
from karush.compiler.library import Library
from karush.compiler.messages import loglog_messages
from karush.compiler.model import Apply, Constraint, Expr, InSet, Model, Named, Relation, SetUse, Var, at
from karush.compiler.nodes import concatenated, elementwise, entrywise, scalar
from karush.dsl.diagnostics import Diagnostic
from karush.stdlib.shape import Shape

POSITIVE_SETS = frozenset(("pos", "nonneg"))
"""Sets that hold every positive number."""


@dataclass(frozen=True, eq=False)
class InLogarithms:
    """``model`` is the problem in the logarithms, with the names and labels of the one it stands for.

    ``diagnostics``: what stands in the way of it, E0504; then ``model`` lacks what they name.
    """

    model: Model
    diagnostics: tuple[Diagnostic, ...]


def in_logarithms(model: Model, facts: Facts, library: Library) -> InLogarithms:
    """The geometric program that a model states, in logarithms."""
    return _Writer(model, facts, library).written()


class _Writer:
    """The pass, and what it finds in the way."""

    def __init__(self, model: Model, facts: Facts, library: Library) -> None:
        self.model, self.facts = model, facts
        self.logs = Logarithms(facts, library)
        self.found: list[Diagnostic] = []

    def written(self) -> InLogarithms:
        """The whole model."""
        variables = {name: self._var(var) for name, var in self.model.vars.items()}
        if self.found:  # all else would follow from it
            return InLogarithms(self.model, tuple(self.found))
        objective = self.model.objective
        assert objective is not None
        value = self._log(objective.value)
        constraints = [row for constraint in self.model.constraints for row in self._constraint(constraint)]
        written = replace(
            self.model,
            vars=variables,
            lets={},
            objective=None if value is None else replace(objective, value=value),
            constraints=tuple(constraints),
        )
        return InLogarithms(written, tuple(self.found))

    def _log(self, expr: Expr) -> Expr | None:
        found = self.logs.of(expr)
        if isinstance(found, NoLogarithm):
            self.found.append(loglog_messages.no_logarithm(found.expr, found.why, found.repair))
            return None
        return found

    # ------------------------------------------------------------ vars and sets

    def _var(self, var: Var) -> Var:
        start = None
        if var.start is not None and self.facts[var.start].interval.is_positive:
            start = elementwise("log", var.start)
        use = var.set
        if use is not None and use.interior and use.name == "nonneg":
            return replace(var, set=None, start=start)
        bounds = self._box(use) if use is not None and use.name == "box" else None
        if bounds is None:
            self.found.append(loglog_messages.not_positive(var))
        return replace(var, set=bounds, start=start)

    def _box(self, use: SetUse) -> SetUse | None:
        """The logarithms of the bounds; None where they are not known to be positive."""
        if not all(self.facts[bound].interval.is_positive for bound in use.arguments):
            return None
        return replace(use, arguments=tuple(elementwise("log", bound) for bound in use.arguments))

    # ------------------------------------------------------------ constraints

    def _constraint(self, constraint: Constraint) -> list[Constraint]:
        match constraint:
            case Relation(operands=(left, right)):
                return self._row(constraint, left, right)
            case Relation():
                operands = [self._log(operand) for operand in constraint.operands]
                known = tuple(operand for operand in operands if operand is not None)
                return [replace(constraint, operands=known)] if len(known) == len(operands) else []
            case InSet(set=use) if use.name in POSITIVE_SETS:
                return []  # what has a logarithm lies in it
            case InSet(set=use) if use.name == "box" and (bounds := self._box(use)) is not None:
                value = self._log(constraint.value)
                return [] if value is None else [replace(constraint, value=value, set=bounds)]
        self.found.append(loglog_messages.no_such_constraint(constraint))
        return []

    def _row(self, relation: Relation, left: Expr, right: Expr) -> list[Constraint]:
        """Two sides, what is subtracted moved to the other one."""
        terms = [*self._signed(left, 1), *self._signed(right, -1)]
        shape = left.shape or right.shape
        sides = [
            self._side([term for term, sign in terms if sign == wanted], shape, operand)
            for wanted, operand in ((1, left), (-1, right))
        ]
        known = tuple(side for side in sides if isinstance(side, Expr))
        if any(isinstance(side, NoLogarithm) for side in sides):
            return []
        lesser, greater = sides if relation.operators[0] != ">=" else sides[::-1]
        if greater is None or (lesser is None and relation.operators[0] == "=="):
            self.found.append(loglog_messages.never_positive(relation))
        return [replace(relation, operands=known)] if len(known) == 2 else []

    def _side(self, terms: list[Expr | NoLogarithm], shape: Shape, operand: Expr) -> Expr | NoLogarithm | None:
        """The logarithm of a sum, for the place of an operand; None of no terms."""
        for term in terms:
            if isinstance(term, NoLogarithm):
                self.found.append(loglog_messages.no_logarithm(term.expr, term.why, term.repair))
                return term
        known = [term for term in terms if isinstance(term, Expr)]
        if len(known) < 2:
            return known[0] if known else None
        whole = shape if any(term.shape for term in known) else ()
        found = entrywise(whole, operand.span, lambda e: scalar("logsumexp", concatenated([*map(e, known)])))
        return at(found, operand.span)

    def _signed(self, expr: Expr, sign: int) -> list[tuple[Expr | NoLogarithm, int]]:
        """The logarithms of the terms of a sum, each with its sign; a 0 has none."""
        found: list[tuple[Expr | NoLogarithm, int]] = []
        pending = [(expr, sign)]
        while pending:
            term, here = pending.pop()
            fact = self.facts[term]
            if fact.is_constant and fact.interval.value == 0:
                continue
            if fact.is_constant and fact.interval.is_negative:
                found.append((elementwise("log", elementwise("negate", term)), -here))
                continue
            parts = None if fact.is_constant and fact.interval.is_positive else _summands(term, here)
            if parts is None:
                found.append((self.logs.of(term), here))
            else:
                pending += reversed(parts)
        return found


def _summands(expr: Expr, sign: int) -> list[tuple[Expr, int]] | None:
    match expr:
        case Named():
            return [(expr.value, sign)]
        case Apply(atom="add", arguments=(left, right)):
            return [(left, sign), (right, sign)]
        case Apply(atom="subtract", arguments=(left, right)):
            return [(left, sign), (right, -sign)]
        case Apply(atom="negate", arguments=(inner,)):
            return [(inner, -sign)]
    return None
