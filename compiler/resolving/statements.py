"""Declarations of dims, params, vars, lets and fns; objective, constraints, options."""

from __future__ import annotations

from collections import ChainMap
from dataclasses import replace

from karush.compiler.messages import form_messages, index_messages, name_messages, shape_messages
from karush.compiler.model import (
    Complementarity,
    Dim,
    Expr,
    Kind,
    Named,
    Objective,
    Param,
    ParamValue,
    SaddleObjective,
    Var,
    VarValue,
)
from karush.compiler.names.context import Context
from karush.compiler.names.labels import LabelInfo, label_of, label_of_var
from karush.compiler.names.symbols import DimSymbol, FnSymbol, Poison, RecordSymbol, ValueSymbol
from karush.compiler.nested import calls_below
from karush.compiler.resolving.arguments import index_size
from karush.compiler.resolving.clauses import ResolvedClause
from karush.compiler.resolving.constraints import member_rows, resolve_constraint
from karush.compiler.resolving.declared_sets import declared_set
from karush.compiler.resolving.dimensions import find_shape, find_size
from karush.compiler.resolving.draft import Draft, dual_in, var_in
from karush.compiler.resolving.operators import is_number
from karush.compiler.resolving.options import resolve_derivative, resolve_rules, resolve_using
from karush.compiler.resolving.sets import check_default, check_set_name, kind_of, resolve_set
from karush.dsl import ast
from karush.dsl.source import Span
from karush.stdlib.shape import SCALAR, Shape, Size


def declaration_span(item: ast.Declaration) -> Span:
    """The name with its sizes: ``X[m, d]``."""
    if not item.sizes:
        return item.name_span
    source = item.name_span.source
    end = source.text.find("]", item.sizes[-1].span.end)
    return Span(source, item.name_span.start, end + 1 if end >= 0 else item.sizes[-1].span.end)


# ---------------------------------------------------------------- dims, params, vars


def dim(draft: Draft, node: ast.Dim) -> None:
    """``dim n, T = 20``."""
    for item in node.items:
        default = None
        if item.default is not None:
            default = find_size(draft.context, item.default)
            if default is not None and default.value is not None and default.value < 0:
                draft.context.report(shape_messages.negative_size(item.default, default))
        symbol = DimSymbol(item.name, item.name_span, Size.of(item.name))
        if draft.declare(symbol, item.name_span):
            draft.dims[item.name] = Dim(item.name, default, item.name_span, item.doc or node.doc)


def param(draft: Draft, node: ast.Param) -> None:
    """``param X[m, d] in S = default``."""
    for item in node.items:
        declare_param(draft, item, item.doc or node.doc)


def declare_param(draft: Draft, item: ast.Declaration, doc: str | None) -> None:
    """One param, of a statement or of an inner model's header."""
    context = draft.context
    shape = find_shape(context, item.sizes)
    use = None
    sound = shape is not None
    if item.set is not None:
        use = resolve_set(context, item.set, shape or SCALAR, "param") if shape is not None else None
        sound = sound and use is not None
    default = None
    if item.default is not None:
        default = _preset(context, item, shape, "default")
        sound = sound and default is not None
    if not sound or shape is None:
        draft.poison(item.name, item.name_span)
        return
    if use is not None:
        check_default(context, item, use)
    kind = kind_of(use)
    leaf = ParamValue(item.name, shape=shape, kind=kind, span=item.name_span)
    if use is not None and item.set is not None and declared_set(context, item.set) is not None:
        everywhere = ResolvedClause((), None, context, True)
        use = replace(use, rows=member_rows(everywhere, None, item.set, leaf, item.set.span) or ())
    if use is not None:
        context.session.sets[leaf] = use
    if use is not None and use.size is not None:
        context.session.index_sizes[leaf] = use.size
    if draft.declare(ValueSymbol(item.name, declaration_span(item), "param", leaf), item.name_span):
        draft.params[item.name] = Param(item.name, shape, kind, use, default, declaration_span(item), doc)


