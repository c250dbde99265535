"""Sizes as they are written: integers and dims with ``+ - *``; and the size names that a header binds anew."""

from __future__ import annotations

from collections.abc import Iterator

from karush.compiler.messages import name_messages, shape_messages
from karush.compiler.names.context import Context
from karush.compiler.names.symbols import DimSymbol, PoisonSymbol, ValueSymbol
from karush.dsl import ast
from karush.stdlib.shape import Shape, Size


def find_size(context: Context, node: ast.Expr) -> Size | None:
    """The size that an expression says; None, with the cause reported, where it says none. It may be negative."""
    match node:
        case ast.Number(value=int() as value):
            return Size.constant(value)
        case ast.Name():
            return _named_size(context, node)
        case ast.Unary(operator="-" | "+"):
            size = find_size(context, node.operand)
            return size if size is None or node.operator == "+" else Size.constant(-1) * size
        case ast.Binary(operator="+" | "-" | "*"):
            return _chain_of_sizes(context, node)
    context.report(shape_messages.not_a_size(node))
    return None


def _chain_of_sizes(context: Context, node: ast.Binary) -> Size | None:
    """``a + b * c - …``, from the left with a loop."""
    spine: list[ast.Binary] = []
    first: ast.Expr = node
    while isinstance(first, ast.Binary) and first.operator in "+-*":
        spine.append(first)
        first = first.left
    size = find_size(context, first)
    for outer in reversed(spine):
        right = find_size(context, outer.right)
        size = None if size is None or right is None else _combined(outer.operator, size, right)
    return size


def _combined(operator: str, left: Size, right: Size) -> Size:
    match operator:
        case "+":
            return left + right
        case "-":
            return left - right
    return left * right


def _named_size(context: Context, node: ast.Name) -> Size | None:
    symbol, hider = context.scope.find(node.id)
    match symbol:
        case DimSymbol(size=size):
            return size
        case PoisonSymbol():
            return None
        case None if hider is not None:
            context.report(name_messages.out_of_sight(node, context.scope))
        case None:
            context.report(name_messages.unknown_name(node, context, wanted="dim"))
        case _:
            context.report(shape_messages.name_not_a_size(node, symbol))
    return None


def find_shape(context: Context, sizes: tuple[ast.Expr, ...]) -> Shape | None:
    """The shape in the brackets of a declaration; None, with the cause reported, where a size is none."""
    found = [find_size(context, size) for size in sizes]
    shape: list[Size] = []
    for node, size in zip(sizes, found, strict=True):
        if size is None:
            return None
        if size.value is not None and size.value < 0:
            context.report(shape_messages.negative_size(node, size))
            return None
        shape.append(size)
    return tuple(shape)


def names_in(node: ast.Node | None) -> Iterator[ast.Name]:
    """The names in a size expression."""
    pending = [node]
    while pending:
        match pending.pop():
            case ast.Name() as name:
                yield name
            case ast.Unary(operand=operand):
                pending.append(operand)
            case ast.Binary(left=left, right=right):
                pending += [right, left]


def header_sizes(header: tuple[ast.Declaration, ...]) -> tuple[str, ...]:
    """The size names that a header binds anew, in order of appearance."""
    return tuple(dict.fromkeys(n.id for item in header for size in item.sizes for n in names_in(size)))


def mentions_binder(context: Context, node: ast.Expr) -> bool:
    """Whether a binder in sight occurs in an expression of signs and operators."""
    for name in names_in(node):
        symbol = context.find(name.id)
        if isinstance(symbol, ValueSymbol) and symbol.role == "binder":
            return True
    return False
