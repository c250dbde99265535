"""Parse trees of expressions to the syntax tree."""

from __future__ import annotations

import math
from typing import Any

from lark import Token, Tree
from lark.tree import Meta

from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.source import Source, Span
from karush.dsl.tokens import name_of

INLINE_PROBLEMS = frozenset({"argmin", "minimum", "fixpoint", "root"})
"""The calls whose ``for`` clause names unknowns, with their sizes."""


class ExpressionBuilder:
    """One method a rule of the grammar, of the place of what was parsed and of its children, which are built before."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.diagnostics: list[Diagnostic] = []

    def build(self, tree: Tree[Token]) -> Any:
        """The node of a parse tree, from the leaves up and without recursion."""
        order: list[Any] = []
        pending: list[Any] = [tree]
        while pending:
            node = pending.pop()
            order.append(node)
            if isinstance(node, Tree):
                pending += node.children
        built: list[Any] = []
        for node in reversed(order):
            if not isinstance(node, Tree):
                built.append(node)
                continue
            first = len(built) - len(node.children)
            children = built[first:]
            del built[first:]
            built.append(getattr(self, node.data)(node.meta, children))
        return built[0]

    def span(self, meta: Meta) -> Span:
        return Span(self.source, meta.start_pos, meta.end_pos)

    def token_span(self, token: Token) -> Span:
        return Span(self.source, token.start_pos or 0, token.end_pos or 0)

    # ------------------------------------------------------------ leaves

    def number(self, meta: Meta, children: list[Token]) -> ast.Number:
        text = children[0]
        value = float(text)
        if math.isinf(value):
            label = Label(self.span(meta), "the largest number is about 1.8e308")
            fix = Fix("write a smaller number; for no bound at all leave the bound out")
            self.diagnostics.append(Diagnostic("E0112", "a number is too large", (label,), fixes=(fix,)))
            return ast.Number(0, span=self.span(meta))
        return ast.Number(int(text) if text.isdigit() else value, span=self.span(meta))

    def string(self, meta: Meta, children: list[Token]) -> ast.String:
        return ast.String(children[0][1:-1], span=self.span(meta))

    def boolean(self, meta: Meta, children: list[Token]) -> ast.Boolean:
        return ast.Boolean(children[0] == "true", span=self.span(meta))

    def name(self, meta: Meta, children: list[Token]) -> ast.Name:
        return ast.Name(name_of(children[0]), span=self.span(meta))

    # ------------------------------------------------------------ operators

    def if_else(self, meta: Meta, children: list[ast.Expr]) -> ast.IfElse:
        condition, then, orelse = children
        return ast.IfElse(condition, then, orelse, span=self.span(meta))

    def binary(self, meta: Meta, children: list[Any]) -> ast.Binary:
        left, operator, right = children
        return ast.Binary("^" if operator == "**" else str(operator), left, right, span=self.span(meta))

    def unary(self, meta: Meta, children: list[Any]) -> ast.Unary:
        operator, operand = children
        return ast.Unary(str(operator), operand, span=self.span(meta))

    def perp(self, meta: Meta, children: list[ast.Expr]) -> ast.Perp:
        left, right = children
        return ast.Perp(left, right, span=self.span(meta))

    def membership(self, meta: Meta, children: list[ast.Expr]) -> ast.Membership:
        value, within = children
        return ast.Membership(value, within, span=self.span(meta))

    def compare(self, meta: Meta, children: list[Any]) -> ast.Compare:
        operators = tuple(str(operator) for operator in children[1::2])
        return ast.Compare(tuple(children[::2]), operators, span=self.span(meta))

    # ------------------------------------------------------------ postfixes

    def attribute(self, meta: Meta, children: list[Any]) -> ast.Attribute:
        value, name = children
        return ast.Attribute(value, name_of(name), span=self.span(meta))

    def index(self, meta: Meta, children: list[Any]) -> ast.Index:
        value, indices = children
        return ast.Index(value, indices, span=self.span(meta))

    def indices(self, meta: Meta, children: list[Any]) -> tuple[ast.Expr | ast.Slice, ...]:
        return tuple(children)

    def slice(self, meta: Meta, children: list[Any]) -> ast.Slice:
        lower, _, upper = children
        return ast.Slice(lower, upper, span=self.span(meta))

    def call(self, meta: Meta, children: list[Any]) -> ast.Call:
        function, arguments = children
        self.check_callable(function)
        return ast.Call(function, arguments or (), span=self.span(meta))

    def call_over(self, meta: Meta, children: list[Any]) -> ast.Call:
        function, argument, clause = children
        self.check_callable(function)
        if not (isinstance(function, ast.Name) and function.id in INLINE_PROBLEMS):
            self.check_binders(clause)
        return ast.Call(function, (argument,), clause, span=self.span(meta))

    def check_callable(self, function: ast.Expr) -> None:
        """``2(x + 1)`` would read as a call."""
        if not isinstance(function, ast.Name | ast.Attribute):
            text = function.span.text
            shown = text if isinstance(function, ast.Number) else f"({text})"
            fix = Fix(f"for a product: `{shown} * (…)`")
            label = Label(function.span, "not a function")
            self.diagnostics.append(Diagnostic("E0115", "only a name can be called", (label,), fixes=(fix,)))

    def check_binders(self, clause: ast.Clause) -> None:
        """Only the unknowns of an inline problem may come without a range, or with sizes."""
        for binder in clause.binders:
            if binder.sizes is not None:
                label = Label(binder.span, f"expected `{binder.name} in …`")
                fix = Fix(f"say what it runs over: `for {binder.name} in n`, with a dim or `range(a, b)`")
                message = "a clause says over what it counts"
                self.diagnostics.append(Diagnostic("E0117", message, (label,), fixes=(fix,)))

    def arguments(self, meta: Meta, children: list[ast.Argument]) -> tuple[ast.Argument, ...]:
        return tuple(children)

    def positional(self, meta: Meta, children: list[ast.Expr]) -> ast.Argument:
        return ast.Argument(None, children[0], span=self.span(meta))

    def named(self, meta: Meta, children: list[Any]) -> ast.Argument:
        name, value = children
        return ast.Argument(name_of(name), value, span=self.span(meta))

    # ------------------------------------------------------------ arrays and clauses

    def array(self, meta: Meta, children: list[ast.Expr]) -> ast.Array:
        return ast.Array(tuple(children), span=self.span(meta))

    def comprehension(self, meta: Meta, children: list[Any]) -> ast.Comprehension:
        body, clause = children
        self.check_binders(clause)
        return ast.Comprehension(body, clause, span=self.span(meta))

    def clause(self, meta: Meta, children: list[Any]) -> ast.Clause:
        *binders, condition = children
        return ast.Clause(tuple(binders), condition, span=self.span(meta))

    def binder_in(self, meta: Meta, children: list[Any]) -> ast.Binder:
        name, domain = children
        return ast.Binder(name_of(name), None, domain, span=self.span(meta))

    def binder_free(self, meta: Meta, children: list[Any]) -> ast.Binder:
        name, sizes = children
        return ast.Binder(name_of(name), sizes or (), None, span=self.span(meta))

    def binder_sized(self, meta: Meta, children: list[Any]) -> ast.Binder:
        name, sizes, domain = children
        return ast.Binder(name_of(name), sizes, domain, span=self.span(meta))

    def sizes(self, meta: Meta, children: list[ast.Expr]) -> tuple[ast.Expr, ...]:
        return tuple(children)
