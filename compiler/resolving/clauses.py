"""``for`` clauses: binders, index sets, filters; reductions and comprehensions over them."""

from __future__ import annotations

from dataclasses import dataclass

from karush.compiler.messages import call_messages, name_messages, shape_messages
from karush.compiler.model import Binder, BinderValue, Comprehension, Expr, Kind, Reduce
from karush.compiler.names.bounds import ONE, ZERO, facts_of
from karush.compiler.names.context import Context
from karush.compiler.names.sizes import as_name, ceiling_quotient
from karush.compiler.names.symbols import (
    DimSymbol,
    Poison,
    PoisonSymbol,
    Scope,
    Symbol,
    ValueSymbol,
    poison,
)
from karush.compiler.resolving.dimensions import find_size, mentions_binder
from karush.compiler.resolving.emptiness import has_entries
from karush.compiler.resolving.operators import is_number
from karush.dsl import ast
from karush.stdlib.shape import Size

REDUCTIONS = frozenset({"sum", "mean", "prod", "max", "min", "logsumexp"})
CLASHING_ROLES = frozenset({"param", "var", "let", "argument"})


@dataclass(frozen=True)
class ResolvedClause:
    """The binders and the filter of a clause, and the context inside it. ``sound`` is False after a finding."""

    binders: tuple[Binder, ...]
    condition: Expr | None
    context: Context
    sound: bool


def resolve_clause(context: Context, clause: ast.Clause | None) -> ResolvedClause:
    """Open the scope of a clause; without a clause the context stays as it is."""
    if clause is None:
        return ResolvedClause((), None, context, True)
    scope = Scope(context.scope, kind="clause")
    binders: list[Binder] = []
    sound = True
    for item in clause.binders:
        inner = context.over(tuple(binders), scope)
        symbol, binder = _bind(inner, item)
        if item.name in scope.names:
            context.report(name_messages.declared_twice(item.name, item.span, scope.names[item.name]))
            sound = False
            continue
        scope.names[item.name] = symbol
        sound = sound and binder is not None
        if binder is not None:
            binders.append(binder)
    inner = context.over(tuple(binders), scope)
    if clause.condition is None:
        return ResolvedClause(tuple(binders), None, inner, sound)
    condition = inner.expression(clause.condition)
    if isinstance(condition, Poison):
        return ResolvedClause(tuple(binders), None, inner, False)
    if condition.kind is not Kind.BOOLEAN or condition.shape:
        context.report(shape_messages.filter_not_a_condition(clause.condition, condition))
        return ResolvedClause(tuple(binders), None, inner, False)
    known = inner.knowing(facts_of(condition, inner.bounds()))
    return ResolvedClause(tuple(binders), condition, known, sound)


def _bind(context: Context, item: ast.Binder) -> tuple[Symbol, Binder | None]:
    clash = clashing_name(context, item.name)
    if clash is not None:
        context.report(name_messages.binder_reuses_name(item, clash))
    binder = _index_set(context, item)
    if binder is None or clash is not None:
        return PoisonSymbol(item.name, item.span), None
    value = BinderValue(binder, shape=(), kind=Kind.INTEGER, span=item.span)
    return ValueSymbol(item.name, item.span, "binder", value), binder


def clashing_name(context: Context, name: str) -> Symbol | None:
    """The param, var, let or label in sight whose name a binder may not reuse."""
    symbol = context.find(name)
    word = symbol.role if isinstance(symbol, ValueSymbol) else symbol.word if symbol is not None else ""
    if symbol is not None and word in CLASHING_ROLES:
        return symbol
    if any(level.kind == "fn" for level in context.scope.levels()):
        return None  # a fn sees no labels
    label = context.block.labels.get(name)
    return ValueSymbol(name, label.span, "label", poison(label.span)) if label is not None else None


# ---------------------------------------------------------------- index sets


