"""Graph forms: an atom as the optimal value of a small problem, with the atom's arguments in place.

norm1(e) = min { sum(t) : -t <= e <= t }            one var t of the length of e
abs(e)   = min { t : -t <= e <= t }                 elementwise: t has the shape of e
sum(abs(x[i]) for i in n)                           under a clause: t gets an axis for i, and each row its binder
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from karush.compiler.library import Library, load_library
from karush.compiler.model import (
    Apply,
    At,
    Binder,
    BinderValue,
    Comprehension,
    Constant,
    Constraint,
    Expr,
    InSet,
    Kind,
    Range,
    SetUse,
    SizeValue,
    Subscript,
    Var,
    VarValue,
)
from karush.compiler.names.context import Block, Context, Session
from karush.compiler.names.symbols import Poison, Scope, ValueSymbol
from karush.compiler.resolving.arguments import bind_sizes, bound_scope, trust_index_arguments
from karush.compiler.resolving.atoms import callee_of, has_shape_rule
from karush.compiler.resolving.constraints import resolve_constraint
from karush.compiler.resolving.dimensions import find_shape
from karush.compiler.resolving.expressions import resolve_expression
from karush.compiler.resolving.records import resolve_record
from karush.compiler.resolving.sets import resolve_set
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.source import Span
from karush.stdlib.atom import Atom
from karush.stdlib.shape import SCALAR, Shape, Size

ZERO = Size.constant(0)


class GraphError(Exception):
    """A graph form or a proximal map that does not fit its atom's arguments: an internal error.

    Those of a file's own atoms are tried at their declarations, and ``findings`` told where they stand.
    """

    def __init__(self, name: str, findings: Sequence[Diagnostic]):
        said = "; ".join(finding.message for finding in findings) or "there is no objective"
        super().__init__(f"{name}: {said}")
        self.findings = tuple(findings)


@dataclass(frozen=True)
class GraphExpansion:
    """What stands for an application: new vars, constraints, and the value that is minimized or maximized.

    ``value`` has the shape of the application. Where binders are given every var has their lengths as leading axes, and
    every constraint has them as its first binders.
    """

    vars: tuple[Var, ...]
    constraints: tuple[Constraint, ...]
    value: Expr
    sense: str


def expand_graph(
    atom: Atom,
    arguments: tuple[Expr, ...],
    binders: tuple[Binder, ...],
    condition: Expr | None,
    prefix: str,
    library: Library | None = None,
) -> GraphExpansion:
    """The graph form of ``atom(arguments)`` under the binders of a clause, its vars named ``prefix`` + name."""
    entry_shape = _entry_shape(atom, arguments)
    if entry_shape and _has_cones(atom):
        return _entry_by_entry(atom, arguments, binders, condition, prefix, library, entry_shape)
    if atom.graph is None:
        raise GraphError(atom.name, ())
    context = bound_context(library or load_library(), atom, arguments, binders)
    session = context.session
    expansion = _Expansion(context, binders, condition, prefix, entry_shape, arguments[0].span)
    for statement in atom.graph:
        expansion.take(statement)
    if session.findings or expansion.value is None:
        raise GraphError(atom.name, session.findings)
    return GraphExpansion(tuple(expansion.vars), tuple(expansion.constraints), expansion.value, expansion.sense)


def bound_context(
    library: Library, atom: Atom, arguments: tuple[Expr, ...], binders: tuple[Binder, ...] = ()
) -> Context:
    """The place inside an atom's declaration where its header stands for these (checked) arguments."""
    session = Session(library, resolve_expression, resolve_record)
    context = Context(session, Scope(None, kind="library"), Block(), binders=binders)
    callee = callee_of(atom)
    values = dict(zip((p.name for p in atom.params), arguments, strict=True))
    sizes = bind_sizes(context, atom.declaration, callee, values)
    if sizes is None:
        raise GraphError(atom.name, session.findings)
    inside = context.within(bound_scope(callee, values, sizes))
    trust_index_arguments(inside, callee, values)
    return inside


def _entry_shape(atom: Atom, arguments: tuple[Expr, ...]) -> Shape:
    """The shape that a scalar var of the graph takes: that of the array arguments of an elementwise atom."""
    if has_shape_rule(atom) or any(p.sizes is not None for p in atom.params):
        return SCALAR
    return next((a.shape for a in arguments if a.shape), SCALAR)


def _has_cones(atom: Atom) -> bool:
    """Whether rows of the graph lie in sets: those hold vectors, and cannot be taken entry by entry as they stand."""
    rows = [s for s in atom.graph or () if isinstance(s, ast.Constraint)]
    return any(isinstance(row.relation, ast.Membership) for row in rows)


