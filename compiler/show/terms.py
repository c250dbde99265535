"""Terms of symbolic gradients: coefficient · Π numerators / Π denominators · body, and how they are multiplied."""

from __future__ import annotations

from dataclasses import dataclass, replace

from karush.compiler.model import Apply, Constant, Expr, Kind, SizeValue
from karush.dsl.source import Span
from karush.stdlib.shape import Shape, Size


@dataclass(frozen=True, eq=False)
class Symbol(Expr):
    """A quantity that the printer names as it is told: a multiplier, or an element of a subdifferential."""

    text: str


@dataclass(frozen=True)
class Term:
    """coefficient · Π over / Π under · body, summed over binders where the condition holds."""

    coefficient: float = 1.0
    over: tuple[Expr, ...] = ()
    under: tuple[Expr, ...] = ()
    body: Expr | None = None


def apply(atom: str, arguments: tuple[Expr, ...], shape: Shape, span: Span) -> Apply:
    """A node that stands in no file."""
    return Apply(atom, arguments, shape=shape, kind=Kind.REAL, span=span)


def scaled(term: Term, factor: Expr) -> Term:
    """The term times a scalar expression."""
    return _multiplied(term, factor, over=True)


def divided(term: Term, factor: Expr) -> Term:
    """The term over a scalar expression."""
    return _multiplied(term, factor, over=False)


def _multiplied(term: Term, factor: Expr, over: bool) -> Term:
    """The term times a factor, or over it: products and signs are taken apart, with a loop."""
    pending = [(factor, over)]
    while pending:
        part, above = pending.pop()
        match part:
            case Constant(value=value) if above or value:
                number = float(value)
                term = replace(term, coefficient=term.coefficient * number if above else term.coefficient / number)
            case Apply(atom="multiply", arguments=(a, b)) if not a.shape and not b.shape:
                pending += [(b, above), (a, above)]
            case Apply(atom="divide", arguments=(a, b)) if above and not a.shape and not b.shape:
                pending += [(b, False), (a, True)]
            case Apply(atom="negate", arguments=(a,)) if above:
                term = replace(term, coefficient=-term.coefficient)
                pending.append((a, True))
            case SizeValue(size=Size(terms=((monomial, coefficient),))) if not above and coefficient != 1 and monomial:
                term = replace(term, coefficient=term.coefficient / coefficient)
                rest = SizeValue(Size(((monomial, 1),)), shape=(), kind=Kind.INTEGER, span=part.span)
                pending.append((rest, False))
            case _ if above:
                term = replace(term, over=(*term.over, part))
            case _:
                term = replace(term, under=(*term.under, part))
    return term


def times(term: Term, factor: Expr) -> Term:
    """The term entry by entry times an array (or a scalar)."""
    if not factor.shape:
        return scaled(term, factor)
    if isinstance(factor, Apply) and factor.atom == "ones" and term.body is not None and term.body.shape:
        return term
    if term.body is None or (isinstance(term.body, Apply) and term.body.atom == "ones"):
        return replace(term, body=factor)
    if not term.body.shape:
        return replace(scaled(replace(term, body=None), term.body), body=factor)
    return replace(term, body=apply("multiply", (factor, term.body), factor.shape, factor.span))


def inner(term: Term, factor: Expr) -> Term:
    """⟨term, factor⟩: the adjoint of a scalar that was multiplied by an array."""
    if term.body is None or not term.body.shape:
        return scaled(term, apply("sum", (factor,), (), factor.span))
    if len(factor.shape) == 1:
        return replace(term, body=apply("matmul", (factor, term.body), (), factor.span))
    product = apply("multiply", (factor, term.body), factor.shape, factor.span)
    return replace(term, body=apply("sum", (product,), (), factor.span))


def times_named(term: Term, symbol: Symbol) -> Term:
    """∇fᵀ a, for an adjoint that is an array."""
    if term.body is None or not term.body.shape:
        return replace(term if term.body is None else scaled(replace(term, body=None), term.body), body=symbol)
    operator = Symbol(f"{symbol.text}ᵀ", shape=(symbol.shape + term.body.shape)[:2], span=symbol.span)
    return replace(term, body=apply("matmul", (operator, term.body), symbol.shape, symbol.span))


def spread(expr: Expr, operand: Expr, term: Term) -> Term:
    """The adjoint of an operand of an elementwise operator: summed up where a scalar was broadcast."""
    if operand.shape == expr.shape or operand.shape:
        return term
    if term.body is None or not term.body.shape:
        return term
    return replace(term, body=apply("sum", (term.body,), (), expr.span))


def outer(column_vector: Expr, row: Expr) -> Expr:
    """The matrix a bᵀ."""
    transpose = apply("transpose", (row,), row.shape, row.span)
    return apply("matmul", (column_vector, transpose), (*column_vector.shape, *row.shape), row.span)


def product(matrix: Expr, vector: Expr) -> Expr:
    """``matrix @ vector`` for a column vector."""
    return apply("matmul", (matrix, vector), (*matrix.shape[:-1], *vector.shape[1:]), vector.span)
