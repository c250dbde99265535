"""Symbolic gradients of typed expressions by reverse accumulation, as terms a person would write.

The adjoint of a node e of shape s is a term a of the same shape: the gradient of ⟨a, e⟩ in a var is collected where the
var is met. A term is coefficient · Π numerators / Π denominators · body; a body of None stands for 1. What has no rule
here keeps the name of its derivative (``∂f(x)``), with f(x) as it stands in the file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from karush.compiler.dependence import Dependence, walk
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
    ParamValue,
    Reduce,
    Subscript,
    VarValue,
)
from karush.compiler.show.terms import (
    Symbol,
    Term,
    apply,
    divided,
    inner,
    outer,
    product,
    spread,
    times,
    times_named,
)
from karush.compiler.show.text import ATOM, Printer

SYMMETRIC_SETS = frozenset({"sym", "psd", "pd"})


@dataclass(frozen=True)
class Contribution:
    """A part of the gradient in a var: a term for ``var[items]`` (whole if None), under these binders."""

    var: str
    items: tuple[At, ...] | None
    binders: tuple[Binder, ...]
    conditions: tuple[Expr, ...]
    term: Term


@dataclass
class Gradient:
    """Collects the contributions of a scalar function of the vars."""

    model: Model
    found: list[Contribution] = field(default_factory=list)
    elements: dict[str, str] = field(default_factory=dict)
    pending: list[tuple[Expr, Term, Place]] = field(default_factory=list)
    dependence: Dependence = field(default_factory=Dependence)

    def element(self, node: Apply) -> Symbol:
        """A symbol for an element of the subdifferential of an atom at its argument, noted with its meaning."""
        meaning = f"∂{Printer().show(node, ATOM)}"
        known = {text: name for name, text in self.elements.items()}
        name = known.get(meaning) or f"s{len(self.elements) + 1}"
        self.elements[name] = meaning
        return Symbol(name, shape=node.arguments[0].shape, span=node.span)

    def varies(self, expr: Expr) -> bool:
        """Whether a var occurs."""
        return bool(self.dependence.vars(expr))

    def symmetric(self, expr: Expr) -> bool:
        """Whether an expression is a param declared symmetric."""
        while isinstance(expr, Named):
            expr = expr.value
        param = self.model.params.get(expr.name) if isinstance(expr, ParamValue) else None
        return param is not None and param.set is not None and param.set.name in SYMMETRIC_SETS


@dataclass(frozen=True)
class Place:
    """Where a node stands: the binders in sight and the conditions in force."""

    binders: tuple[Binder, ...] = ()
    conditions: tuple[Expr, ...] = ()


def transposed(gradient: Gradient, matrix: Expr) -> Expr:
    """The transpose, which for a symmetric param is the param itself."""
    if gradient.symmetric(matrix):
        return matrix
    if isinstance(matrix, Apply) and matrix.atom == "transpose":
        return matrix.arguments[0]
    return apply("transpose", (matrix,), matrix.shape[::-1], matrix.span)


def column(gradient: Gradient, vector: Expr) -> Expr:
    """``w @ A`` written as a column, ``Aᵀ w``."""
    matrices: list[Expr] = []
    while isinstance(vector, Apply) and vector.atom == "matmul":
        left, right = vector.arguments
        if (len(left.shape), len(right.shape)) != (1, 2):
            break
        matrices.append(right)
        vector = left
    for matrix in reversed(matrices):
        vector = product(transposed(gradient, matrix), vector)
    return vector


# ---------------------------------------------------------------- rules


def pull(gradient: Gradient, expr: Expr, term: Term, place: Place) -> None:
    """Collect the gradient of ⟨term, expr⟩, with a loop over what the rules leave to be pulled."""
    gradient.pending.append((expr, term, place))
    while gradient.pending:
        waiting = len(gradient.pending) - 1
        pull_one(gradient, *gradient.pending.pop())
        gradient.pending[waiting:] = reversed(gradient.pending[waiting:])


def later(gradient: Gradient, expr: Expr, term: Term, place: Place) -> None:
    """Leave ⟨term, expr⟩ to be pulled."""
    gradient.pending.append((expr, term, place))


def pull_one(gradient: Gradient, expr: Expr, term: Term, place: Place) -> None:
    """Collect the gradient of ⟨term, expr⟩, or leave that of its parts to be pulled."""
    if not gradient.varies(expr):
        return
    match expr:
        case VarValue(name=name):
            gradient.found.append(Contribution(name, None, place.binders, place.conditions, term))
        case Named(value=value):
            later(gradient, value, term, place)
        case Apply(atom=atom) if atom in RULES:
            RULES[atom](gradient, expr, term, place)
        case Apply():
            pull_other(gradient, expr, term, place)
        case Subscript():
            pull_subscript(gradient, expr, term, place)
        case Reduce(operator="sum" | "mean"):
            pull_reduce(gradient, expr, term, place)
        case Comprehension(binders=binders, body=body):
            inside = replace(place, binders=(*place.binders, *binders))
            later(gradient, body, entry(term, binders, body), inside)
        case _:
            note_whole(gradient, expr, term, place)


def entry(term: Term, binders: tuple[Binder, ...], body: Expr) -> Term:
    """The entries of an adjoint that belong to one turn of a comprehension."""
    if term.body is None or (isinstance(term.body, Apply) and term.body.atom == "ones"):
        one = apply("ones", (), body.shape, body.span) if body.shape else None
        return replace(term, body=one)
    items = tuple(At(BinderValue(b, shape=(), kind=Kind.INTEGER, span=body.span)) for b in binders)
    return replace(term, body=Subscript(term.body, items, shape=body.shape, span=body.span))


def pull_reduce(gradient: Gradient, expr: Reduce, term: Term, place: Place) -> None:
    """A sum (or mean) over binders: each turn has the adjoint of the whole."""
    conditions = place.conditions if expr.condition is None else (*place.conditions, expr.condition)
    if expr.operator == "mean":
        for binder in expr.binders:
            size = Symbol(str(binder.length), shape=(), span=expr.span)
            term = divided(term, size)
    later(gradient, expr.body, term, Place((*place.binders, *expr.binders), conditions))


def pull_subscript(gradient: Gradient, expr: Subscript, term: Term, place: Place) -> None:
    """An entry or a row of a var, of a param's neighbour, or of a named comprehension."""
    value = expr.value
    while isinstance(value, Named):
        value = value.value
    scalars = tuple(item for item in expr.items if isinstance(item, At) and not item.index.shape)
    leading = expr.items[: len(scalars)] == scalars and all(
        not isinstance(item, At) and item.start.value == 0 and item.stop == size
        for item, size in zip(expr.items[len(scalars) :], value.shape[len(scalars) :], strict=True)
    )
    if isinstance(value, VarValue) and leading:
        gradient.found.append(Contribution(value.name, scalars, place.binders, place.conditions, term))
    else:
        note_whole(gradient, expr, term, place)


