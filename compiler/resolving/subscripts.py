"""Subscripts: literal and computed indices, slices, gathers, and the proof that an index stays in range."""

from __future__ import annotations

from collections.abc import Callable

from karush.compiler.messages import index_messages
from karush.compiler.messages.index_messages import IndexUse
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
    Range,
    SizeCondition,
    SizeValue,
    Subscript,
)
from karush.compiler.names.bounds import ONE, ZERO, Bounds, facts_of
from karush.compiler.names.context import Context
from karush.compiler.names.symbols import Poison, poison
from karush.compiler.resolving.dimensions import find_size, mentions_binder
from karush.dsl import ast
from karush.dsl.source import Span
from karush.stdlib.shape import Shape, Size


def resolve_index(context: Context, node: ast.Index) -> Expr:
    """``value[indices]``."""
    value = context.expression(node.value)
    if isinstance(value, Poison):
        for index in node.indices:
            if not isinstance(index, ast.Slice):
                context.expression(index)
        return poison(node.span)
    if len(node.indices) > len(value.shape):
        return context.refuse(index_messages.too_many_indices(node, value), node.span)
    items: list[At | Range] = []
    for axis, index in enumerate(node.indices):
        item = _item(context, node, value, axis, index)
        if item is None:
            return poison(node.span)
        items.append(item)
    gathers = [i for i in items if isinstance(i, At) and i.index.shape]
    if len(gathers) > 1:
        return context.refuse(index_messages.two_gathers(node), node.span)
    return subscript(value, tuple(items), node.span)


def subscript(value: Expr, items: tuple[At | Range, ...], span: Span) -> Expr:
    """``value[items]``, with whole ranges for absent trailing axes."""
    rest = tuple(Range(ZERO, size) for size in value.shape[len(items) :])
    shape: Shape = ()
    for item in (*items, *rest):
        shape += item.index.shape if isinstance(item, At) else (item.stop - item.start,)
    return Subscript(value, (*items, *rest), shape=shape, kind=value.kind, span=span)


def _item(context: Context, node: ast.Index, value: Expr, axis: int, index: ast.Expr | ast.Slice) -> At | Range | None:
    if isinstance(index, ast.Slice):
        return _slice(context, node, value, axis, index)
    expr = context.expression(index)
    if isinstance(expr, Poison):
        return None
    if expr.kind is not Kind.INTEGER:
        context.report(index_messages.index_not_integer(expr, index.span.text))
        return None
    if isinstance(expr, Constant) and expr.value < 0:
        return _from_the_end(context, node, value, axis, expr)
    if not check_range(context, IndexUse(node, value, axis, expr, value.shape[axis])):
        return None
    if len(expr.shape) > 1:
        context.report(index_messages.index_rank(index, expr))
        return None
    return At(expr)


def _from_the_end(context: Context, node: ast.Index, value: Expr, axis: int, expr: Constant) -> At | None:
    """``x[-1]`` is the last entry: ``x[n - 1]``."""
    position = value.shape[axis] + Size.constant(int(expr.value))
    if not _require(context, position, expr.span):
        context.report(
            index_messages.index_out_of_range(IndexUse(node, value, axis, expr, value.shape[axis]), None, context)
        )
        return None
    if position.value is not None:
        return At(Constant(position.value, shape=(), kind=Kind.INTEGER, span=expr.span))
    return At(SizeValue(position, shape=(), kind=Kind.INTEGER, span=expr.span))


# ---------------------------------------------------------------- ranges of indices


def check_range(context: Context, use: IndexUse) -> bool:
    """Prove that an index stays in range; a literal one becomes a condition on the data. Failure is reported."""
    failure = _first_failure(context, use.index, use.size, context.bounds())
    if failure is None:
        return True
    context.report(index_messages.index_out_of_range(use, failure, context))
    return False


MAX_LEVELS = 40
"""How many choices within choices an index may hold: beyond them it counts as one that may leave its range."""


def proved_in_range(context: Context, index: Expr, size: Size) -> bool:
    """Whether an index is proved to be one of 0 … size - 1; asks for conditions on the data where it is literal."""
    return _first_failure(context, index, size, context.bounds()) is None


def _first_failure(context: Context, index: Expr, size: Size, bounds: Bounds, level: int = 0) -> Expr | None:
    """The part of an index expression for which the proof fails; None where all is well."""
    while isinstance(index, Named):
        index = index.value
    if level == MAX_LEVELS:
        return index
    match index:
        case BinderValue(binder=Binder(step=1) as binder) if binder.start == ZERO and binder.length == size:
            return None  # it runs through the whole axis: nothing else is as common
        case Apply(atom="stack" | "concat"):
            failures = (_first_failure(context, a, size, bounds, level + 1) for a in index.arguments)
            return next((f for f in failures if f is not None), None)
        case Apply(atom="if", arguments=(condition, then, orelse)):
            inside = _knowing(bounds, facts_of(condition, bounds))
            outside = _knowing(bounds, facts_of(condition, bounds, holds=False))
            failure = _first_failure(context, then, size, inside, level + 1)
            return failure if failure is not None else _first_failure(context, orelse, size, outside, level + 1)
        case Comprehension():
            inside = Bounds(bounds.index_sizes, bounds.facts, bounds.binders + index.binders)
            return _first_failure(context, index.body, size, inside, level + 1)
    lower = _holds(context, index, bounds, "maximum", lambda form: form)
    upper = lower and _holds(context, index, bounds, "minimum", lambda form: size - ONE - form)
    return None if upper else index


