"""The arguments of a call bound to a header: by place and by name, defaults, and the sizes that the call fixes."""

from __future__ import annotations

from collections.abc import Mapping

from karush.compiler.messages import call_messages, index_messages, shape_messages
from karush.compiler.messages.index_messages import IndexUse
from karush.compiler.model import Expr, Kind
from karush.compiler.names.context import Context
from karush.compiler.names.sizes import bind_names, solve_names, substitute_shape
from karush.compiler.names.symbols import Callee, DimSymbol, Poison, Scope, ValueSymbol
from karush.compiler.resolving.dimensions import find_shape, find_size, header_sizes
from karush.compiler.resolving.subscripts import proved_in_range
from karush.dsl import ast
from karush.stdlib.shape import Shape, Size


def bind_arguments(context: Context, node: ast.Call, callee: Callee) -> dict[str, Expr] | None:
    """The value of every header name, defaults filled in; None after a finding or with poison among them."""
    given = match_arguments(context, node, callee)
    if given is None:
        return None
    values: dict[str, Expr] = {}
    for item in callee.header:
        if item.name in given:
            values[item.name] = context.expression(given[item.name].value)
        elif item.default is not None:
            scope = Scope(callee.scope, kind="fn")
            for name, value in values.items():
                scope.names[name] = ValueSymbol(name, None, "argument", value)
            values[item.name] = context.within(scope).expression(item.default)
    return None if any(isinstance(v, Poison) for v in values.values()) else values


def match_arguments(context: Context, node: ast.Call, callee: Callee) -> dict[str, ast.Argument] | None:
    """The argument that stands for each header name; None, with the cause reported, where they do not fit."""
    names = [item.name for item in callee.header]
    given: dict[str, ast.Argument] = {}
    finding = None
    for place, argument in enumerate(node.arguments):
        if argument.name is None and place >= len(names):
            finding = finding or call_messages.too_many_arguments(node, callee.word, callee.name, callee.header)
            continue
        name = argument.name if argument.name is not None else names[place]
        if name not in names:
            finding = finding or call_messages.unknown_argument(argument, callee.word, callee.name, callee.header)
        elif name in given:
            finding = finding or call_messages.argument_twice(argument, name, given[name])
        else:
            given[name] = argument
    missing = [i.name for i in callee.header if i.name not in given and i.default is None]
    if missing and finding is None:
        finding = call_messages.missing_arguments(node, callee.word, callee.name, missing, callee.header)
    if finding is None:
        return given
    for argument in node.arguments:
        context.expression(argument.value)
    context.report(finding)
    return None


# ---------------------------------------------------------------- sizes


def _token(name: str) -> str:
    """The name of a header size while it is open; no dim of a file is called so."""
    return f"?{name}"


def pattern_context(context: Context, callee: Callee) -> Context:
    """A context in which the size names of the header are open sizes."""
    scope = Scope(callee.scope, kind="fn")
    for name in header_sizes(callee.header):
        scope.names[name] = DimSymbol(name, None, Size.of(_token(name)))
    return context.within(scope)


def bind_sizes(context: Context, node: ast.Node, callee: Callee, values: Mapping[str, Expr]) -> dict[str, Size] | None:
    """The actual size of every size name of the header, by the shapes of the values; None after a finding."""
    patterns: dict[str, Shape] = {}
    inside = pattern_context(context, callee)
    for item in callee.header:
        shape = find_shape(inside, item.sizes)
        if shape is None:
            return None
        patterns[item.name] = shape
    sized = [i for i in callee.header if i.sizes or not callee.elementwise]
    for item in sized:
        if len(values[item.name].shape) != len(patterns[item.name]):
            context.report(shape_messages.argument_rank(node, callee, item, values[item.name]))
            return None
    open_names = frozenset(_token(name) for name in header_sizes(callee.header))
    bound: dict[str, Size] = {}
    for solve in (bind_names, solve_names):
        for item in sized:
            solve(patterns[item.name], values[item.name].shape, open_names, bound)
    for item in sized:
        if substitute_shape(patterns[item.name], bound) != values[item.name].shape:
            finding = shape_messages.argument_sizes(node, callee, item, values, _names(bound))
            context.report(finding)
            return None
    return _names(bound)


def _names(bound: Mapping[str, Size]) -> dict[str, Size]:
    return {name[1:]: size for name, size in bound.items()}


def bound_scope(callee: Callee, values: Mapping[str, Expr], sizes: Mapping[str, Size]) -> Scope:
    """The scope of a body: header names stand for the values, size names for the actual sizes."""
    scope = Scope(callee.scope, kind="fn")
    for item in callee.header:
        scope.names[item.name] = ValueSymbol(item.name, item.span, "argument", values[item.name])
    for name, size in sizes.items():
        scope.names[name] = DimSymbol(name, None, size)
    return scope


def check_index_arguments(
    context: Context, node: ast.Node, callee: Callee, values: Mapping[str, Expr], scope: Scope
) -> bool:
    """An argument declared ``in index(k)`` is a whole number that is proved to lie in 0 … k - 1."""
    for item in callee.header:
        declared = index_size(item)
        if declared is None or item.name not in values:
            continue
        size = find_size(context.within(scope), declared)
        value = values[item.name]
        if size is None:
            return False
        if value.kind is not Kind.INTEGER:
            context.report(index_messages.index_not_integer(value, item.name))
            return False
        if not proved_in_range(context, value, size):
            use = IndexUse(node, value, 0, value, size)
            context.report(index_messages.index_out_of_range(use, value, context))
            return False
    return True


def trust_index_arguments(context: Context, callee: Callee, values: Mapping[str, Expr]) -> None:
    """Take arguments declared ``in index(k)`` for such, where the call was checked when it was resolved."""
    for item in callee.header:
        declared = index_size(item)
        size = find_size(context, declared) if declared is not None else None
        if size is not None:
            context.session.index_sizes[values[item.name]] = size


def index_size(item: ast.Declaration) -> ast.Expr | None:
    """The k of ``in index(k)`` in a declaration."""
    match item.set:
        case ast.Call(function=ast.Name(id="index"), arguments=(argument,)):
            return argument.value
    return None
