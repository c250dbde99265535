"""Logarithms of expressions in the logarithms of the unknowns, by which log-log curvature is read and programs solved.

Let x = exp u for unknowns x > 0. An expression f(x) > 0 is log-log convex where L(u) = log f(exp u) is convex in u. The
rules below write L for f in the language itself, so that the curvature of L by composition is the log-log curvature of
f, and the problem in u is a convex one with graph forms. A monomial c x₁^a₁ x₂^a₂ … becomes an affine function, and a
sum of monomials a logsumexp of them.

The rules are those of disciplined geometric programming (Agrawal, Diamond, Boyd: Disciplined geometric programming,
Optimization Letters 13, 2019, section 3); what is constant and positive may be any expression.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from karush.compiler.dependence import children, walk
from karush.compiler.facts.fact import Facts, text_of
from karush.compiler.library import Library
from karush.compiler.model import (
    Apply,
    At,
    Binder,
    BinderValue,
    Comprehension,
    Constant,
    Expr,
    Kind,
    Model,
    Named,
    Range,
    Reduce,
    SizeValue,
    Subscript,
    VarValue,
    at,
)
from karush.compiler.nodes import concatenated, elementwise, entrywise, number, scalar, vector
from karush.stdlib.shape import SCALAR, Size

Rule = Callable[["Logarithms", Apply], Expr | None]

ZERO = Size.constant(0)


def asks_for_logarithms(model: Model) -> bool:
    """``using ipm(curvature = loglog)``?"""
    return model.using is not None and model.using.options.get("curvature") == "loglog"


@dataclass(frozen=True)
class NoLogarithm:
    """Why an expression has no logarithm by the rules: the innermost one to blame, in words, and what to type."""

    expr: Expr
    why: str
    repair: str


class Logarithms:
    """L for the expressions of a model, each written once; ``facts`` are those of the expressions as they stand."""

    def __init__(self, facts: Facts, library: Library) -> None:
        self.facts = facts
        self._own = library.atoms.keys()
        self._known: dict[Expr, Expr | NoLogarithm] = {}

    def of(self, expr: Expr) -> Expr | NoLogarithm:
        """L, of the shape of the expression."""
        for node in walk(expr, known=self._known):
            self._known[node] = self._write(node)
        return self._known[expr]

    def log(self, expr: Expr) -> Expr:
        """L of a part that is known to have one."""
        found = self._known[expr]
        assert isinstance(found, Expr)
        return found

    def _write(self, node: Expr) -> Expr | NoLogarithm:
        fact = self.facts[node]
        if fact.is_constant and fact.interval.is_positive:
            return number(math.log(node.value), node.span) if isinstance(node, Constant) else elementwise("log", node)
        below = self._below(node)
        for child in below:
            inner = self._known[child]
            if isinstance(inner, NoLogarithm):
                return inner
        found = self._of_node(node) if below or not fact.is_constant else None
        if found is not None:
            return found
        if fact.is_constant:
            said = f"`{text_of(node)}` is not known to be positive"
            return NoLogarithm(node, said, "a param that is positive is declared so: `param a in pos`")
        said = f"no rule gives the log-log curvature of `{text_of(node)}`"
        return NoLogarithm(node, said, "sums, products, quotients, powers, `max`, `exp` and norms have rules")

    def _below(self, node: Expr) -> tuple[Expr, ...]:
        """The parts whose logarithms are asked for: not exponents, conditions and indices."""
        match node:
            case Subscript():
                return (node.value,)
            case Reduce():
                return (node.body,)
            case Apply(atom="power", arguments=(base, exponent)):
                return (base,) if self.facts[exponent].is_constant else (exponent,)
            case Apply(atom="if"):
                return node.arguments[1:]
            case Apply(atom="norm" | "sum_largest"):
                return node.arguments[:1]
        return children(node)

    def _of_node(self, node: Expr) -> Expr | None:
        match node:
            case VarValue():
                return node
            case Named():
                return self.log(node.value)
            case Subscript():
                constant = all(self.facts[i.index].is_constant for i in node.items if isinstance(i, At))
                return replace(node, value=self.log(node.value)) if constant else None
            case Comprehension():
                return replace(node, body=self.log(node.body))
            case Reduce():
                return self._reduction(node)
            case Apply() if node.atom in RULES and node.atom not in self._own:
                found = RULES[node.atom](self, node)
                return None if found is None else at(found, node.span)
        return None

    # ------------------------------------------------------------ clauses

    def _reduction(self, node: Reduce) -> Expr | None:
        body = self.log(node.body)
        if node.condition is not None and not self.facts[node.condition].is_constant:
            return None
        match node.operator:
            case "sum":
                return self._total(node, body)
            case "mean":
                one = Constant(1, shape=SCALAR, kind=Kind.INTEGER, span=node.span)
                count = replace(node, operator="sum", body=one, shape=SCALAR)
                return elementwise("subtract", self._total(node, body), elementwise("log", count))
            case "prod":
                return replace(node, operator="sum", body=body)
            case "max" | "min":
                return replace(node, body=body)
        return None

    @staticmethod
    def _total(node: Reduce, body: Expr) -> Expr:
        """The logarithm of a sum of exponentials over a clause."""
        if node.condition is not None or body.shape:
            return replace(node, operator="logsumexp", body=body)
        shape = tuple(binder.length for binder in node.binders)
        return scalar("logsumexp", vector(Comprehension(node.binders, body, shape=shape, span=node.span)))


# ---------------------------------------------------------------- sums, products, powers


def _sum(logs: Logarithms, node: Apply) -> Expr:
    terms = [logs.log(term) for term in _terms(node)]
    return entrywise(node.shape, node.span, lambda e: scalar("logsumexp", concatenated([*map(e, terms)])))


def _terms(node: Apply) -> list[Expr]:
    """The terms of a sum, those of a sum on the left taken one by one."""
    right: list[Expr] = []
    left: Expr = node
    while isinstance(left, Apply) and left.atom == "add" and left.shape == node.shape:
        left, last = left.arguments
        right.append(last)
    return [left, *reversed(right)]


def _joined(word: str) -> Rule:
    def rule(logs: Logarithms, node: Apply) -> Expr:
        left, right = map(logs.log, node.arguments)
        return elementwise(word, left, right)

    return rule


def _power(logs: Logarithms, node: Apply) -> Expr | None:
    base, exponent = node.arguments
    if logs.facts[exponent].is_constant:
        return elementwise("multiply", exponent, logs.log(base))
    if logs.facts[base].is_constant and logs.facts[base].interval.lower >= 1:
        return elementwise("multiply", elementwise("log", base), elementwise("exp", logs.log(exponent)))
    return None


def _multiple(factor: float) -> Rule:
    def rule(logs: Logarithms, node: Apply) -> Expr:
        return elementwise("multiply", number(factor, node.span), logs.log(node.arguments[0]))

    return rule


def _same(logs: Logarithms, node: Apply) -> Expr:
    return logs.log(node.arguments[0])


def _through(logs: Logarithms, node: Apply) -> Expr:
    """The same atom of the logarithms: structure and extremes; log exp f = exp L, and log log f = log L of f > 1."""
    return replace(node, arguments=tuple(map(logs.log, node.arguments)))


def _choice(logs: Logarithms, node: Apply) -> Expr | None:
    test, then, otherwise = node.arguments
    if not logs.facts[test].is_constant:
        return None
    return replace(node, arguments=(test, logs.log(then), logs.log(otherwise)))


# ---------------------------------------------------------------- reductions of arrays


def _logsumexp(expr: Expr, power: Expr | None = None) -> Expr:
    """The logarithm of Σ fᵖ for the logarithms of f."""
    return scalar("logsumexp", vector(expr if power is None else elementwise("multiply", power, expr)))


def _total(logs: Logarithms, node: Apply) -> Expr:
    return _logsumexp(logs.log(node.arguments[0]))


def _mean(logs: Logarithms, node: Apply) -> Expr:
    entries = vector(node.arguments[0]).shape[0]
    count = SizeValue(entries, shape=SCALAR, kind=Kind.INTEGER, span=node.span)
    return elementwise("subtract", _total(logs, node), elementwise("log", count))


def _product(logs: Logarithms, node: Apply) -> Expr:
    return scalar("sum", logs.log(node.arguments[0]))


def _geometric_mean(logs: Logarithms, node: Apply) -> Expr:
    return scalar("mean", logs.log(node.arguments[0]))


def _greatest(logs: Logarithms, node: Apply) -> Expr:
    return scalar("max", logs.log(node.arguments[0]))


def _squares(logs: Logarithms, node: Apply) -> Expr:
    return _logsumexp(logs.log(node.arguments[0]), number(2.0, node.span))


def _norm2(logs: Logarithms, node: Apply) -> Expr:
    return elementwise("multiply", number(0.5, node.span), _squares(logs, node))


def _norm(logs: Logarithms, node: Apply) -> Expr | None:
    base, order = node.arguments
    if not logs.facts[order].is_constant:
        return None
    return elementwise("divide", _logsumexp(logs.log(base), order), order)


def _quad_over_lin(logs: Logarithms, node: Apply) -> Expr:
    return elementwise("subtract", _squares(logs, node), logs.log(node.arguments[1]))


def _trace(logs: Logarithms, node: Apply) -> Expr:
    matrix = logs.log(node.arguments[0])
    return _logsumexp(Apply("diag", (matrix,), shape=matrix.shape[:1], span=node.span))


def _diagonal(logs: Logarithms, node: Apply) -> Expr | None:
    return _through(logs, node) if len(node.shape) == 1 else None  # a diagonal matrix has zeros


def _matmul(logs: Logarithms, node: Apply) -> Expr:
    """log Σₖ aᵢₖ bₖⱼ = logsumexp over k of log aᵢₖ + log bₖⱼ."""
    left, right = map(logs.log, node.arguments)
    rows = tuple(Binder(f"entry{axis}", size) for axis, size in enumerate(node.shape))
    places = [At(BinderValue(b, shape=SCALAR, kind=Kind.INTEGER, span=node.span)) for b in rows]
    whole = Range(ZERO, left.shape[-1])
    own = places[: len(left.shape) - 1]
    a = _slice(left, (*own, whole))
    b = _slice(right, (whole, *places[len(own) :]))
    body = _logsumexp(elementwise("add", a, b))
    return Comprehension(rows, body, shape=node.shape, span=node.span) if rows else body


def _slice(expr: Expr, items: tuple[At | Range, ...]) -> Expr:
    size = next(item.stop for item in items if isinstance(item, Range))
    return expr if len(items) == 1 else Subscript(expr, items, shape=(size,), span=expr.span)


RULES: Mapping[str, Rule] = {
    "add": _sum,
    "multiply": _joined("add"),
    "divide": _joined("subtract"),
    "power": _power,
    "matmul": _matmul,
    "if": _choice,
    "square": _multiple(2.0),
    "squared": _multiple(2.0),
    "sqrt": _multiple(0.5),
    "inv_pos": _multiple(-1.0),
    "sum": _total,
    "mean": _mean,
    "prod": _product,
    "geo_mean": _geometric_mean,
    "norminf": _greatest,
    "norm1": _total,
    "norm2": _norm2,
    "norm_fro": _norm2,
    "norm": _norm,
    "sumsq": _squares,
    "quad_over_lin": _quad_over_lin,
    "trace": _trace,
    "diag": _diagonal,
    **dict.fromkeys(("exp", "log"), _through),
    **dict.fromkeys(("abs", "pos_part", "relu", "absolute"), _same),
    **dict.fromkeys(("max", "min", "maximum", "minimum", "concat", "stack", "reshape", "transpose", "vec"), _through),
}
"""The rule of each atom."""
