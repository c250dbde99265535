"""The wording of findings about indices, slices and their ranges (E0302, E0305, E0306, E0309)."""

from __future__ import annotations

from dataclasses import dataclass

from karush.compiler.messages.shape_messages import declared_at
from karush.compiler.model import Apply, BinderValue, Expr, Kind, ParamValue, VarValue
from karush.compiler.names.bounds import ONE, Bounds
from karush.compiler.names.context import Context
from karush.compiler.names.sizes import as_name, show_compact
from karush.compiler.wording import error, short
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Label
from karush.dsl.source import Span
from karush.stdlib.shape import Size, show_shape


@dataclass(frozen=True)
class IndexUse:
    """One index within brackets: which axis of which value, and what stands there. ``node`` is the whole subscript."""

    node: ast.Node
    value: Expr
    axis: int
    index: Expr
    size: Size


def too_many_indices(node: ast.Index, value: Expr) -> Diagnostic:
    """E0302."""
    count = len(value.shape)
    extra = node.indices[count].span.to(node.indices[-1].span)
    shape = show_shape(value.shape) if value.shape else "a scalar, and has no axes"
    label = Label(extra, f"{short(node.value.span.text)} is {shape}")
    fix = f"{short(node.value.span.text)}" if not count else f"at most {count} ind{'ex' if count == 1 else 'ices'}"
    return error("E0302", "more indices than axes", (label,), fix)


def two_gathers(node: ast.Index) -> Diagnostic:
    """E0302."""
    label = Label(node.span, "two index arrays")
    return error("E0302", "one index array in a subscript", (label,), "say how they pair: `[x[i[k], j[k]] for k in n]`")


def index_not_integer(value: Expr, text: str) -> Diagnostic:
    """E0306."""
    kind = "a condition" if value.kind is Kind.BOOLEAN else "a real number"
    fix = "declare it `in index(n)`, or count by a binder: `for i in n`"
    return error("E0306", "an index is a whole number", (Label(value.span, f"{kind}"),), fix)


def index_rank(node: ast.Expr, value: Expr) -> Diagnostic:
    """E0302."""
    label = Label(node.span, show_shape(value.shape))
    return error("E0302", "an index array has one axis", (label,), "gather row by row, in a clause")


def slice_width(node: ast.Index, item: ast.Slice) -> Diagnostic:
    """E0309: a slice whose length changes."""
    label = Label(item.span, "its length changes with the binder, or is not known")
    return error(
        "E0309",
        "a slice has a fixed length",
        (label,),
        "sum over the whole range with a filter: `… for s in T if s <= t`",
    )


def slice_out_of_range(node: ast.Index, value: Expr, axis: int, item: ast.Slice) -> Diagnostic:
    """E0305."""
    last = show_compact(value.shape[axis])
    label = Label(item.span, f"not within 0 : {last}")
    return error("E0305", "a slice runs out of the range", (label,), f"ends between 0 and {last}, the start first")


def index_out_of_range(use: IndexUse, failure: Expr | None, context: Context) -> Diagnostic:
    """E0305: an index that leaves the range, or is not proved to stay in it."""
    bounds = context.bounds()
    index = failure if failure is not None else use.index
    form = bounds.form(index)
    name = short(use.value.span.text)
    rows = f"{name} has the {_axis_word(use)} 0 .. {show_compact(use.size - ONE)}"
    least = bounds.extreme(form, largest=False) if form is not None else None
    most = bounds.extreme(form, largest=True) if form is not None else None
    message, text = "index runs past the end", f"may lie outside; {rows}"
    fixes: list[str] = []
    if form is None or least is None or most is None:
        message = "an index is not known to stay in range"
        fixes = [
            f"declare it `in index({show_compact(use.size)})`"
            + (f", or filter: `if 0 <= … and … < {show_compact(use.size)}`" if form is not None else "")
        ]
    elif bounds.nonnegative(form):
        text = f"reaches {show_compact(most)}, but {rows}"
        fixes = [_past_the_end(use, index, most, context)]
    else:
        message = "index runs below 0"
        text = f"reaches {show_compact(least)}, but {rows}"
        fixes = [_below_zero(index, least, bounds)]
    labels = [Label(index.span, text)]
    place = declared_at(use.value, context.session.places)
    if place is not None:
        labels.append(Label(place, f"size of {place.text.split('[')[0]}"))
    return error("E0305", message, labels, *fixes)


def _axis_word(use: IndexUse) -> str:
    return "rows" if use.axis == 0 and len(use.value.shape) > 1 else "columns" if use.axis == 1 else "entries"


def _binder_of(index: Expr) -> BinderValue | None:
    match index:
        case BinderValue():
            return index
        case Apply(arguments=arguments):
            return next((b for a in arguments if (b := _binder_of(a)) is not None), None)
    return None


def _past_the_end(use: IndexUse, index: Expr, most: Size, context: Context) -> str:
    """Declare as many rows more as needed, or stop the range as many earlier."""
    excess = (most - use.size + ONE).value
    place = declared_at(use.value, context.session.places)
    fixes = []
    if excess is not None and place is not None:
        grown = _grown(use, place, excess)
        fixes += [grown] if grown else []
    binder = _binder_of(index)
    if excess is not None and binder is not None and binder.binder.step == 1:
        stop = binder.binder.start + binder.binder.length - Size.constant(excess)
        start = f"{binder.binder.start}, " if binder.binder.start.value != 0 else ""
        fixes.append(f"for {binder.binder.name} in range({start}{stop})")
    if excess is None and binder is not None and as_name(use.size) is not None and isinstance(index, BinderValue):
        fixes.append(f"for {binder.binder.name} in {use.size}")
    declared = declared_at(index, context.session.places)
    if excess is None and binder is None and declared is not None:
        fixes.append(f"param {declared.text} in index({show_compact(use.size)})")
    if not fixes:
        return f"the last one is {show_compact(use.size - ONE)}"
    return "     or: ".join(fixes)


def _grown(use: IndexUse, place: Span, excess: int) -> str:
    """The declaration with a longer axis; only where the value is the declared array itself."""
    if not place.text.endswith("]") or not isinstance(use.value, VarValue | ParamValue):
        return ""
    head, _, inside = place.text[:-1].partition("[")
    sizes = [s.strip() for s in inside.split(",")]
    if use.axis >= len(sizes):
        return ""
    sizes[use.axis] = str(use.size + Size.constant(excess))
    word = "var" if isinstance(use.value, VarValue) else "param"
    return f"{word} {head}[{', '.join(sizes)}]"


def _below_zero(index: Expr, least: Size, bounds: Bounds) -> str:
    """Start the range later."""
    binder = _binder_of(index)
    shortfall = least.value
    if binder is not None and shortfall is not None and binder.binder.step == 1:
        start = binder.binder.start + Size.constant(-shortfall)
        stop = binder.binder.start + binder.binder.length
        return f"for {binder.binder.name} in range({start}, {stop})"
    return "only a written negative index counts from the end, as `x[-1]` does"