def _knowing(bounds: Bounds, facts: tuple[Size, ...]) -> Bounds:
    return Bounds(bounds.index_sizes, bounds.facts + facts, bounds.binders, bounds.low, bounds.high)


def _holds(
    context: Context, index: Expr, bounds: Bounds, either: str, room: Callable[[Size], Size], level: int = 0
) -> bool:
    """Prove room(index) ≥ 0. Of ``either`` (``max`` from below, ``min`` from above) one argument is enough."""
    if isinstance(index, Apply) and index.atom in ("maximum", "minimum"):
        if level == MAX_LEVELS:
            return False
        proofs = (_holds(context, a, bounds, either, room, level + 1) for a in index.arguments)
        return any(proofs) if index.atom == either else all(proofs)
    form = bounds.form(index)
    if form is None:
        return False
    return bounds.nonnegative(room(form)) or _by_condition(context, room(form), bounds, index.span)


def _by_condition(context: Context, form: Size, bounds: Bounds, span: Span) -> bool:
    """A requirement ``form ≥ 0`` without binders that run over dims is put to the data."""
    least = bounds.extreme(form, largest=False)
    if least is None or any(t in bounds.low and not _is_literal(bounds, t) for t in form.dims()):
        return False
    return _require(context, least, span)


def _is_literal(bounds: Bounds, token: str) -> bool:
    return bounds.low[token].value is not None and bounds.high[token].value is not None


def _require(context: Context, form: Size, span: Span) -> bool:
    """``form ≥ 0`` as a condition on the data: ``size ≥ least``. False where it cannot hold, or reads badly."""
    terms = dict(form.terms)
    constant = terms.pop((), 0)
    if not terms:
        return constant >= 0
    if len(terms) > 1 or min(terms.values()) < 0:
        return False
    if constant < 0:
        context.block.conditions.append(SizeCondition(Size(tuple(terms.items())), -constant, span))
    return True


# ---------------------------------------------------------------- slices


def _slice(context: Context, node: ast.Index, value: Expr, axis: int, item: ast.Slice) -> At | Range | None:
    size = value.shape[axis]
    if _moves(context, item):
        return _window(context, node, value, axis, item)
    start = _end(context, item.lower, size, ZERO)
    stop = _end(context, item.upper, size, size)
    if start is None or stop is None:
        return None
    for low, high in ((ZERO, start), (start, stop), (stop, size)):
        gap = high - low
        if not context.bounds().nonnegative(gap) and not _require(context, gap, item.span):
            context.report(index_messages.slice_out_of_range(node, value, axis, item))
            return None
    return Range(start, stop)


def _end(context: Context, node: ast.Expr | None, size: Size, absent: Size) -> Size | None:
    if node is None:
        return absent
    end = find_size(context, node)
    if end is None:
        return None
    if end.value is not None and end.value < 0:
        return size + end
    return end


def _moves(context: Context, item: ast.Slice) -> bool:
    """Whether an end of a slice depends on a binder."""
    return any(e is not None and mentions_binder(context, e) for e in (item.lower, item.upper))


def _window(context: Context, node: ast.Index, value: Expr, axis: int, item: ast.Slice) -> At | None:
    """``x[t:t + 3]`` for a binder t: the gather ``x[[t + k for k in range(3)]]``."""
    lower = context.expression(item.lower) if item.lower is not None else None
    upper = context.expression(item.upper) if item.upper is not None else None
    if isinstance(lower, Poison) or isinstance(upper, Poison):
        return None
    bounds = context.bounds()
    start = bounds.form(lower) if lower is not None else ZERO
    stop = bounds.form(upper) if upper is not None else value.shape[axis]
    width = stop - start if start is not None and stop is not None else None
    if width is None or width.dims() & bounds.low.keys():
        context.report(index_messages.slice_width(node, item))
        return None
    binder = Binder("k", width, span=item.span)
    step: Expr = BinderValue(binder, shape=(), kind=Kind.INTEGER, span=item.span)
    if lower is not None:
        step = Apply("add", (lower, step), shape=(), kind=Kind.INTEGER, span=item.span)
    index = Comprehension((binder,), step, shape=(width,), kind=Kind.INTEGER, span=item.span)
    return At(index) if check_range(context, IndexUse(node, value, axis, index, value.shape[axis])) else None
