"""One entry of an elementwise expression as an expression of its own: ``(c * x^2)[i]`` is ``c[i] * x[i]^2``."""

from __future__ import annotations

from collections.abc import Mapping

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
    Named,
    SizeValue,
    Subscript,
)
from karush.compiler.resolving.atoms import has_shape_rule
from karush.compiler.rewrite import Rewriter
from karush.dsl.source import Span
from karush.stdlib.shape import SCALAR, Shape, Size

ELEMENTWISE = frozenset({"add", "subtract", "multiply", "divide", "power", "negate", "if", "maximum", "minimum"})


def entry_binders(shape: Shape) -> tuple[Binder, ...]:
    """One binder for each axis."""
    return tuple(Binder(f"entry{axis}", size) for axis, size in enumerate(shape))


def places(binders: tuple[Binder, ...], span: Span) -> tuple[At, ...]:
    """Brackets with these binders, each from 0 up."""
    return tuple(At(BinderValue(b, shape=SCALAR, kind=Kind.INTEGER, span=span)) for b in binders)


def entry(expr: Expr, items: tuple[At, ...], library: Library) -> Expr:
    """``expr[items]`` with the brackets moved in as far as it is elementwise; a scalar is itself."""
    if not expr.shape:
        return expr
    done: dict[Expr, Expr] = {}
    pending = [expr]
    while pending:
        node = pending[-1]
        missing = [part for part in _parts(node, library) if part.shape and part not in done]
        if missing:
            pending += missing
        else:
            done[node] = _entry(node, items, done, library)
            pending.pop()
    return done[expr]


def _parts(node: Expr, library: Library) -> tuple[Expr, ...]:
    """The parts of the same shape, or scalar, whose entries make those of the node."""
    match node:
        case Named():
            return (node.value,)
        case Apply() if is_elementwise(node, library):
            return node.arguments
        case _:
            return ()


def is_elementwise(node: Apply, library: Library) -> bool:
    """Is every entry made of the same entries of the arguments?"""
    if node.atom in ELEMENTWISE:
        return all(not part.shape or part.shape == node.shape for part in node.arguments)
    atom = library.atom(node.atom)
    return atom is not None and not has_shape_rule(atom) and all(p.sizes is None for p in atom.params)


def _entry(node: Expr, items: tuple[At, ...], done: Mapping[Expr, Expr], library: Library) -> Expr:
    match node:
        case Named():
            return done[node.value]
        case Apply() if is_elementwise(node, library):
            parts = tuple(done.get(part, part) for part in node.arguments)
            return Apply(node.atom, parts, shape=SCALAR, kind=node.kind, span=node.span)
        case Comprehension() if len(node.binders) == len(items):
            values = {b: _value(b, item.index) for b, item in zip(node.binders, items, strict=True)}
            return Rewriter(lambda n: values.get(n.binder) if isinstance(n, BinderValue) else None).expression(
                node.body
            )
        case _:
            return Subscript(node, items, shape=SCALAR, kind=node.kind, span=node.span)


def _value(binder: Binder, place: Expr) -> Expr:
    """start + step · place."""
    if binder.step != 1:
        step = Constant(binder.step, shape=SCALAR, kind=Kind.INTEGER, span=place.span)
        place = Apply("multiply", (step, place), shape=SCALAR, kind=Kind.INTEGER, span=place.span)
    if binder.start == Size.constant(0):
        return place
    start = SizeValue(binder.start, shape=SCALAR, kind=Kind.INTEGER, span=place.span)
    return Apply("add", (start, place), shape=SCALAR, kind=Kind.INTEGER, span=place.span)