def var(draft: Draft, node: ast.Var) -> None:
    """``var w[n] in S = start``."""
    for item in node.items:
        context = draft.context
        shape = find_shape(context, item.sizes)
        start = _preset(context, item, shape, "start") if item.default is not None else None
        use = None
        if item.set is not None and shape is not None:
            use = resolve_set(context, item.set, shape, "var")
            if use is not None and (inside := var_in(use.arguments)) is not None:
                context.report(name_messages.var_in_set(item.set, inside))
                use = None
        if shape is None or (item.set is not None and use is None):
            draft.poison(item.name, item.name_span)
            continue
        leaf = VarValue(item.name, shape=shape, span=item.name_span)
        if use is not None:
            context.session.sets[leaf] = use
        place = declaration_span(item)
        own = item.set if item.set is not None and declared_set(context, item.set) is not None else None
        if draft.declare(ValueSymbol(item.name, place, "var", leaf), item.name_span):
            declared = Var(item.name, shape, None if own is not None else use, start, place, item.doc or node.doc)
            draft.vars[item.name] = declared
            info = label_of_var(declared)
            if info is not None:
                context.block.labels[info.name] = info
            if own is not None:
                _member_of_own_set(draft, item.name, own, leaf)


def _member_of_own_set(draft: Draft, name: str, node: ast.Expr, leaf: VarValue) -> None:
    """``var w in S`` for a set that the file declares: its rows carry the name of the var."""
    everywhere = ResolvedClause((), None, draft.context, True)
    for row in member_rows(everywhere, name, node, leaf, node.span) or ():
        info = label_of(row)
        if info is not None:
            draft.context.block.labels[info.name] = info
        draft.constraints.append(row)


def _preset(context: Context, item: ast.Declaration, shape: Shape | None, word: str) -> Expr | None:
    """A default or a start: made of what is known before the solve, a scalar or of the declared shape."""
    assert item.default is not None
    value = context.expression(item.default)
    if isinstance(value, Poison) or shape is None:
        return None
    if next(calls_below(value), None) is not None:
        context.block.postpone(f"an inner problem in a {word}", value.span)
    inside = var_in((value,)) or dual_in((value,))
    if inside is not None:
        context.report(name_messages.preset_depends_on_var(item, word, inside))
        return None
    if value.shape and value.shape != shape:
        context.report(shape_messages.preset_shape(item, word, value, shape))
        return None
    declared_bool = isinstance(item.set, ast.Name) and item.set.id == "bool"
    if value.kind is Kind.BOOLEAN and not declared_bool:
        context.report(shape_messages.condition_as_number(value.span))
        return None
    if index_size(item) is not None and value.kind is not Kind.INTEGER:
        context.report(index_messages.index_not_integer(value, item.name))
        return None
    return value


# ---------------------------------------------------------------- lets and fns


def let(draft: Draft, node: ast.Let) -> None:
    """``let r = X @ w - y``; a let of an inner model's solution names the record."""
    context = draft.context
    record = context.record(node.value)
    if isinstance(record, Poison):
        draft.poison(node.name, node.name_span)
        return
    if record is not None:
        draft.declare(RecordSymbol(node.name, node.name_span, record), node.name_span)
        return
    value = context.expression(node.value)
    if isinstance(value, Poison):
        draft.poison(node.name, node.name_span)
        return
    leaf = Named(node.name, value, shape=value.shape, kind=value.kind, span=node.name_span)
    if draft.declare(ValueSymbol(node.name, node.name_span, "let", leaf), node.name_span):
        draft.lets[node.name] = value


def fn(draft: Draft, node: ast.Fn) -> None:
    """``fn f(x, y[n]) = expr``: what its body means is found at each call."""
    context = draft.context
    check_header(context, node.header)
    if not any(isinstance(s, ast.Return) for s in node.body):
        draft.poison(node.name, node.name_span)
        return
    snapshot = context.scope.snapshot()
    snapshot.later = ChainMap({node.name: node.name_span}, snapshot.later)
    symbol = FnSymbol(node.name, node.name_span, node, snapshot)
    if draft.declare(symbol, node.name_span):
        draft.fns.append(symbol)


def check_header(context: Context, header: tuple[ast.Declaration, ...]) -> None:
    """Every name of a header is there once, in a set that there is."""
    seen: dict[str, ast.Declaration] = {}
    for item in header:
        if item.name in seen:
            earlier = ValueSymbol(item.name, seen[item.name].name_span, "argument", _anything(item))
            context.report(name_messages.declared_twice(item.name, item.name_span, earlier))
        seen.setdefault(item.name, item)
        if item.set is not None:
            check_set_name(context, item.set)


