"""Graph forms put in place: every atom that is not quadratic becomes the optimal value of rows over new vars.

``norm1(w - w0) <= tau`` becomes ``sum(t) <= tau`` with the rows ``-t <= w - w0 <= t``. The new vars are named
``norm1#1.t`` and are hidden from the outcome. Where a filter leaves a term out, its new vars are fixed at 0, so that
they do not make a unique solution look as if it could move.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from karush.compiler.dependence import Dependence, children, constraint_roots
from karush.compiler.facts.atoms import has_graph_form
from karush.compiler.facts.classify import Classification
from karush.compiler.facts.fact import Facts
from karush.compiler.library import Library
from karush.compiler.model import Apply, Binder, Comprehension, Constraint, Expr, Model, Named, Reduce, Relation, Var
from karush.compiler.reductions.graph import GraphExpansion, entries_of, expand_graph
from karush.compiler.reductions.graph_operators import (
    Position,
    both,
    expand_exponential,
    expand_extreme,
    expand_logsumexp,
    expand_power,
    expand_quotient,
    fixed,
    whole,
)
from karush.compiler.reductions.sets import SetRows
from karush.compiler.rewrite import Rewriter


class MissingGraphError(Exception):
    """A node without a graph form: an internal error, for classification refuses it before."""


@dataclass(frozen=True)
class Clause:
    """Binders and the filter over them."""

    binders: tuple[Binder, ...]
    condition: Expr | None


def replace_graph_atoms(
    rows: SetRows, kind: Classification, facts: Facts, library: Library, dependence: Dependence
) -> SetRows:
    """The model with the nodes that its classification names, and those that sets brought in, replaced."""
    nodes = (*kind.graph_atoms, *rows.graph_atoms)
    if not nodes:
        return rows
    model = rows.model
    work = _Replacement(library, dependence, facts, kind.bounded, _Places(frozenset(nodes), model).clauses)
    for node in nodes:
        work.take(node)
    constraints = {constraint: work.rewriter.constraint(constraint) for constraint in model.constraints}
    assert model.objective is not None
    reduced = replace(
        model,
        vars={**model.vars, **{var.name: var for var in work.vars}},
        objective=replace(model.objective, value=work.rewriter.expression(model.objective.value)),
        constraints=(*constraints.values(), *work.constraints),
    )
    owners = {constraints[old]: name for old, name in rows.owners.items()}
    return SetRows(reduced, {**owners, **work.owners}, ())


# ---------------------------------------------------------------- where the nodes stand


class _Places:
    """The clauses around each node, the outermost first."""

    def __init__(self, nodes: frozenset[Expr], model: Model):
        self.clauses: dict[Expr, tuple[Clause, ...]] = {}
        self._nodes = nodes
        self._seen: set[Expr] = set()
        if model.objective is not None:
            self._visit(model.objective.value, ())
        for constraint in model.constraints:
            clause = Clause(constraint.binders, constraint.condition)
            for root in constraint_roots(constraint):
                self._visit(root, (clause,))

    def _visit(self, root: Expr, around: tuple[Clause, ...]) -> None:
        stack = [(root, around)]
        while stack:
            node, clauses = stack.pop()
            if node in self._seen:
                continue
            self._seen.add(node)
            if node in self._nodes:
                self.clauses[node] = clauses
            if isinstance(node, (Reduce, Comprehension)):
                condition = node.condition if isinstance(node, Reduce) else None
                clauses = (*clauses, Clause(node.binders, condition))
            stack.extend((child, clauses) for child in children(node))


# ---------------------------------------------------------------- replacing them


@dataclass
class _Replacement:
    """New vars and rows for one node after the other."""

    library: Library
    dependence: Dependence
    facts: Facts
    bounded: frozenset[Expr]
    places: Mapping[Expr, tuple[Clause, ...]]
    vars: list[Var] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    owners: dict[Constraint, str] = field(default_factory=dict)
    values: dict[Expr, Expr] = field(default_factory=dict)
    rewriter: Rewriter = field(init=False)

    def __post_init__(self) -> None:
        self.rewriter = Rewriter(self.values.get)

    def take(self, node: Expr) -> None:
        """Replace a node whose parts are replaced already."""
        at = self._position(node)
        found = self._expansion(node, at)
        value = self._rebuilt(node) if found is None else found.value
        if found is not None:
            self._add(found, at, node)
        if node in self.bounded:
            bound = self._bound(node, value, replace(at, prefix=at.prefix + "bound."))
            self._add(bound, at, node)
            value = bound.value
        self.values[node] = value

    def _position(self, node: Expr) -> Position:
        free = self.dependence.binders(node)
        clauses = self.places.get(node, ())
        binders = tuple(b for clause in clauses for b in clause.binders if b in free)
        condition = self._condition(clauses, frozenset(binders))
        return Position(binders, condition, f"{_word(node)}#{len(self.values) + 1}.", self.library)

    def _condition(self, clauses: Iterable[Clause], binders: frozenset[Binder]) -> Expr | None:
        """The filters that say for which of these binders the node is used at all."""
        condition: Expr | None = None
        for clause in clauses:
            one = clause.condition
            if one is not None and self.dependence.binders(one) <= binders:
                condition = both(condition, one)
        return condition

    def _add(self, found: GraphExpansion, at: Position, node: Expr) -> None:
        """Note the vars and the rows of an expansion; the vars are 0 where the filter leaves the node out."""
        rows = [*found.constraints, *(row for var in found.vars for row in fixed(var, at.binders, at.condition))]
        self.vars.extend(found.vars)
        self.constraints.extend(rows)
        self.owners.update(dict.fromkeys(rows, f"line {node.span.line}"))

    def _expansion(self, node: Expr, at: Position) -> GraphExpansion | None:
        """The graph form of a node; None for one that is replaced only to be bounded."""
        match node:
            case Reduce(operator="max" | "min"):
                return expand_extreme(node, self.rewriter.expression(node.body), at)
            case Reduce(operator="logsumexp"):
                return expand_logsumexp(node, self.rewriter.expression(node.body), at)
            case Apply(atom="power" | "divide", arguments=(left, right)) if has_graph_form(
                self.facts, node, self.library
            ):
                return self._operator(node, left, right, at)
            case Apply() if self._is_atom(node):
                return self._atom(node, at)
            case _:
                return None

    def _is_atom(self, node: Apply) -> bool:
        """Is it an atom with a graph form, as sets bring them in, or as the facts say?"""
        return node not in self.facts or has_graph_form(self.facts, node, self.library)

    def _operator(self, node: Apply, left: Expr, right: Expr, at: Position) -> GraphExpansion:
        a, b = self.rewriter.expression(left), self.rewriter.expression(right)
        if node.atom == "divide":
            return expand_quotient(node, a, b, at)
        if self.facts[right].is_constant:
            return expand_power(node, a, b, (self.facts[left].interval, self.facts[right].interval), at)
        return expand_exponential(node, a, b, at)

    def _atom(self, node: Apply, at: Position) -> GraphExpansion:
        atom = self.library.atom(node.atom)
        if atom is None or atom.graph is None:
            raise MissingGraphError(node.atom)
        arguments = tuple(map(self.rewriter.expression, node.arguments))
        return expand_graph(atom, arguments, at.binders, at.condition, at.prefix, self.library)

    def _rebuilt(self, node: Expr) -> Expr:
        """A node that stays, with its parts replaced."""
        if isinstance(node, Named):
            return self.rewriter.expression(node.value)
        return Rewriter(lambda other: None if other is node else self.values.get(other)).expression(node)

    def _bound(self, node: Expr, value: Expr, at: Position) -> GraphExpansion:
        """min { t : value <= t } of a convex one, max { t : t <= value } of a concave one."""
        var = at.var("t", at.binders, node.shape, node.span)
        inner = entries_of(whole(var), at.binders, node.shape)
        convex = self.facts[node].curvature.is_convex
        row = Relation(None, at.binders, at.condition, (value, inner), ("<=" if convex else ">=",), node.span)
        return GraphExpansion((var,), (row,), inner, "minimize" if convex else "maximize")


def _word(node: Expr) -> str:
    """What new vars are called by."""
    match node:
        case Reduce(operator=name) | Apply(atom=name):
            return name
        case Named(name=name):
            return name
        case _:
            return "part"
