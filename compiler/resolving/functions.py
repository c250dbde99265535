"""Calls of a ``fn``: the body is resolved with the arguments in place of the header names (they are shared nodes)."""

from __future__ import annotations

from dataclasses import replace

from karush.compiler.messages import call_messages, name_messages
from karush.compiler.model import Expr, Kind, ParamValue
from karush.compiler.names.context import Block, Context
from karush.compiler.names.symbols import (
    HIDDEN_IN_FN,
    Callee,
    DimSymbol,
    FnSymbol,
    Poison,
    PoisonSymbol,
    Scope,
    ValueSymbol,
    poison,
)
from karush.compiler.resolving.arguments import (
    bind_arguments,
    bind_sizes,
    bound_scope,
    check_index_arguments,
    index_size,
)
from karush.compiler.resolving.dimensions import find_shape, find_size, header_sizes
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic
from karush.stdlib.shape import Size

MAX_CALLS = 10_000
"""Fns call only fns declared before, so calls come to an end; two calls in each of 30 fns would be a billion in all."""


def callee_of(symbol: FnSymbol) -> Callee:
    """The header of a fn; a name without sizes takes an array of any shape, as in Python."""
    scope = Scope(symbol.scope, kind="fn", hides=HIDDEN_IN_FN)
    return Callee("fn", symbol.name, symbol.declaration.header, scope, True)


def inline(context: Context, node: ast.Call, symbol: FnSymbol) -> Expr:
    """``f(a, b)``: the value of the body. Findings in the body say by which call they came."""
    context.session.called_fns.add(id(symbol.declaration))
    if node.clause is not None:
        return context.refuse(call_messages.clause_in_call(node, symbol.name), node.span)
    callee = callee_of(symbol)
    values = bind_arguments(context, node, callee)
    if values is None:
        return poison(node.span)
    sizes = bind_sizes(context, node, callee, values)
    if sizes is None:
        return poison(node.span)
    scope = bound_scope(callee, values, sizes)
    if not check_index_arguments(context, node, callee, values, scope):
        return poison(node.span)
    session = context.session
    key = (id(symbol.declaration), tuple(values.values()), context.facts, context.binders)
    if key in session.inlined:
        return session.inlined[key]
    if len(session.inlined) >= MAX_CALLS:
        return context.give_up(call_messages.too_many_calls(node, MAX_CALLS), node.span)
    outer, session.findings = session.findings, []
    session.active_fns = (*session.active_fns, symbol.name)
    value = _body(context.within(scope), symbol.declaration)
    session.active_fns = session.active_fns[:-1]
    session.findings = outer + [_in_call(finding, node) for finding in session.findings]
    session.inlined[key] = value
    return value


def _in_call(finding: Diagnostic, node: ast.Call) -> Diagnostic:
    if any(kind == "note" and text.startswith("in the call") for kind, text in finding.notes):
        return finding
    note = ("note", f"in the call `{node.span.text}`, line {node.span.line}")
    return replace(finding, notes=(*finding.notes, note))


def _body(context: Context, declaration: ast.Fn) -> Expr:
    for statement in declaration.body:
        if isinstance(statement, ast.Return):
            return context.expression(statement.value)
        value = context.expression(statement.value)
        declared = context.scope.names.get(statement.name)
        if declared is not None:
            context.report(name_messages.declared_twice(statement.name, statement.name_span, declared))
            continue
        if isinstance(value, Poison):
            context.scope.names[statement.name] = PoisonSymbol(statement.name, statement.name_span)
        else:
            symbol = ValueSymbol(statement.name, statement.name_span, "argument", value)
            context.scope.names[statement.name] = symbol
    return poison(declaration.span)


# ---------------------------------------------------------------- a fn that is never called


def check_uncalled(context: Context, symbol: FnSymbol) -> None:
    """Look for slips of names in the body of a fn that nothing calls; sizes are known only at a call."""
    declaration = symbol.declaration
    scratch = replace(context.session, findings=[], reported=set(), index_sizes=dict(context.session.index_sizes))
    scope = Scope(symbol.scope, kind="fn", hides=HIDDEN_IN_FN)
    for name in header_sizes(declaration.header):
        scope.names[name] = DimSymbol(name, None, Size.of(name))
    inside = replace(context, session=scratch, scope=scope, block=Block())
    for item in declaration.header:
        scope.names[item.name] = _sample(inside, item)
    _body(inside, declaration)
    for finding in scratch.findings:
        if finding.code.startswith(("E01", "E02")):
            context.report(finding)


def _sample(context: Context, item: ast.Declaration) -> PoisonSymbol | ValueSymbol:
    """A param that stands for an argument; poison where its rank is open."""
    shape = find_shape(context, item.sizes)
    if shape is None or not item.sizes:
        return PoisonSymbol(item.name, item.span)
    declared = index_size(item)
    kind = Kind.REAL if declared is None else Kind.INTEGER
    value = ParamValue(item.name, shape=shape, kind=kind, span=item.name_span)
    size = find_size(context, declared) if declared is not None else None
    if size is not None:
        context.session.index_sizes[value] = size
    return ValueSymbol(item.name, item.span, "argument", value)
