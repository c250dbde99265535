"""Functions whose result is told by their arguments' shapes: concat, stack, zeros, ones, eye, reshape, norm."""

from __future__ import annotations

from karush.compiler.messages import call_messages, shape_messages
from karush.compiler.model import Apply, Expr, Kind
from karush.compiler.names.context import Context
from karush.compiler.names.symbols import Poison, poison
from karush.compiler.resolving.atoms import apply_atom, resolve_atom
from karush.compiler.resolving.dimensions import find_shape
from karush.compiler.resolving.operators import is_number, join_kinds
from karush.dsl import ast
from karush.stdlib.shape import Shape, Size


def _values(context: Context, node: ast.Call) -> list[Expr] | None:
    """The arguments of a function that takes any number of arrays; None after a finding."""
    for argument in node.arguments:
        if argument.name is not None:
            context.report(call_messages.unexpected_name(argument, node))
            return None
    values = [context.expression(a.value) for a in node.arguments]
    if not values:
        context.report(call_messages.too_few_values(node))
        return None
    return None if any(isinstance(v, Poison) for v in values) else values


def concat(context: Context, node: ast.Call) -> Expr:
    """``concat(a, b, …)``: one after the other along the first axis."""
    values = _values(context, node)
    if values is None:
        return poison(node.span)
    for value in values:
        if not value.shape:
            return context.refuse(shape_messages.concat_scalar(node, value), node.span)
        if value.shape[1:] != values[0].shape[1:]:
            return context.refuse(shape_messages.array_items_differ(node, values[0], value), node.span)
    length = sum((v.shape[0] for v in values), Size.constant(0))
    shape = (length, *values[0].shape[1:])
    return Apply("concat", tuple(values), shape=shape, kind=join_kinds(values), span=node.span)


def stack(context: Context, node: ast.Call) -> Expr:
    """``stack(a, b, …)``: arrays of one shape along a new first axis."""
    values = _values(context, node)
    if values is None:
        return poison(node.span)
    for value in values:
        if value.shape != values[0].shape:
            return context.refuse(shape_messages.array_items_differ(node, values[0], value), node.span)
    shape = (Size.constant(len(values)), *values[0].shape)
    return Apply("stack", tuple(values), shape=shape, kind=join_kinds(values), span=node.span)


def _sizes(context: Context, node: ast.Call, least: int, most: int) -> Shape | None:
    """The arguments of a function of sizes; None after a finding."""
    if not least <= len(node.arguments) <= most or any(a.name for a in node.arguments):
        context.report(call_messages.size_arguments(node, least, most))
        return None
    return find_shape(context, tuple(a.value for a in node.arguments))


def filled(context: Context, node: ast.Call) -> Expr:
    """``zeros(n, m)`` and ``ones(n)``."""
    shape = _sizes(context, node, 1, 8)
    if shape is None:
        return poison(node.span)
    name = node.function.id if isinstance(node.function, ast.Name) else "zeros"
    return Apply(name, (), shape=shape, kind=Kind.REAL, span=node.span)


def eye(context: Context, node: ast.Call) -> Expr:
    """``eye(n)``: the identity matrix."""
    shape = _sizes(context, node, 1, 1)
    if shape is None:
        return poison(node.span)
    return Apply("eye", (), shape=shape * 2, kind=Kind.REAL, span=node.span)


def reshape(context: Context, node: ast.Call) -> Expr:
    """``reshape(x, n, m)``: the entries of x, row-major, in another shape with as many entries."""
    if not node.arguments:
        return context.refuse(call_messages.too_few_values(node), node.span)
    value = context.expression(node.arguments[0].value)
    if len(node.arguments) < 2 or any(a.name for a in node.arguments):
        return context.refuse(call_messages.size_arguments(node, 1, 8), node.span)
    shape = find_shape(context, tuple(a.value for a in node.arguments[1:]))
    if shape is None or isinstance(value, Poison):
        return poison(node.span)
    if entries(shape) != entries(value.shape):
        return context.refuse(shape_messages.reshape_count(node, value, shape), node.span)
    return Apply("reshape", (value,), shape=shape, kind=value.kind, span=node.span)


def entries(shape: Shape) -> Size:
    """How many entries an array of this shape has."""
    count = Size.constant(1)
    for size in shape:
        count = count * size
    return count


NAMED_NORMS = {1: "norm1", 2: "norm2"}


def norm(context: Context, node: ast.Call) -> Expr:
    """``norm(x, p)``: for p = 1 and p = 2 it is the norm of that name."""
    atoms = context.session.library
    match node.arguments:
        case (ast.Argument(name=None), ast.Argument(value=ast.Number(value=p))) if p in NAMED_NORMS:
            special = atoms.atom(NAMED_NORMS[int(p)])
            value = context.expression(node.arguments[0].value)
            if special is None or isinstance(value, Poison) or not is_number(context, value):
                return poison(node.span)
            return apply_atom(context, node, special, {special.params[0].name: value})
    general = atoms.atom("norm")
    return poison(node.span) if general is None else resolve_atom(context, node, general)
