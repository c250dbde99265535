"""Expressions made by the compiler: each has the place in the file of what it stands for."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from karush.compiler.model import Apply, At, Binder, BinderValue, Comprehension, Constant, Expr, Kind, Subscript
from karush.dsl.source import Span
from karush.stdlib.shape import SCALAR, Shape, Size

Entry = Callable[[Expr], Expr]
"""An array's entry at the present place; a scalar itself."""


def number(value: float, span: Span) -> Constant:
    """A number."""
    return Constant(value, shape=SCALAR, span=span)


def elementwise(atom: str, *arguments: Expr) -> Apply:
    """``atom(arguments)``, of the shape of the first array among them."""
    shape = next((argument.shape for argument in arguments if argument.shape), SCALAR)
    return Apply(atom, arguments, shape=shape, span=arguments[0].span)


def scalar(atom: str, *arguments: Expr) -> Apply:
    """``atom(arguments)``, a scalar."""
    return Apply(atom, arguments, shape=SCALAR, span=arguments[0].span)


def product(factors: Sequence[Expr]) -> Expr:
    """The product of factors, at least one."""
    found = factors[0]
    for factor in factors[1:]:
        found = elementwise("multiply", found, factor)
    return found


def vector(expr: Expr) -> Expr:
    """All entries of an expression as a vector."""
    if len(expr.shape) == 1:
        return expr
    if not expr.shape:
        return Apply("stack", (expr,), shape=(Size.constant(1),), span=expr.span)
    size = expr.shape[0]
    for other in expr.shape[1:]:
        size = size * other
    return Apply("vec", (expr,), shape=(size,), span=expr.span)


def concatenated(parts: Sequence[Expr]) -> Expr:
    """The entries of all parts as one vector; scalars that stand side by side become one part."""
    vectors: list[Expr] = []
    scalars: list[Expr] = []
    for part in (*parts, None):
        if part is not None and not part.shape:
            scalars.append(part)
            continue
        if scalars:
            shape = (Size.constant(len(scalars)),)
            vectors.append(Apply("stack", tuple(scalars), shape=shape, span=scalars[0].span))
            scalars = []
        if part is not None:
            vectors.append(vector(part))
    if len(vectors) == 1:
        return vectors[0]
    size = Size.constant(0)
    for one in vectors:
        size = size + one.shape[0]
    return Apply("concat", tuple(vectors), shape=(size,), span=vectors[0].span)


def entrywise(shape: Shape, span: Span, body: Callable[[Entry], Expr]) -> Expr:
    """A scalar function taken at every entry of arrays of a shape: a comprehension with a binder for each axis."""
    if not shape:
        return body(lambda expr: expr)
    binders = tuple(Binder(f"entry{axis}", size) for axis, size in enumerate(shape))
    items = tuple(At(BinderValue(b, shape=SCALAR, kind=Kind.INTEGER, span=span)) for b in binders)

    def entry(expr: Expr) -> Expr:
        return Subscript(expr, items, shape=SCALAR, kind=expr.kind, span=expr.span) if expr.shape else expr

    return Comprehension(binders, body(entry), shape=shape, span=span)
