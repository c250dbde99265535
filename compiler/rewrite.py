"""Trees with some nodes replaced: what does not change stays the same node, what was shared stays shared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from karush.compiler.dependence import children, walk
from karush.compiler.model import (
    Apply,
    At,
    Comprehension,
    Constraint,
    DerivativeOf,
    Expr,
    InSet,
    Named,
    Reduce,
    Relation,
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
                use = _changed(constraint.set, arguments=self._all(constraint.set.arguments))
                return _changed(constraint, value=self.expression(constraint.value), set=use, condition=condition)
            case _:
                return constraint

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


def substitute(expr: Expr, nodes: Mapping[Expr, Expr]) -> Expr:
    """The expression with some of its nodes replaced by others."""
    return Rewriter(nodes.get).expression(expr) if any(node in nodes for node in walk(expr)) else expr
