"""Expressions: each node of the syntax tree becomes a typed expression, or poison with its cause reported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from karush.compiler.messages import form_messages, name_messages, shape_messages
from karush.compiler.model import Apply, Constant, Expr, Kind, SizeValue, at
from karush.compiler.names.bounds import facts_of
from karush.compiler.names.context import Context, Expected
from karush.compiler.names.symbols import (
    DimSymbol,
    Poison,
    PoisonSymbol,
    RecordSymbol,
    Symbol,
    ValueSymbol,
    poison,
)
from karush.compiler.resolving.calls import resolve_call
from karush.compiler.resolving.clauses import resolve_comprehension
from karush.compiler.resolving.operators import apply_elementwise, is_number, join_kinds, matmul, transpose
from karush.compiler.resolving.records import resolve_field
from karush.compiler.resolving.subscripts import resolve_index
from karush.dsl import ast
from karush.stdlib.shape import Size

ARITHMETIC = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "^": "power"}
COMPARISON = {
    "==": "equal",
    "!=": "not_equal",
    "<": "less",
    "<=": "less_equal",
    ">": "greater",
    ">=": "greater_equal",
}


def resolve_expression(context: Context, node: ast.Expr) -> Expr:
    """The typed expression of a syntax tree."""
    return _RESOLVERS[type(node)](context, node)


# ---------------------------------------------------------------- leaves


def _number(context: Context, node: ast.Number) -> Expr:
    kind = Kind.INTEGER if isinstance(node.value, int) else Kind.REAL
    return Constant(node.value, shape=(), kind=kind, span=node.span)


def _boolean(context: Context, node: ast.Boolean) -> Expr:
    return Constant(node.value, shape=(), kind=Kind.BOOLEAN, span=node.span)


def _string(context: Context, node: ast.String) -> Expr:
    return context.refuse(name_messages.string_as_value(node.span), node.span)


def _name(context: Context, node: ast.Name) -> Expr:
    symbol, hider = context.scope.find(node.id)
    if symbol is None:
        return context.refuse(unknown(context, node, hider is not None), node.span)
    return use(context, node, symbol)


def unknown(context: Context, node: ast.Name, hidden: bool) -> Any:
    """The finding for a name that stands for no value here."""
    if hidden:
        return name_messages.out_of_sight(node, context.scope)
    if context.session.library.atom(node.id) is not None:
        return name_messages.not_a_value(node, "function", f"call it: `{node.id}(…)`")
    if context.session.library.set(node.id) is not None:
        return name_messages.not_a_value(node, "set", f"a set stands after `in`: `… in {node.id}`")
    return name_messages.unknown_name(node, context)


def use(context: Context, node: ast.Name, symbol: Symbol) -> Expr:
    """The expression that a name in use stands for."""
    match symbol:
        case PoisonSymbol():
            return poison(node.span)
        case DimSymbol(size=size):
            return _size_value(size, node)
        case ValueSymbol(role="argument", value=value):
            return value
        case ValueSymbol(value=Poison()):
            return poison(node.span)
        case ValueSymbol(value=template):
            return _leaf(context, node, symbol, template)
        case RecordSymbol():
            return context.refuse(name_messages.record_as_value(node, symbol.call), node.span)
    return context.refuse(name_messages.not_a_value(node, symbol.word, None), node.span)


def _leaf(context: Context, node: ast.Name, symbol: Symbol, template: Expr) -> Expr:
    leaf = at(template, node.span)
    session = context.session
    session.origins[leaf] = session.origin(template)
    if template in session.index_sizes:
        session.index_sizes[leaf] = session.index_sizes[template]
    if symbol.span is not None:
        session.places[leaf] = symbol.span
    return leaf


def _size_value(size: Size, node: ast.Expr) -> Expr:
    if size.value is not None:
        return Constant(size.value, shape=(), kind=Kind.INTEGER, span=node.span)
    return SizeValue(size, shape=(), kind=Kind.INTEGER, span=node.span)


# ---------------------------------------------------------------- operators


def _unary(context: Context, node: ast.Unary) -> Expr:
    operand = context.expression(node.operand)
    if isinstance(operand, Poison):
        return poison(node.span)
    if node.operator == "not":
        return apply_elementwise(context, node, "not", (operand,), Kind.BOOLEAN)
    if not is_number(context, operand):
        return poison(node.span)
    if node.operator == "+":
        return operand
    if isinstance(operand, Constant):
        return replace(operand, value=-operand.value, span=node.span)
    if isinstance(operand, SizeValue):
        return _size_value(Size.constant(-1) * operand.size, node)
    return Apply("negate", (operand,), shape=operand.shape, kind=operand.kind, span=node.span)


def _binary(context: Context, node: ast.Binary) -> Expr:
    """A left-leaning tree is walked with a loop, so that a sum of a thousand terms needs no deep stack."""
    spine: list[ast.Binary] = []
    inner: ast.Expr = node
    while isinstance(inner, ast.Binary):
        spine.append(inner)
        inner = inner.left
    value = context.expression(inner)
    for depth in range(len(spine) - 1, -1, -1):
        outer = spine[depth - 1] if depth else None
        value = _combine(context, spine[depth], value, outer)
    return value


def _combine(context: Context, node: ast.Binary, left: Expr, outer: ast.Binary | None) -> Expr:
    if node.operator == "and":
        facts = facts_of(left, context.bounds())
        right = context.knowing(facts).expression(node.right)
    else:
        right = context.expression(node.right, _expected_beside(context, node, left))
    if isinstance(left, Poison) or isinstance(right, Poison):
        return poison(node.span)
    if node.operator == "@":
        expected = context.expected if outer is None else _expected_of(context, outer)
        return matmul(context, node, left, right, expected)
    if node.operator in ("and", "or"):
        return apply_elementwise(context, node, node.operator, (left, right), Kind.BOOLEAN)
    if not (is_number(context, left) and is_number(context, right)):
        return poison(node.span)
    folded = _fold_sizes(node, left, right)
    if folded is not None:
        return folded
    return apply_elementwise(context, node, ARITHMETIC[node.operator], (left, right), None)


def _fold_sizes(node: ast.Binary, left: Expr, right: Expr) -> Expr | None:
    """``T + 1`` is a size, where one of the two is a dim."""
    if not (isinstance(left, SizeValue) or isinstance(right, SizeValue)):
        return None
    sizes = [_as_size(left), _as_size(right)]
    if sizes[0] is None or sizes[1] is None:
        return None
    match node.operator:
        case "+":
            return _size_value(sizes[0] + sizes[1], node)
        case "-":
            return _size_value(sizes[0] - sizes[1], node)
        case "*":
            return _size_value(sizes[0] * sizes[1], node)
    return None


def _as_size(expr: Expr) -> Size | None:
    if isinstance(expr, SizeValue):
        return expr.size
    if isinstance(expr, Constant) and expr.kind is Kind.INTEGER:
        return Size.constant(int(expr.value))
    return None


def _expected_beside(context: Context, node: ast.Binary, left: Expr) -> Expected | None:
    """What ``+`` and ``-`` expect of a product on their right."""
    if node.operator in ("+", "-") and not isinstance(left, Poison):
        return lambda: (left.shape, node.left.span.text)
    return None


def _expected_of(context: Context, outer: ast.Binary) -> Expected | None:
    """What ``+`` and ``-`` expect of a product on their left: the shape of what stands on their right."""
    if outer.operator not in ("+", "-"):
        return None

    def look() -> tuple[tuple[Size, ...], str] | None:
        other = context.expression(outer.right)
        return None if isinstance(other, Poison) else (other.shape, outer.right.span.text)

    return look


# ---------------------------------------------------------------- conditions


def _compare(context: Context, node: ast.Compare) -> Expr:
    operands = [context.expression(o) for o in node.operands]
    if any(isinstance(o, Poison) for o in operands):
        return poison(node.span)
    result: Expr | None = None
    for k, operator in enumerate(node.operators):
        pair = (operands[k], operands[k + 1])
        if operator not in ("==", "!=") and not all(is_number(context, o) for o in pair):
            return poison(node.span)
        link = apply_elementwise(context, node, COMPARISON[operator], pair, Kind.BOOLEAN)
        result = link if result is None else apply_elementwise(context, node, "and", (result, link), Kind.BOOLEAN)
    return result if result is not None else poison(node.span)


def _membership(context: Context, node: ast.Membership) -> Expr:
    return context.refuse(shape_messages.membership_as_value(node), node.span)


def _perp(context: Context, node: ast.Perp) -> Expr:
    return context.refuse(form_messages.perp_as_value(node), node.span)


def _if_else(context: Context, node: ast.IfElse) -> Expr:
    condition = context.expression(node.condition)
    bounds = context.bounds()
    then = context.knowing(facts_of(condition, bounds)).expression(node.then)
    orelse = context.knowing(facts_of(condition, bounds, holds=False)).expression(node.orelse)
    if any(isinstance(e, Poison) for e in (condition, then, orelse)):
        return poison(node.span)
    if condition.kind is not Kind.BOOLEAN:
        return context.refuse(shape_messages.not_a_condition(condition.span), node.span)
    if (then.kind is Kind.BOOLEAN) != (orelse.kind is Kind.BOOLEAN):
        return context.refuse(shape_messages.mixed_branches(node, then), node.span)
    kind = join_kinds((then, orelse))
    return apply_elementwise(context, node, "if", (condition, then, orelse), kind)


# ---------------------------------------------------------------- fields and arrays


def _attribute(context: Context, node: ast.Attribute) -> Expr:
    if node.name == "T":
        value = context.expression(node.value)
        return poison(node.span) if isinstance(value, Poison) else transpose(context, node, value)
    return resolve_field(context, node)


def _array(context: Context, node: ast.Array) -> Expr:
    items = [context.expression(i) for i in node.items]
    if any(isinstance(i, Poison) for i in items):
        return poison(node.span)
    for item in items[1:]:
        if item.shape != items[0].shape:
            return context.refuse(shape_messages.array_items_differ(node, items[0], item), node.span)
    shape = (Size.constant(len(items)), *items[0].shape)
    return Apply("stack", tuple(items), shape=shape, kind=join_kinds(items), span=node.span)


_RESOLVERS: dict[type, Callable[[Context, Any], Expr]] = {
    ast.Number: _number,
    ast.Boolean: _boolean,
    ast.String: _string,
    ast.Name: _name,
    ast.Unary: _unary,
    ast.Binary: _binary,
    ast.Compare: _compare,
    ast.Membership: _membership,
    ast.Perp: _perp,
    ast.IfElse: _if_else,
    ast.Attribute: _attribute,
    ast.Index: resolve_index,
    ast.Call: resolve_call,
    ast.Array: _array,
    ast.Comprehension: resolve_comprehension,
}
