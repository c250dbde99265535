"""Inner problems as closed models: what they see of the model around them becomes params, given at each call.

A problem within a problem may use a param of the file (an inline one also vars, binders, multipliers and solutions of
other calls). Its model is closed by turning every such leaf into a param of its own, so that it can be analysed,
compiled and differentiated like a file; the leaf itself is the argument. Two leaves are the same if they come of one
declaration (``Session.origins``).
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace

from karush.compiler.dependence import children, roots_of, walk
from karush.compiler.model import (
    BinderValue,
    Comprehension,
    Constraint,
    DerivativeOf,
    DualValue,
    Expr,
    InlineProblem,
    Model,
    ModelField,
    Param,
    ParamValue,
    Reduce,
    SetUse,
    VarValue,
)
from karush.compiler.names.context import Session
from karush.compiler.rewrite import Rewriter, rewrite_model
from karush.stdlib.shape import Size

_LEAVES = (ParamValue, VarValue, BinderValue, DualValue)
_SOLVED = (ModelField, InlineProblem, DerivativeOf)


def close(model: Model, own: Container[Expr], session: Session) -> tuple[Model, dict[str, Expr]]:
    """The model with a param for everything that is not its ``own``, and the arguments by the names of these params.

    ``own`` are the leaves of the model's params and vars.
    """
    captured = _captured(model, own, session)
    if not captured:
        return model, {}
    names = {origin: _free_name(origin, model) for origin in captured}
    inside = {
        leaf: ParamValue(names[origin], shape=leaf.shape, kind=leaf.kind, span=leaf.span)
        for origin, leaves in captured.items()
        for leaf in leaves
        if not (isinstance(leaf, ParamValue) and leaf.name == names[origin])
    }
    rewriter = Rewriter(inside.get)
    closed = rewrite_model(model, rewriter) if inside else model
    params = {name: _param(origin, name, session.sets.get(origin), rewriter) for origin, name in names.items()}
    arguments = {names[origin]: leaves[0] for origin, leaves in captured.items()}
    return replace(closed, params={**params, **closed.params}), arguments


def _captured(model: Model, own: Container[Expr], session: Session) -> dict[Expr, list[Expr]]:
    """The leaves in use that are not the model's own, and the greatest solved nodes, by origin."""
    roots = roots_of(model)
    nodes = list(walk(*roots))
    binders = _binders(model.constraints, nodes)
    inner: dict[Expr, bool] = {}  # whether something of the model's own occurs
    for node in nodes:
        mine = session.origin(node) in own or (isinstance(node, BinderValue) and node.binder in binders)
        inner[node] = mine or any(inner[child] for child in children(node))
    found: dict[Expr, list[Expr]] = {}
    stack, seen = list(reversed(roots)), set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, _LEAVES + _SOLVED) and not inner[node]:
            found.setdefault(session.origin(node), []).append(node)
        else:
            stack.extend(reversed(children(node)))
    return found


def _binders(constraints: Iterable[Constraint], nodes: Iterable[Expr]) -> set[object]:
    found: set[object] = {binder for constraint in constraints for binder in constraint.binders}
    for node in nodes:
        if isinstance(node, Comprehension | Reduce):
            found.update(node.binders)
    return found


def _free_name(leaf: Expr, model: Model) -> str:
    """The leaf's own name where the model does not use it, else one that no file can give (it holds a space)."""
    if isinstance(leaf, ParamValue) and leaf.name not in model.params and leaf.name not in model.vars:
        return leaf.name
    return f"{leaf.span.text} at {leaf.span.start}"


def _param(leaf: Expr, name: str, use: SetUse | None, rewriter: Rewriter) -> Param:
    if isinstance(leaf, BinderValue) and use is None and leaf.binder.start.value is not None and leaf.binder.step > 0:
        last = leaf.binder.start + leaf.binder.length * Size.constant(leaf.binder.step)
        use = SetUse("index", (), leaf.span, last)
    if use is not None:
        use = replace(use, arguments=tuple(map(rewriter.expression, use.arguments)))
    return Param(name, leaf.shape, leaf.kind, use, None, leaf.span)
