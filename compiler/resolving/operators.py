"""Shapes and kinds of operators: elementwise ones (only scalars broadcast), ``@`` and ``.T``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from karush.compiler.messages import shape_messages
from karush.compiler.model import Apply, Constant, Expr, Kind
from karush.compiler.names.context import Context, Expected
from karush.compiler.names.symbols import poison
from karush.dsl import ast
from karush.stdlib.shape import Shape

INTEGER_OPERATORS = frozenset({"add", "subtract", "multiply", "negate", "maximum", "minimum"})


def is_number(context: Context, expr: Expr) -> bool:
    """Whether the entries are numbers; a truth value in their place is reported."""
    if expr.kind is Kind.BOOLEAN:
        context.report(shape_messages.condition_as_number(expr.span))
        return False
    return True


def join_kinds(items: Iterable[Expr]) -> Kind:
    """BOOLEAN if all are, INTEGER if all are integers, else REAL."""
    kinds = {item.kind for item in items}
    return kinds.pop() if len(kinds) == 1 else Kind.REAL


def broadcast(items: Sequence[Expr]) -> Shape | tuple[Expr, Expr]:
    """The common shape where each item is a scalar or has that shape; else the first two that differ."""
    arrays = [item for item in items if item.shape]
    for item in arrays[1:]:
        if item.shape != arrays[0].shape:
            return arrays[0], item
    return arrays[0].shape if arrays else ()


def common_shape(context: Context, node: ast.Node, items: Sequence[Expr]) -> Shape | None:
    """The shape that the items broadcast to; None, with the finding reported, where there is none."""
    arrays = [item for item in items if item.shape]
    for item in arrays[1:]:
        if item.shape != arrays[0].shape:
            context.report(shape_messages.shapes_differ(node, arrays[0], item, context.session.places))
            return None
    return arrays[0].shape if arrays else ()


def apply_elementwise(
    context: Context, node: ast.Expr, atom: str, arguments: tuple[Expr, ...], kind: Kind | None
) -> Expr:
    """``atom(arguments)`` entry by entry; with ``kind`` None the kind follows from the arguments."""
    if atom in ("and", "or", "not"):
        for argument in arguments:
            if argument.kind is not Kind.BOOLEAN:
                return context.refuse(shape_messages.not_a_condition(argument.span), node.span)
    shape = common_shape(context, node, arguments)
    if shape is None:
        return poison(node.span)
    return Apply(atom, arguments, shape=shape, kind=kind or _arithmetic_kind(atom, arguments), span=node.span)


def _arithmetic_kind(atom: str, arguments: tuple[Expr, ...]) -> Kind:
    if any(a.kind is not Kind.INTEGER for a in arguments):
        return Kind.REAL
    if atom in INTEGER_OPERATORS:
        return Kind.INTEGER
    if atom == "power":
        exponent = arguments[1]
        whole = isinstance(exponent, Constant) and exponent.value >= 0
        return Kind.INTEGER if whole else Kind.REAL
    return Kind.REAL


def product_shape(left: Shape, right: Shape) -> Shape | None:
    """Shape of ``left @ right`` for vectors and matrices; None where inner sizes differ."""
    return left[:-1] + right[1:] if left[-1] == right[0] else None


def matmul(context: Context, node: ast.Binary, left: Expr, right: Expr, expected: Expected | None) -> Expr:
    """``left @ right``."""
    if not (is_number(context, left) and is_number(context, right)):
        return poison(node.span)
    for side in (left, right):
        if len(side.shape) not in (1, 2):
            return context.refuse(shape_messages.matmul_needs_arrays(node, left, right, side), node.span)
    shape = product_shape(left.shape, right.shape)
    if shape is None:
        wanted = expected() if expected is not None else None
        finding = shape_messages.matmul_sizes(node, left, right, wanted, context.session.places)
        return context.refuse(finding, node.span)
    kind = join_kinds((left, right))
    return Apply("matmul", (left, right), shape=shape, kind=kind, span=node.span)


def transpose(context: Context, node: ast.Attribute, value: Expr) -> Expr:
    """``value.T``; a vector is its own transpose, as in NumPy."""
    if len(value.shape) <= 1:
        return value
    if len(value.shape) > 2:
        return context.refuse(shape_messages.transpose_rank(node, value), node.span)
    return Apply("transpose", (value,), shape=value.shape[::-1], kind=value.kind, span=node.span)