def note_whole(gradient: Gradient, expr: Expr, term: Term, place: Place) -> None:
    """For what has no rule: the derivative by name, in every var that occurs."""
    text = " ".join(expr.span.text.split())
    for name in dict.fromkeys(node.name for node in walk(expr) if isinstance(node, VarValue)):
        symbol = Symbol(f"∇({text})", shape=gradient.model.vars[name].shape, span=expr.span)
        moved = replace(term, body=symbol) if term.body is None else times_named(term, symbol)
        gradient.found.append(Contribution(name, None, place.binders, place.conditions, moved))


def pull_add(gradient: Gradient, expr: Apply, term: Term, place: Place) -> None:
    """A + b."""
    for operand in expr.arguments:
        later(gradient, operand, spread(expr, operand, term), place)


def pull_subtract(gradient: Gradient, expr: Apply, term: Term, place: Place) -> None:
    """A − b."""
    first, second = expr.arguments
    later(gradient, first, spread(expr, first, term), place)
    minus = replace(term, coefficient=-term.coefficient)
    later(gradient, second, spread(expr, second, minus), place)


def pull_negate(gradient: Gradient, expr: Apply, term: Term, place: Place) -> None:
    """−a."""
    later(gradient, expr.arguments[0], replace(term, coefficient=-term.coefficient), place)


def pull_multiply(gradient: Gradient, expr: Apply, term: Term, place: Place) -> None:
    """A·b, entry by entry."""
    for operand, other in (expr.arguments, expr.arguments[::-1]):
        if gradient.varies(operand):
            moved = inner(term, other) if other.shape and not operand.shape else times(term, other)
            later(gradient, operand, moved, place)


