"""Inline problems and derivatives as expressions."""

from __future__ import annotations

from karush.compiler.messages import form_messages, shape_messages
from karush.compiler.model import (
    BinderValue,
    Constant,
    DerivativeOf,
    Expr,
    InlineProblem,
    Kind,
    Model,
    ModelCall,
    Objective,
    ParamValue,
    Relation,
    Var,
    VarValue,
)
from karush.compiler.names.context import Context
from karush.compiler.names.symbols import Poison, Scope, ValueSymbol, poison
from karush.compiler.resolving.closure import close
from karush.compiler.resolving.dimensions import find_shape
from karush.compiler.resolving.sets import resolve_set
from karush.dsl import ast
from karush.dsl.source import Span
from karush.stdlib.shape import SCALAR, Shape

INLINE_PROBLEMS = frozenset({"argmin", "minimum", "fixpoint", "root"})
DERIVATIVES = frozenset({"grad", "jacobian", "hessian", "jvp", "vjp"})


def resolve_inline(context: Context, node: ast.Call, operator: str) -> Expr:
    """``argmin(e for y[n] in S)``, ``minimum``, ``fixpoint(g(z) for z[h])``, ``root(F(z) == 0 for z[h])``."""
    clause = node.clause
    if clause is None or len(clause.binders) != 1 or clause.condition is not None or len(node.arguments) != 1:
        return context.refuse(form_messages.inline_form(node, operator), node.span)
    item = clause.binders[0]
    shape = find_shape(context, item.sizes or ())
    if shape is None:
        return poison(node.span)
    use = resolve_set(context, item.domain, shape, "var") if item.domain is not None else None
    unknown = Var(item.name, shape, use, None, item.span)
    leaf = VarValue(item.name, shape=shape, span=item.span)
    scope = Scope(context.scope, kind="clause")
    scope.names[item.name] = ValueSymbol(item.name, item.span, "var", leaf)
    body = _inline_body(context.within(scope), node, operator)
    if isinstance(body, Poison) or (item.domain is not None and use is None):
        return poison(node.span)
    if operator in ("argmin", "minimum") and body.shape:
        return context.refuse(shape_messages.objective_not_scalar(node.arguments[0].value, body), node.span)
    if operator in ("fixpoint", "root") and body.shape != shape:
        return context.refuse(shape_messages.inline_shape(node, operator, body, shape), node.span)
    result: Shape = SCALAR if operator == "minimum" else shape
    model, arguments = close(_as_model(operator, unknown, leaf, body, node.span), {leaf}, context.session)
    call = ModelCall(model, arguments, {}, node.span)
    return InlineProblem(operator, unknown, body, call, shape=result, kind=Kind.REAL, span=node.span)


def _as_model(operator: str, unknown: Var, leaf: VarValue, body: Expr, span: Span) -> Model:
    """The problem as a model of its own."""
    optimises = operator in ("argmin", "minimum")
    sides = (leaf, body) if operator == "fixpoint" else (body, Constant(0, span=span, shape=SCALAR))
    return Model(
        name=operator,
        source=span.source,
        doc=None,
        dims={},
        params={},
        vars={unknown.name: unknown},
        lets={},
        objective=Objective("minimize", None, body, span) if optimises else None,
        saddle=None,
        find=None if optimises else (unknown.name,),
        constraints=() if optimises else (Relation(None, (), None, sides, ("==",), span),),
        using=None,
        derivative=None,
    )


def _inline_body(context: Context, node: ast.Call, operator: str) -> Expr:
    """The objective, the map, or the residual: ``root`` takes an equation, whose sides are subtracted."""
    value = node.arguments[0].value
    if operator != "root":
        return context.expression(value)
    if not isinstance(value, ast.Compare) or value.operators != ("==",):
        return context.refuse(form_messages.root_needs_equation(value), node.span)
    difference = ast.Binary("-", value.operands[0], value.operands[1], span=value.span)
    return context.expression(difference)


def resolve_derivative(context: Context, node: ast.Call, operator: str) -> Expr:
    """``grad(e, x)``, ``jacobian(e, x)``, ``hessian(e, x)``, ``jvp(e, x, v)``, ``vjp(e, x, v)``."""
    count = 3 if operator in ("jvp", "vjp") else 2
    if len(node.arguments) != count or node.clause is not None or any(a.name for a in node.arguments):
        return context.refuse(form_messages.derivative_arguments(node, operator, count), node.span)
    parts = [context.expression(a.value) for a in node.arguments]
    if any(isinstance(p, Poison) for p in parts):
        return poison(node.span)
    value, wrt = parts[0], parts[1]
    direction = parts[2] if count == 3 else None
    if not isinstance(wrt, (ParamValue, VarValue, BinderValue)):
        return context.refuse(form_messages.derivative_in_expression(node, operator), node.span)
    if operator in ("grad", "hessian") and value.shape:
        return context.refuse(shape_messages.derivative_of_array(node, operator, value), node.span)
    wanted = {"jvp": wrt.shape, "vjp": value.shape}.get(operator)
    if direction is not None and direction.shape != wanted:
        return context.refuse(shape_messages.direction_shape(node, direction, wanted or ()), node.span)
    shape = _derivative_shape(operator, value.shape, wrt.shape)
    return DerivativeOf(operator, value, wrt, direction, shape=shape, kind=Kind.REAL, span=node.span)


def _derivative_shape(operator: str, value: Shape, wrt: Shape) -> Shape:
    match operator:
        case "jacobian":
            return value + wrt
        case "hessian":
            return wrt + wrt
        case "jvp":
            return value
    return wrt