def _index_set(context: Context, item: ast.Binder) -> Binder | None:
    """The range of a binder ``i in n`` or ``t in range(a, b, step)``."""
    if item.sizes is not None or item.domain is None:
        context.report(call_messages.binder_without_index_set(item))
        return None
    domain = item.domain
    if isinstance(domain, ast.Name):
        symbol = context.find(domain.id)
        if isinstance(symbol, DimSymbol):
            return Binder(item.name, symbol.size, dim=as_name(symbol.size), span=item.span)
        if isinstance(symbol, PoisonSymbol):
            return None
        size = None if symbol is not None else find_size(context, domain)
        if symbol is not None:
            context.report(call_messages.not_an_index_set(item, domain, symbol))
        return None if size is None else Binder(item.name, size, span=item.span)
    if is_range(domain):
        return range_binder(context, item.name, domain)
    context.report(call_messages.not_an_index_set(item, domain, None))
    return None


def is_range(node: ast.Expr) -> bool:
    """Whether an expression is a call of ``range``."""
    return isinstance(node, ast.Call) and isinstance(node.function, ast.Name) and node.function.id == "range"


def range_binder(context: Context, name: str, node: ast.Expr) -> Binder | None:
    """The binder that runs through ``range(stop)``, ``range(start, stop)`` or ``range(start, stop, step)``."""
    assert isinstance(node, ast.Call)
    values = [a.value for a in node.arguments]
    if not 1 <= len(values) <= 3 or node.clause is not None or any(a.name for a in node.arguments):
        context.report(call_messages.range_arguments(node))
        return None
    for value in values:
        if mentions_binder(context, value):
            context.report(call_messages.ragged_range(node, value))
            return None
    sizes = [find_size(context, value) for value in values]
    known = [s for s in sizes if s is not None]
    if len(known) < len(sizes):
        return None
    start, stop = (ZERO, known[0]) if len(known) == 1 else (known[0], known[1])
    step = known[2] if len(known) == 3 else ONE
    if step.value is None or step.value == 0:
        context.report(call_messages.range_step(values[2]))
        return None
    gap = stop - start if step.value > 0 else start - stop
    dim = as_name(stop) if start == ZERO and step == ONE else None
    return Binder(name, ceiling_quotient(gap, abs(step.value)), start, step.value, dim=dim, span=node.span)


def resolve_range(context: Context, node: ast.Call) -> Expr:
    """``range(a, b)`` as an array of integers."""
    binder = range_binder(context, "k", node)
    if binder is None:
        return poison(node.span)
    value = BinderValue(binder, shape=(), kind=Kind.INTEGER, span=node.span)
    return Comprehension((binder,), value, shape=(binder.length,), kind=Kind.INTEGER, span=node.span)


# ---------------------------------------------------------------- reductions and arrays


def resolve_reduction(context: Context, node: ast.Call, operator: str) -> Expr:
    """``sum(e for i in n if c)``: over the binders only."""
    clause = resolve_clause(context, node.clause)
    if len(node.arguments) != 1 or node.arguments[0].name is not None:
        return context.refuse(call_messages.reduction_arguments(node, operator), node.span)
    body = clause.context.expression(node.arguments[0].value)
    if isinstance(body, Poison) or not clause.sound or not is_number(context, body):
        return poison(node.span)
    lengths = () if clause.condition is not None else tuple(b.length for b in clause.binders)
    if not has_entries(context, node, operator, lengths):
        return poison(node.span)
    kind = body.kind if operator in ("sum", "prod", "max", "min") else Kind.REAL
    return Reduce(operator, clause.binders, clause.condition, body, shape=body.shape, kind=kind, span=node.span)


def resolve_comprehension(context: Context, node: ast.Comprehension) -> Expr:
    """``[e for i in n, j in m]``: the axes of the binders, then those of e."""
    clause = resolve_clause(context, node.clause)
    body = clause.context.expression(node.body)
    if node.clause.condition is not None:
        return context.refuse(call_messages.filtered_array(node), node.span)
    if isinstance(body, Poison) or not clause.sound:
        return poison(node.span)
    lengths: tuple[Size, ...] = tuple(b.length for b in clause.binders)
    return Comprehension(clause.binders, body, shape=lengths + body.shape, kind=body.kind, span=node.span)
