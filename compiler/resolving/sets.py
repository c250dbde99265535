"""Sets after ``in``: on params (checked), on vars and in constraints (rows), in headers."""

from __future__ import annotations

from karush.compiler.declarations import literal, set_interval
from karush.compiler.messages import call_messages, form_messages, name_messages, shape_messages
from karush.compiler.model import Expr, Kind, ParamValue, SetUse
from karush.compiler.names.context import Context
from karush.compiler.names.symbols import Callee, Poison, PoisonSymbol, Scope, SetSymbol, Symbol
from karush.compiler.resolving.arguments import bind_sizes
from karush.compiler.resolving.dimensions import find_size
from karush.compiler.resolving.operators import is_number
from karush.dsl import ast
from karush.stdlib.set import SetFacts
from karush.stdlib.shape import Shape

OPEN_SETS = {"pos": "nonneg", "neg": "nonpos", "pd": "psd"}
"""Sets that are not closed, and their closures: a solver cannot tell ``x > 0`` from ``x >= 0``."""

INTEGER_SETS = frozenset({"int", "bool", "index"})


def resolve_set(context: Context, node: ast.Expr, shape: Shape, role: str) -> SetUse | None:
    """The set that is used on a value of this shape; ``role`` is ``param``, ``var`` or ``constraint``.

    None after a finding. An open set on a var or in a constraint is taken as its closure, with a warning.
    """
    function = node.function if isinstance(node, ast.Call) else node
    if not isinstance(function, ast.Name):
        context.report(call_messages.not_a_set(node, None))
        return None
    symbol, hider = context.scope.find(function.id)
    if hider is not None:
        context.report(name_messages.out_of_sight(function, context.scope))
        return None
    facts = _facts(context, function, symbol)
    if facts is None:
        return None
    arguments = node.arguments if isinstance(node, ast.Call) else ()
    if facts.name in INTEGER_SETS and role != "param":
        context.report(form_messages.integer_unknown(node, facts.name, role))
        return None
    if facts.name == "index":
        return _index(context, node, arguments)
    if role != "param" and not facts.available and not isinstance(symbol, SetSymbol):
        context.block.postpone(f"`in {facts.name}`", node.span)
    values = _arguments(context, node, facts, arguments)
    if values is None or not _shapes_fit(context, node, facts, values, shape):
        return None
    closure = _closure(context, node, facts.name, role)
    return SetUse(closure, values, node.span, interior=closure != facts.name)


def check_default(context: Context, item: ast.Declaration, use: SetUse) -> None:
    """Report a default that is written as a number and surely lies outside of the set."""
    number = literal(item.default)
    if number is None or item.default is None or item.set is None:
        return
    entries, slack = set_interval(item.set), 1e-6 * abs(number)
    inside = any(near in entries for near in (number - slack, number, number + slack))
    if not inside or (use.name in INTEGER_SETS and number % 1):
        context.report(form_messages.default_outside(item.default, item.name, use))


def check_set_name(context: Context, node: ast.Expr) -> None:
    """Report what is no set, where no value is there to be fitted to it: in the clauses of an atom."""
    function = node.function if isinstance(node, ast.Call) else node
    if isinstance(function, ast.Name):
        _facts(context, function, context.find(function.id))
    else:
        context.report(call_messages.not_a_set(node, None))


def _facts(context: Context, function: ast.Name, symbol: Symbol | None) -> SetFacts | None:
    if isinstance(symbol, PoisonSymbol):
        return None
    if symbol is not None and not isinstance(symbol, SetSymbol):
        context.report(call_messages.not_a_set(function, symbol))
        return None
    facts = context.session.library.set(function.id)
    if facts is None:
        context.report(call_messages.unknown_set(function, context))
    return facts


def _closure(context: Context, node: ast.Expr, name: str, role: str) -> str:
    if role == "param" or name not in OPEN_SETS:
        return name
    context.report(form_messages.open_set(node, name, OPEN_SETS[name], role))
    return OPEN_SETS[name]


def _index(context: Context, node: ast.Expr, arguments: tuple[ast.Argument, ...]) -> SetUse | None:
    if len(arguments) != 1 or arguments[0].name is not None:
        context.report(call_messages.index_set_arguments(node))
        return None
    size = find_size(context, arguments[0].value)
    return None if size is None else SetUse("index", (), node.span, size)


def kind_of(use: SetUse | None) -> Kind:
    """What the entries of a param in this set are."""
    if use is None:
        return Kind.REAL
    return {"index": Kind.INTEGER, "int": Kind.INTEGER, "bool": Kind.BOOLEAN}.get(use.name, Kind.REAL)


# ---------------------------------------------------------------- shapes and arguments


def _arguments(
    context: Context, node: ast.Expr, facts: SetFacts, arguments: tuple[ast.Argument, ...]
) -> tuple[Expr, ...] | None:
    header = facts.declaration.header
    by_name = {a.name: a for a in arguments if a.name is not None}
    by_place = [a for a in arguments if a.name is None]
    unknown = [name for name in by_name if name not in facts.params]
    if len(arguments) != len(facts.params) or unknown:
        context.report(call_messages.set_arguments(node, facts.name, header))
        return None
    values: list[Expr] = []
    for place, name in enumerate(facts.params):
        argument = by_place[place] if place < len(by_place) else by_name.get(name)
        if argument is None:
            context.report(call_messages.set_arguments(node, facts.name, header))
            return None
        values.append(context.expression(argument.value))
    if any(isinstance(v, Poison) for v in values) or not all(is_number(context, v) for v in values):
        return None
    return tuple(values)


def _shapes_fit(context: Context, node: ast.Expr, facts: SetFacts, values: tuple[Expr, ...], shape: Shape) -> bool:
    """Unify shapes with the sizes in the declaration ``{x[n] : …}``; an argument without sizes is a number, and in an
    elementwise set an array of the same shape as well.
    """
    header: tuple[ast.Declaration, ...] = facts.declaration.header
    element: ast.Declaration = facts.declaration.element
    for item, value in zip(header, values, strict=True):
        if not item.sizes and value.shape and not (facts.elementwise and value.shape == shape):
            context.report(shape_messages.set_argument_shape(node, facts.name, item.name, value, shape))
            return False
    callee = Callee("set", facts.name, (element, *header), Scope(None, kind="library"), True)
    sample = ParamValue(element.name, shape=shape, span=node.span)
    given = {item.name: value for item, value in zip(header, values, strict=True)}
    return bind_sizes(context, node, callee, {**given, element.name: sample}) is not None
