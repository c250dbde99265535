"""Graph forms put in place: every atom that is not quadratic becomes the optimal value of rows over new vars.

``norm1(w - w0) <= tau`` becomes ``sum(t) <= tau`` with the rows ``-t <= w - w0 <= t``. The new vars are named
``norm1#1.t`` and are hidden from the outcome. Where a filter leaves a term out, its new vars are fixed at 0, so that
they do not make a unique solution look as if it could move.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from karush.compiler.dependence import Dependence, children
from karush.compiler.library import Library
from karush.compiler.model import (
    Apply,
    Binder,
    Comprehension,
    Constant,
    Constraint,
    Expr,
    Kind,
    Model,
    Reduce,
    Relation,
    Var,
    VarValue,
)
from karush.compiler.reductions.graph import GraphExpansion, entries_of, expand_graph
from karush.compiler.reductions.sets import SetRows
from karush.compiler.rewrite import Rewriter
from karush.stdlib.shape import SCALAR


class MissingGraphError(Exception):
    """A node without a graph form: an internal error, for classification refuses it before."""


@dataclass(frozen=True)
class Clause:
    """Binders and the filter over them."""

    binders: tuple[Binder, ...]
    condition: Expr | None


def replace_graph_atoms(
    rows: SetRows, nodes: Sequence[Apply | Reduce], library: Library, dependence: Dependence
) -> SetRows:
    """The model with these nodes (parts before wholes), and those that sets brought in, replaced."""
    nodes = (*nodes, *rows.graph_atoms)
    if not nodes:
        return rows
    model = rows.model
    places = _Places(frozenset(nodes), model)
    work = _Replacement(library, dependence, places.clauses)
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
            if isinstance(constraint, Relation):
                clause = Clause(constraint.binders, constraint.condition)
                for operand in constraint.operands:
                    self._visit(operand, (clause,))

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
    places: Mapping[Expr, tuple[Clause, ...]]
    vars: list[Var] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    owners: dict[Constraint, str] = field(default_factory=dict)
    values: dict[Expr, Expr] = field(default_factory=dict)
    rewriter: Rewriter = field(init=False)

    def __post_init__(self) -> None:
        self.rewriter = Rewriter(self.values.get)

    def take(self, node: Apply | Reduce) -> None:
        """Replace a node whose parts are replaced already."""
        free = self.dependence.binders(node)
        clauses = self.places.get(node, ())
        binders = tuple(b for clause in clauses for b in clause.binders if b in free)
        condition = self._condition(clauses, frozenset(binders))
        name = node.operator if isinstance(node, Reduce) else node.atom
        prefix = f"{name}#{len(self.values) + 1}."
        if isinstance(node, Reduce):
            found = self._extreme(node, binders, condition, prefix)
        else:
            found = self._atom(node, binders, condition, prefix)
        rows = [*found.constraints, *self._fixed(found.vars, binders, condition, node)]
        self.values[node] = found.value
        self.vars.extend(found.vars)
        self.constraints.extend(rows)
        self.owners.update(dict.fromkeys(rows, f"line {node.span.line}"))

    def _condition(self, clauses: Iterable[Clause], binders: frozenset[Binder]) -> Expr | None:
        """The filters that say for which of these binders the node is used at all."""
        condition: Expr | None = None
        for clause in clauses:
            one = clause.condition
            if one is not None and self.dependence.binders(one) <= binders:
                condition = one if condition is None else _both(condition, one)
        return condition

    def _atom(self, node: Apply, binders: tuple[Binder, ...], condition: Expr | None, prefix: str) -> GraphExpansion:
        atom = self.library.atom(node.atom)
        if atom is None or atom.graph is None:
            raise MissingGraphError(node.atom)
        arguments = tuple(map(self.rewriter.expression, node.arguments))
        return expand_graph(atom, arguments, binders, condition, prefix, self.library)

    def _extreme(
        self, node: Reduce, binders: tuple[Binder, ...], condition: Expr | None, prefix: str
    ) -> GraphExpansion:
        """``max(e for i in n if c)`` = min { t : e <= t for i in n if c }; ``min`` likewise."""
        if node.operator not in ("max", "min"):
            raise MissingGraphError(node.operator)
        var = Var(prefix + "t", (*(b.length for b in binders), *node.shape), None, None, node.span)
        value = entries_of(_use(var), binders, node.shape)
        own = node.condition
        both = own if condition is None else condition if own is None else _both(condition, own)
        operator = "<=" if node.operator == "max" else ">="
        operands = (self.rewriter.expression(node.body), value)
        row = Relation(None, (*binders, *node.binders), both, operands, (operator,), node.span)
        return GraphExpansion((var,), (row,), value, "minimize" if node.operator == "max" else "maximize")

    def _fixed(
        self, variables: Iterable[Var], binders: tuple[Binder, ...], condition: Expr | None, node: Expr
    ) -> list[Constraint]:
        """The new vars are 0 where the filter leaves the node out."""
        if condition is None:
            return []
        absent = Apply("not", (condition,), shape=SCALAR, kind=Kind.BOOLEAN, span=node.span)
        zero = Constant(0.0, shape=SCALAR, span=node.span)
        entries = [entries_of(_use(v), binders, v.shape[len(binders) :]) for v in variables]
        return [Relation(None, binders, absent, (entry, zero), ("==",), node.span) for entry in entries]


def _both(a: Expr, b: Expr) -> Expr:
    return Apply("and", (a, b), shape=SCALAR, kind=Kind.BOOLEAN, span=a.span)


def _use(var: Var) -> VarValue:
    return VarValue(var.name, shape=var.shape, span=var.span)