def _entry_by_entry(
    atom: Atom,
    arguments: tuple[Expr, ...],
    binders: tuple[Binder, ...],
    condition: Expr | None,
    prefix: str,
    library: Library | None,
    shape: Shape,
) -> GraphExpansion:
    """The graph of every entry of an elementwise atom, under one binder more for each axis."""
    span = arguments[0].span
    inner = tuple(Binder(f"entry{axis}", size) for axis, size in enumerate(shape))
    items = tuple(At(BinderValue(b, shape=SCALAR, kind=Kind.INTEGER, span=span)) for b in inner)
    entries = tuple(Subscript(a, items, shape=SCALAR, kind=a.kind, span=a.span) if a.shape else a for a in arguments)
    each = expand_graph(atom, entries, (*binders, *inner), condition, prefix, library)
    return replace(each, value=Comprehension(inner, each.value, shape=shape, kind=Kind.REAL, span=span))


@dataclass
class _Expansion:
    """The statements of a graph, one after the other."""

    context: Context
    binders: tuple[Binder, ...]
    condition: Expr | None
    prefix: str
    entry_shape: Shape
    span: Span
    vars: list[Var] = field(default_factory=list)
    constraints: list[Constraint] = field(default_factory=list)
    value: Expr | None = None
    sense: str = "minimize"

    def take(self, statement: ast.Statement) -> None:
        """One statement."""
        match statement:
            case ast.Var():
                for item in statement.items:
                    self._var(item)
            case ast.Let():
                value = self.context.expression(statement.value)
                self._name(statement.name, value)
            case ast.Objective():
                value = self.context.expression(statement.value)
                self.value = None if isinstance(value, Poison) else value
                self.sense = statement.sense
            case ast.Constraint():
                found = resolve_constraint(self.context, statement) or ()
                self.constraints += map(self._under_clause, found)

    def _name(self, name: str, value: Expr) -> None:
        self.context.scope.names[name] = ValueSymbol(name, None, "argument", value)

    def _var(self, item: ast.Declaration) -> None:
        shape = find_shape(self.context, item.sizes) if item.sizes else self.entry_shape
        if shape is None:
            return
        use = resolve_set(self.context, item.set, shape, "var") if item.set is not None else None
        name = self.prefix + item.name
        whole = tuple(b.length for b in self.binders) + shape
        value = entries_of(VarValue(name, shape=whole, span=self.span), self.binders, shape)
        self._name(item.name, value)
        if use is not None and self.binders and not self._holds_anywhere(use):
            member = InSet(None, self.binders, self.condition, value, use, use.span)
            self.constraints.append(member)
            use = None
        self.vars.append(Var(name, whole, use, None, self.span))

    def _holds_anywhere(self, use: SetUse) -> bool:
        """Whether membership is entry by entry and does not change with the binders."""
        facts = self.context.session.library.set(use.name)
        return facts is not None and facts.elementwise and not use.arguments

    def _under_clause(self, found: Constraint) -> Constraint:
        conditions = [c for c in (self.condition, found.condition) if c is not None]
        both = conditions[0] if conditions else None
        if len(conditions) == 2:
            both = Apply("and", tuple(conditions), shape=SCALAR, kind=Kind.BOOLEAN, span=self.span)
        return replace(found, binders=self.binders + found.binders, condition=both)


def entries_of(whole: VarValue, binders: tuple[Binder, ...], shape: Shape) -> Expr:
    """The part, of this shape, of a new var that belongs to the binders' present values."""
    if not binders:
        return whole
    items: tuple[At | Range, ...] = (
        *(At(_position(b, whole.span)) for b in binders),
        *(Range(ZERO, size) for size in shape),
    )
    return Subscript(whole, items, shape=shape, kind=Kind.REAL, span=whole.span)


def _position(binder: Binder, span: Span) -> Expr:
    """How many steps a binder is from its start: (b - start) / step."""
    value: Expr = BinderValue(binder, shape=SCALAR, kind=Kind.INTEGER, span=span)
    start, step = binder.start, binder.step
    if start != ZERO:
        offset: Expr = SizeValue(start, shape=SCALAR, kind=Kind.INTEGER, span=span)
        if start.value is not None:
            offset = Constant(start.value, shape=SCALAR, kind=Kind.INTEGER, span=span)
        value = Apply("subtract", (value, offset), shape=SCALAR, kind=Kind.INTEGER, span=span)
    if step != 1:
        divisor = Constant(step, shape=SCALAR, kind=Kind.INTEGER, span=span)
        value = Apply("divide", (value, divisor), shape=SCALAR, kind=Kind.INTEGER, span=span)
    return value
