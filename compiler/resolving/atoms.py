"""Atoms of the library and of the file: arguments by the header, the shape of the result."""

from __future__ import annotations

from collections.abc import Mapping

from karush.compiler.messages import atom_messages, shape_messages
from karush.compiler.model import Apply, Expr, Kind
from karush.compiler.names.context import Context
from karush.compiler.names.symbols import Callee, Poison, Scope, poison
from karush.compiler.resolving.arguments import bind_arguments, bind_sizes, bound_scope, check_index_arguments
from karush.compiler.resolving.emptiness import has_entries
from karush.compiler.resolving.operators import common_shape, is_number
from karush.dsl import ast
from karush.stdlib.atom import Atom
from karush.stdlib.shape import OPEN_RANK, SHAPE_RULES, Shape, ShapeError, result_shape

INTEGER_RESULT = frozenset({"sum", "prod", "max", "min", "abs", "sign", "maximum", "minimum", "square", "relu"})
"""Atoms that take whole numbers to whole numbers."""


def callee_of(atom: Atom) -> Callee:
    """The header of an atom, read in the empty scope: nothing outside the library is in sight of it."""
    return Callee("atom", atom.name, atom.declaration.header, Scope(None, kind="library"), is_elementwise(atom))


def has_shape_rule(atom: Atom) -> bool:
    """Whether the atom's primitive says which shapes it takes where the header says nothing."""
    unsized = all(p.sizes is None for p in atom.params)
    return atom.primitive in SHAPE_RULES and (unsized or atom.primitive in OPEN_RANK)


def is_elementwise(atom: Atom) -> bool:
    """Whether an argument without sizes may be an array, taken entry by entry or by the primitive's own rule."""
    return has_shape_rule(atom) or all(p.sizes is None for p in atom.params)


def takes_entries(atom: Atom) -> bool:
    """Whether the atom is a function of numbers, taken entry by entry of arrays of one shape."""
    return all(p.sizes is None for p in atom.params) and not has_shape_rule(atom)


def resolve_atom(context: Context, node: ast.Call, atom: Atom) -> Expr:
    """``atom(arguments)``."""
    callee = callee_of(atom)
    values = bind_arguments(context, node, callee)
    if values is None or not all(is_number(context, v) for v in values.values()):
        return poison(node.span)
    return apply_atom(context, node, atom, values)


def apply_atom(context: Context, node: ast.Expr, atom: Atom, values: Mapping[str, Expr]) -> Expr:
    """The application of an atom to values of all its arguments."""
    callee = callee_of(atom)
    sizes = bind_sizes(context, node, callee, values)
    if sizes is None:
        return poison(node.span)
    scope = bound_scope(callee, values, sizes)
    if not check_index_arguments(context, node, callee, values, scope):
        return poison(node.span)
    arguments = tuple(values[p.name] for p in atom.params)
    if arguments and not has_entries(context, node, atom.name, arguments[0].shape):
        return poison(node.span)
    shape = _result_shape(context, node, atom, arguments, scope)
    if shape is None or not _rules_fit(context, atom, arguments, shape, scope):
        return poison(node.span)
    return Apply(atom.name, arguments, shape=shape, kind=_kind(atom, arguments), span=node.span)


def _rules_fit(context: Context, atom: Atom, arguments: tuple[Expr, ...], shape: Shape, scope: Scope) -> bool:
    """Whether each rule of a file's own atom has a slope for every entry of the value in every entry of its argument.

    The rules of the library fit, and those of an atom that is taken entry by entry were looked at in its declaration.
    """
    if atom.name not in context.session.library.atoms or takes_entries(atom):
        return True
    for param, argument in zip(atom.params, arguments, strict=True):
        rule = atom.rules.get(param.name)
        if rule is None:
            continue
        slope = context.within(scope).expression(rule)
        if isinstance(slope, Poison) or not is_number(context, slope):
            return False
        if slope.shape and slope.shape != shape + argument.shape:
            context.report(atom_messages.rule_shape(rule, param.name, slope, shape, argument))
            return False
    return True


def _kind(atom: Atom, arguments: tuple[Expr, ...]) -> Kind:
    whole = atom.name in INTEGER_RESULT and all(a.kind is Kind.INTEGER for a in arguments)
    return Kind.INTEGER if whole else Kind.REAL


def _result_shape(
    context: Context, node: ast.Expr, atom: Atom, arguments: tuple[Expr, ...], scope: Scope
) -> Shape | None:
    if atom.value is not None and any(p.sizes is not None for p in atom.params):
        value = context.within(scope).expression(atom.value)
        return None if isinstance(value, Poison) else value.shape
    if atom.primitive is None or atom.primitive not in SHAPE_RULES:
        return common_shape(context, node, arguments)
    shape = result_shape(atom.primitive, tuple(a.shape for a in arguments))
    if isinstance(shape, ShapeError):
        context.report(shape_messages.primitive_shape(node, atom.name, arguments, shape))
        return None
    return shape
