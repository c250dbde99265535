"""``e in S`` for a set that the file declares: the rows of its condition, with e in place of the element.

``set halfspace(a[n], b) = {x[n] : a @ x <= b}``: the condition is a conjunction; each part is a row of its own. It is
read where the set was declared, so that no binder or let around the use can be meant by a name in it.
"""

from __future__ import annotations

from collections.abc import Iterator

from karush.compiler.messages import form_messages
from karush.compiler.model import Expr, ParamValue, SetUse
from karush.compiler.names.context import Context
from karush.compiler.names.symbols import Callee, DimSymbol, Scope, SetSymbol, ValueSymbol
from karush.compiler.resolving.arguments import bind_sizes
from karush.dsl import ast

HIDDEN_IN_SET = frozenset({"var", "let", "param"})

OPERATORS = ({"=="}, {"<="}, {">="})


def declared_set(context: Context, node: ast.Expr) -> SetSymbol | None:
    """The file's own set that an expression after ``in`` names; None for one of the library and for anything else."""
    function = node.function if isinstance(node, ast.Call) else node
    symbol = context.find(function.id) if isinstance(function, ast.Name) else None
    return symbol if isinstance(symbol, SetSymbol) else None


def conjuncts(condition: ast.Expr) -> Iterator[ast.Expr]:
    """The parts of a conjunction."""
    if isinstance(condition, ast.Binary) and condition.operator == "and":
        yield from conjuncts(condition.left)
        yield from conjuncts(condition.right)
    else:
        yield condition


def check_condition(context: Context, declaration: ast.SetDeclaration) -> bool:
    """Whether every part of the condition is a row; the first that is none is reported."""
    for part in conjuncts(declaration.condition):
        chain = isinstance(part, ast.Compare) and len(part.operators) <= 2 and set(part.operators) in OPERATORS
        if not chain and not isinstance(part, ast.Membership):
            context.report(form_messages.set_condition(part, declaration))
            return False
    return True


def inside(context: Context, node: ast.Expr, symbol: SetSymbol, use: SetUse, value: Expr) -> Context | None:
    """The place of the condition, where the element is ``value`` and the arguments are those of the use."""
    declaration = symbol.declaration
    element = declaration.element
    given = {item.name: argument for item, argument in zip(declaration.header, use.arguments, strict=True)}
    callee = Callee("set", symbol.name, (element, *declaration.header), Scope(None, kind="library"), True)
    sample = ParamValue(element.name, shape=value.shape, span=node.span)
    sizes = bind_sizes(context, node, callee, {**given, element.name: sample})
    if sizes is None:
        return None
    home = next(level for level in context.scope.levels() if level.names.get(symbol.name) is symbol)
    scope = Scope(home, kind="fn", hides=HIDDEN_IN_SET)
    scope.names.update({name: DimSymbol(name, None, size) for name, size in sizes.items()})
    for name, argument in {**given, element.name: value}.items():
        scope.names[name] = ValueSymbol(name, None, "argument", argument)
    return context.within(scope)