def pull_divide(gradient: Gradient, expr: Apply, term: Term, place: Place) -> None:
    """A/b with a constant b; anything else keeps its name."""
    top, bottom = expr.arguments
    if gradient.varies(bottom) or bottom.shape:
        note_whole(gradient, expr, term, place)
    else:
        later(gradient, top, divided(term, bottom), place)


def pull_power(gradient: Gradient, expr: Apply, term: Term, place: Place) -> None:
    """A^k with a constant k: k a^(k−1)."""
    base, exponent = expr.arguments
    if not isinstance(exponent, Constant):
        note_whole(gradient, expr, term, place)
        return
    k = float(exponent.value)
    term = replace(term, coefficient=term.coefficient * k)
    if k == 2:
        slope: Expr | None = base
    else:
        lower = Constant(k - 1, shape=(), kind=Kind.REAL, span=expr.span)
        slope = None if k == 1 else apply("power", (base, lower), base.shape, expr.span)
    later(gradient, base, term if slope is None else times(term, slope), place)


def pull_matmul(gradient: Gradient, expr: Apply, term: Term, place: Place) -> None:
    """A x, aᵀ x, w A and A B."""
    left, right = expr.arguments
    ranks = len(left.shape), len(right.shape)
    body = term.body
    if ranks == (1, 1):
        later(gradient, left, times(term, column(gradient, right)), place)
        later(gradient, right, times(term, column(gradient, left)), place)
    elif body is None:
        note_whole(gradient, expr, term, place)
    elif ranks == (1, 2):
        later(gradient, left, replace(term, body=product(right, column(gradient, body))), place)
        later(gradient, right, replace(term, body=outer(left, body)), place)
    else:
        later(gradient, right, replace(term, body=product(transposed(gradient, left), body)), place)
        other = outer(body, right) if ranks == (2, 1) else product(body, transposed(gradient, right))
        later(gradient, left, replace(term, body=other), place)


def pull_transpose(gradient: Gradient, expr: Apply, term: Term, place: Place) -> None:
    """Aᵀ."""
    body = term.body if term.body is None else transposed(gradient, term.body)
    later(gradient, expr.arguments[0], replace(term, body=body), place)


def pull_sum(gradient: Gradient, expr: Apply, term: Term, place: Place) -> None:
    """Σ over all entries: 1 everywhere."""
    argument = expr.arguments[0]
    ones = apply("ones", (), argument.shape, expr.span)
    if expr.atom == "mean":
        for size in argument.shape:
            term = divided(term, Symbol(str(size), shape=(), span=expr.span))
    later(gradient, argument, times(term, ones) if argument.shape else term, place)


def pull_sumsq(gradient: Gradient, expr: Apply, term: Term, place: Place) -> None:
    """‖a‖²: 2 a."""
    argument = expr.arguments[0]
    later(gradient, argument, times(replace(term, coefficient=2 * term.coefficient), argument), place)


def pull_quad(gradient: Gradient, expr: Apply, term: Term, place: Place) -> None:
    """Xᵀ P x with constant P: (P + Pᵀ) x."""
    x, matrix = expr.arguments
    if gradient.varies(matrix):
        note_whole(gradient, expr, term, place)
        return
    if gradient.symmetric(matrix):
        term = replace(term, coefficient=2 * term.coefficient)
    else:
        both = (matrix, transposed(gradient, matrix))
        matrix = apply("add", both, matrix.shape, expr.span)
    later(gradient, x, times(term, product(matrix, x)), place)


def pull_other(gradient: Gradient, expr: Apply, term: Term, place: Place) -> None:
    """An atom of one argument in which vars occur: its (sub)derivative by name."""
    first, *rest = expr.arguments
    if not gradient.varies(first) or any(gradient.varies(a) for a in rest):
        note_whole(gradient, expr, term, place)
        return
    later(gradient, first, times(term, gradient.element(expr)), place)


Rule = Callable[[Gradient, Apply, Term, Place], None]
RULES: dict[str, Rule] = {
    "add": pull_add, "subtract": pull_subtract, "negate": pull_negate, "multiply": pull_multiply,
    "divide": pull_divide, "power": pull_power, "matmul": pull_matmul, "transpose": pull_transpose,
    "sum": pull_sum, "mean": pull_sum, "sumsq": pull_sumsq, "quad": pull_quad,
    "concat": note_whole, "stack": note_whole, "reshape": note_whole, "if": note_whole, "diag": note_whole,
    "maximum": note_whole, "minimum": note_whole,
}  # fmt: skip
