"""Solution records of inner models, their fields, and ``dual(label)``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from karush.compiler.messages import call_messages, form_messages, name_messages
from karush.compiler.model import DualValue, Expr, Kind, ModelCall, ModelField
from karush.compiler.names.context import Context
from karush.compiler.names.labels import LabelInfo, labels_of
from karush.compiler.names.sizes import substitute, substitute_shape
from karush.compiler.names.symbols import (
    Callee,
    ModelSymbol,
    Poison,
    PoisonSymbol,
    RecordSymbol,
    Scope,
    poison,
)
from karush.compiler.resolving.arguments import bind_arguments, bind_sizes, bound_scope, check_index_arguments
from karush.compiler.resolving.dimensions import find_size
from karush.dsl import ast
from karush.stdlib.shape import SCALAR, Shape, Size


def resolve_record(context: Context, node: ast.Expr) -> ModelCall | Poison | None:
    """The record that a name or the call of an inner model stands for; None where it is no record."""
    if isinstance(node, ast.Name):
        symbol = context.find(node.id)
        if isinstance(symbol, RecordSymbol):
            return symbol.call
        return poison(node.span) if isinstance(symbol, PoisonSymbol) else None
    if isinstance(node, ast.Call) and isinstance(node.function, ast.Name):
        symbol = context.find(node.function.id)
        if isinstance(symbol, ModelSymbol):
            return _call(context, node, symbol) or poison(node.span)
    return None


def _call(context: Context, node: ast.Call, symbol: ModelSymbol) -> ModelCall | None:
    if node.clause is not None:
        context.report(call_messages.clause_in_call(node, symbol.name))
        return None
    callee = Callee("model", symbol.name, symbol.header, Scope(symbol.scope, kind="fn"), False)
    node, given = _given_sizes(context, node, symbol)
    values = bind_arguments(context, node, callee)
    sizes = bind_sizes(context, node, callee, values) if values is not None else None
    if values is None or sizes is None:
        return None
    sizes = _all_sizes(context, node, symbol, {**given, **sizes})
    if sizes is None:
        return None
    scope = bound_scope(callee, values, sizes)
    if not check_index_arguments(context, node, callee, values, scope):
        return None
    for value in symbol.captured.values():
        names = {name for size in value.shape for name in size.dims()}
        clash = {name for name in names & sizes.keys() if sizes[name] != Size.of(name)}
        if clash:
            context.report(call_messages.hidden_size(node, symbol.name, value, min(clash)))
            return None
    asked = (replace(c, size=substitute(c.size, sizes), span=node.span) for c in symbol.model.conditions)
    context.block.conditions.extend(asked)
    return ModelCall(symbol.model, {**symbol.captured, **values}, sizes, node.span)


def _given_sizes(context: Context, node: ast.Call, symbol: ModelSymbol) -> tuple[ast.Call, dict[str, Size]]:
    """The call without the sizes that it names (``mpc(T = 30, A = A)``), and these."""
    params = {item.name for item in symbol.header}
    named = [a for a in node.arguments if a.name in symbol.model.dims and a.name not in params]
    found = {a.name: find_size(context, a.value) for a in named if a.name is not None}
    rest = tuple(a for a in node.arguments if a not in named)
    return replace(node, arguments=rest), {name: size for name, size in found.items() if size is not None}


def _all_sizes(context: Context, node: ast.Call, symbol: ModelSymbol, sizes: dict[str, Size]) -> dict[str, Size] | None:
    """The sizes of the model's dims, defaults filled in; None, with the cause reported, where one stays open."""
    for name, dim in symbol.model.dims.items():
        if name not in sizes and dim.default is not None:
            sizes[name] = substitute(dim.default, sizes)
        if name not in sizes:
            context.report(call_messages.open_size(node, symbol.name, name))
            return None
    return sizes


# ---------------------------------------------------------------- fields


def resolve_field(context: Context, node: ast.Attribute) -> Expr:
    """``record.W``, ``record.dual.margin.lower``, ``dual(rate).lower``."""
    base: ast.Expr = node
    names: list[str] = []
    while isinstance(base, ast.Attribute):
        names.append(base.name)
        base = base.value
    path = tuple(reversed(names))
    if is_dual(context, base) and len(path) == 1:
        assert isinstance(base, ast.Call)
        return _dual_call(context, base, path[0])
    record = context.record(base)
    if record is None:
        value = context.expression(node.value)
        if isinstance(value, Poison):
            return poison(node.span)
        return context.refuse(name_messages.no_fields(node, value), node.span)
    if isinstance(record, Poison):
        return poison(node.span)
    shape = _field_shape(record, path)
    if shape is None:
        return context.refuse(name_messages.no_such_field(node, path, record), node.span)
    kind = Kind.INTEGER if path == ("status",) else Kind.REAL
    return ModelField(record, path, shape=substitute_shape(shape, record.sizes), kind=kind, span=node.span)


def _field_shape(record: ModelCall, path: tuple[str, ...]) -> Shape | None:
    model = record.model
    match path:
        case ("objective",) if model.objective is not None:
            return SCALAR
        case ("status",):
            return SCALAR
        case (name,) if name in model.vars:
            return model.vars[name].shape
        case (name,) if name in model.lets:
            return model.lets[name].shape
        case ("dual", *rest):
            return _dual_shape(labels_of(model), tuple(rest))
    return None


def _dual_shape(labels: Mapping[str, LabelInfo], path: tuple[str, ...]) -> Shape | None:
    if not path or path[0] not in labels:
        return None
    info = labels[path[0]]
    if not info.sides:
        return info.shape if len(path) == 1 else None
    return info.shape if len(path) == 2 and path[1] in info.sides else None


# ---------------------------------------------------------------- duals of the file's own rows


def is_dual(context: Context, node: ast.Expr) -> bool:
    """Whether an expression is a call of the language's ``dual``."""
    named = isinstance(node, ast.Call) and isinstance(node.function, ast.Name) and node.function.id == "dual"
    return named and context.find("dual") is None


def resolve_dual(context: Context, node: ast.Call) -> Expr:
    """``dual(label)``, ``dual(label.lower)``."""
    return _dual_call(context, node, None)


def _dual_call(context: Context, node: ast.Call, side: str | None) -> Expr:
    argument = node.arguments[0].value if len(node.arguments) == 1 else None
    if isinstance(argument, ast.Attribute) and side is None:
        side, argument = argument.name, argument.value
    place = argument if isinstance(argument, ast.Name) else None
    if place is None or node.arguments[0].name is not None or node.clause is not None:
        return context.refuse(form_messages.dual_arguments(node), node.span)
    info = context.block.labels.get(place.id)
    if info is None:
        if place.id in context.block.broken_labels or isinstance(context.find(place.id), PoisonSymbol):
            return poison(node.span)
        return context.refuse(form_messages.no_such_dual(place, context), node.span)
    if not info.has_dual:
        return context.refuse(form_messages.label_without_dual(place, info), node.span)
    if side is None and info.sides:
        return context.refuse(form_messages.dual_needs_side(node, info), node.span)
    if side is not None and side not in info.sides:
        return context.refuse(form_messages.dual_without_side(node, info, side), node.span)
    return DualValue(info.name, side, shape=info.shape, kind=Kind.REAL, span=node.span)
