"""Trees with some nodes replaced: what does not change stays the same node, what was shared stays shared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from karush.compiler.dependence import children, walk
from karush.compiler.model import (
    Apply,
    At,
    Complementarity,
    Comprehension,
    Constraint,
    DerivativeOf,
    Expr,
    InlineProblem,
    InSet,
    Model,
    ModelCall,
    ModelField,
    Named,
    Reduce,
    Relation,
    SetUse,
    Subscript,
)

Replacement = Callable[[Expr], Expr | None]


class Rewriter:
    """Rewrites expressions of one model; ``replacement(node)`` is the new node, or None to look below.

    The replacement is asked for the original nodes, parents before children.
    """

    def __init__(self, replacement: Replacement):
        self._replacement = replacement
        self._done: dict[Expr, Expr] = {}
        self._calls: dict[ModelCall, ModelCall] = {}

    def expression(self, expr: Expr) -> Expr:
        """The expression with its nodes replaced."""
        kept: set[Expr] = set()
        pending = [expr]
        while pending:
            node = pending[-1]
            if node not in self._done and node not in kept:
                new = self._replacement(node)
                if new is None:
                    kept.add(node)
                    pending += [part for part in reversed(_parts(node)) if part not in self._done]
                    continue
                self._done[node] = new
            if node not in self._done:
                self._done[node] = self._below(node)
            pending.pop()
        return self._done[expr]

    def constraint(self, constraint: Constraint) -> Constraint:
        """The constraint with the nodes of its expressions replaced."""
        condition = None if constraint.condition is None else self.expression(constraint.condition)
        match constraint:
            case Relation():
                return _changed(constraint, operands=self._all(constraint.operands), condition=condition)
            case InSet():
                use = self.set_use(constraint.set)
                return _changed(constraint, value=self.expression(constraint.value), set=use, condition=condition)
            case Complementarity():
                left, right = (
                    _changed(side, operands=self._all(side.operands)) for side in (constraint.left, constraint.right)
                )
                return _changed(constraint, left=left, right=right, condition=condition)

    def set_use(self, use: SetUse) -> SetUse:
        """The set with the nodes of its arguments replaced."""
        return _changed(use, arguments=self._all(use.arguments))

    def call(self, call: ModelCall) -> ModelCall:
        """The call with the nodes of its arguments replaced; one call stays one, whatever asks for its fields."""
        if call not in self._calls:
            arguments = {name: self.expression(value) for name, value in call.arguments.items()}
            same = all(new is call.arguments[name] for name, new in arguments.items())
            self._calls[call] = call if same else replace(call, arguments=arguments)
        return self._calls[call]

    def _all(self, exprs: tuple[Expr, ...]) -> tuple[Expr, ...]:
        return tuple(map(self.expression, exprs))

    def _below(self, expr: Expr) -> Expr:
        match expr:
            case Apply():
                return _changed(expr, arguments=self._all(expr.arguments))
            case Named() | Subscript(items=()):
                return _changed(expr, value=self.expression(expr.value))
            case Subscript():
                items = tuple(self._item(item) for item in expr.items)
                return _changed(expr, value=self.expression(expr.value), items=items)
            case Comprehension():
                return _changed(expr, body=self.expression(expr.body))
            case Reduce():
                condition = None if expr.condition is None else self.expression(expr.condition)
                return _changed(expr, condition=condition, body=self.expression(expr.body))
            case DerivativeOf():
                direction = None if expr.direction is None else self.expression(expr.direction)
                value, wrt = self.expression(expr.value), self.expression(expr.wrt)
                return _changed(expr, value=value, wrt=wrt, direction=direction)
            case ModelField() | InlineProblem():
                return _changed(expr, call=self.call(expr.call))
            case _:
                return expr

    def _item(self, item: Any) -> Any:
        return _changed(item, index=self.expression(item.index)) if isinstance(item, At) else item


def _parts(expr: Expr) -> tuple[Expr, ...]:
    """The expressions below a node that are rewritten with it: what an inner problem holds is left alone."""
    return children(expr) if isinstance(expr, (Apply, Named, Subscript, Comprehension, Reduce, DerivativeOf)) else ()


def _changed(node: Any, **fields: Any) -> Any:
    """The node with these fields; the node itself where none differs."""
    return replace(node, **fields) if any(_differs(getattr(node, n), v) for n, v in fields.items()) else node


def _differs(old: Any, new: Any) -> bool:
    if isinstance(old, tuple):
        return any(a is not b for a, b in zip(old, new, strict=True))
    return old is not new


def rewrite_model(model: Model, rewriter: Rewriter) -> Model:
    """The model with the nodes of all its expressions replaced."""

    def optional(expr: Expr | None) -> Expr | None:
        return None if expr is None else rewriter.expression(expr)

    def use(found: SetUse | None) -> SetUse | None:
        return None if found is None else rewriter.set_use(found)

    def aim(found: Any) -> Any:
        return None if found is None else _changed(found, value=rewriter.expression(found.value))

    params, variables = model.params.items(), model.vars.items()
    return replace(
        model,
        params={n: _changed(p, set=use(p.set), default=optional(p.default)) for n, p in params},
        vars={n: _changed(v, set=use(v.set), start=optional(v.start)) for n, v in variables},
        lets={name: rewriter.expression(value) for name, value in model.lets.items()},
        objective=aim(model.objective),
        saddle=aim(model.saddle),
        constraints=tuple(map(rewriter.constraint, model.constraints)),
    )


def substitute(expr: Expr, nodes: Mapping[Expr, Expr]) -> Expr:
    """The expression with some of its nodes replaced by others."""
    return Rewriter(nodes.get).expression(expr) if any(node in nodes for node in walk(expr)) else expr