def _anything(item: ast.Declaration) -> Expr:
    return ParamValue(item.name, shape=SCALAR, span=item.name_span)


# ---------------------------------------------------------------- what to solve


def objective(draft: Draft, node: ast.Objective) -> None:
    """``minimize [label:] expr``."""
    first = draft.once(node, "objective")
    value = draft.context.expression(node.value)
    if isinstance(value, Poison) or not first or not is_number(draft.context, value):
        return
    if value.shape:
        draft.context.report(shape_messages.objective_not_scalar(node.value, value))
        return
    if node.label is not None and not _objective_label(draft, node.label, node.span):
        return
    draft.objective = Objective(node.sense, node.label, value, node.span)


def _objective_label(draft: Draft, label: str, span: Span) -> bool:
    """The label of the objective is an output, so no other output may have its name."""
    earlier = draft.context.scope.names.get(label)
    role = earlier.role if isinstance(earlier, ValueSymbol) else ""
    if earlier is not None and role in ("var", "let"):
        draft.context.report(name_messages.declared_twice(label, span, earlier))
        return False
    return draft.label(LabelInfo(label, span, SCALAR, has_dual=False))


def saddle(draft: Draft, node: ast.Saddle) -> None:
    """``minimize f over x maximize over y``."""
    context = draft.context
    first = draft.once(node, "objective")
    value = context.expression(node.value)
    context.block.postpone("a saddle point", node.span)
    sides = [_vars(draft, names) for names in (node.minimized, node.maximized)]
    if isinstance(value, Poison) or not first or sides[0] is None or sides[1] is None:
        return
    named = [*node.minimized, *node.maximized]
    if len({n.id for n in named}) < len(named) or {n.id for n in named} != set(draft.vars):
        context.report(form_messages.saddle_sides(node, tuple(draft.vars)))
        return
    if value.shape:
        context.report(shape_messages.objective_not_scalar(node.value, value))
        return
    draft.saddle = SaddleObjective(node.label, value, sides[0], sides[1], node.span)


def find(draft: Draft, node: ast.Find) -> None:
    """``find z, y``."""
    first = draft.once(node, "objective")
    draft.context.block.postpone("`find`", node.span)
    unknowns = _vars(draft, node.unknowns)
    if unknowns is not None and first:
        draft.find = tuple(dict.fromkeys(unknowns))


def _vars(draft: Draft, names: tuple[ast.Name, ...]) -> tuple[str, ...] | None:
    """The names of vars; None where one is none."""
    sound = True
    for name in names:
        value = draft.context.expression(name)
        if isinstance(value, Poison):
            sound = False
        elif not isinstance(value, VarValue):
            draft.context.report(name_messages.not_a_var(name, draft.context))
            sound = False
    return tuple(name.id for name in names) if sound else None


def constraint(draft: Draft, node: ast.Constraint) -> None:
    """``[label:] relation [for …]``."""
    context = draft.context
    found = resolve_constraint(context, node)
    span = node.label_span or node.span
    if found is None:
        if node.label is not None:
            context.block.broken_labels.add(node.label)
        return
    for row in found:
        if isinstance(row, Complementarity) and "objective" not in draft.first:
            context.block.postpone("`perp`", node.span)
        if row.label is not None:
            info = label_of(row) or LabelInfo(row.label, span, SCALAR, has_dual=False)
            if not draft.label(replace(info, span=span)):
                return
        draft.constraints.append(row)


def subject_to(draft: Draft, node: ast.SubjectTo) -> None:
    """``subject to``: the marker alone."""
    draft.once(node, "subject to")


def using(draft: Draft, node: ast.Using) -> None:
    """``using ipm(tol = 1e-8)``."""
    choice = resolve_using(draft.context, node)
    if draft.once(node, "using"):
        draft.using = choice


def derivative(draft: Draft, node: ast.Derivative) -> None:
    """``derivative implicit(…)``, ``derivative rule(relu = 0.5)``."""
    if node.name == "rule":
        draft.rules.update(resolve_rules(draft.context, node))
        return
    choice = resolve_derivative(draft.context, node)
    if draft.once(node, "derivative"):
        draft.derivative = choice
