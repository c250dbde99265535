"""The wording of findings about names and fields (E02, W0203): one constructor for each, with typed arguments.

Calls and clauses are in call_messages.py, shapes in shape_messages.py and index_messages.py, the form of a problem in
form_messages.py. A constructor decides nothing but words.
"""

from __future__ import annotations

from collections.abc import Mapping

from karush.compiler.model import Expr, Model, ModelCall
from karush.compiler.names.context import Context
from karush.compiler.names.labels import labels_of
from karush.compiler.names.symbols import (
    DimSymbol,
    FnSymbol,
    ModelSymbol,
    RecordSymbol,
    Scope,
    SetSymbol,
    Symbol,
    ValueSymbol,
)
from karush.compiler.wording import article, error, nearest, warning
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.source import Span
from karush.stdlib.primitive_names import PRIMITIVE_NAMES
from karush.stdlib.shape import show_shape

# ---------------------------------------------------------------- names


def unknown_name(node: ast.Name, context: Context, wanted: str = "value") -> Diagnostic:
    """E0201, or E0204 where a later statement declares the name."""
    if node.id in context.session.active_fns:
        label = Label(node.span, "a fn sees only fns declared before it")
        fix = "write the recursion as a closed form, or as `root(…)` or `fixpoint(…)`"
        return error("E0204", f"`{node.id}` calls itself", (label,), fix)
    later = next((s.later[node.id] for s in context.scope.levels() if node.id in s.later), None)
    if later is not None and later.start < node.span.start and later.source == node.span.source:
        labels = (Label(node.span, "not known before its declaration ends"), Label(later, "the declaration"))
        return error("E0204", f"`{node.id}` is used in its own declaration", labels, f"say it without `{node.id}`")
    if later is not None:
        labels = (Label(node.span, "used here"), Label(later, "declared here"))
        return error("E0204", f"`{node.id}` is used before it is declared", labels, "move the declaration up")
    found = suggestion(node.id, context, wanted)
    label = Label(node.span, _not_a_known(wanted))
    if found is None:
        return error("E0201", f"unknown name `{node.id}`", (label,), _declare(node.id, wanted))
    name, origin = found
    return error("E0201", f"unknown name `{node.id}`", (label,), f"{name}   ({origin})")


def _not_a_known(wanted: str) -> str:
    if wanted == "dim":
        return "not a dim"
    return (
        "not a fn, model or stdlib function"
        if wanted == "function"
        else ("not a param, var, let, fn, dim or stdlib name")
    )


def _declare(name: str, wanted: str) -> str:
    if wanted == "dim":
        return f"declare it: `dim {name}`"
    if wanted == "function":
        return f"declare it: `fn {name}(x) = …`"
    return f"declare it: `param {name}`, or `let {name} = …`"


ENOUGH = 50
"""So many findings are more than is shown: no nearest names are looked for after them."""

_WANTED: Mapping[str, tuple[type[Symbol], ...]] = {
    "dim": (DimSymbol,),
    "function": (FnSymbol, ModelSymbol),
    "value": (DimSymbol, ValueSymbol, RecordSymbol, FnSymbol, ModelSymbol),
    "set": (SetSymbol,),
}


def suggestion(word: str, context: Context, wanted: str) -> tuple[str, str] | None:
    """The nearest name of the wanted kind, and where it comes from; the file's own names go first."""
    if len(context.session.findings) >= ENOUGH:
        return None
    visible = {n: s for n, s in context.scope.visible().items() if isinstance(s, _WANTED[wanted])}
    own = nearest(word, visible)
    if own is not None:
        symbol = visible[own]
        place = f", line {symbol.span.line}" if symbol.span is not None else ""
        return own, f"{symbol.word}{place}"
    if wanted == "dim":
        return None
    library = context.session.library
    names = library.set_names() if wanted == "set" else library.atom_names()
    other = nearest(word, sorted(names))
    return None if other is None else (other, "stdlib")


def out_of_sight(node: ast.Name, scope: Scope) -> Diagnostic:
    """E0201: the name exists in the file, but a fn or an inner model does not see its kind."""
    hidden, hider = _hidden(node.id, scope)
    block = "an inner model" if hider == "model" else "a fn"
    sees = "params, dims, fns and models" if hider == "model" else "params, dims, fns, models and lets"
    labels = [Label(node.span, f"{block} sees the {sees} of the file")]
    if hidden is not None and hidden.span is not None:
        labels.append(Label(hidden.span, f"{article(hidden.word)} of the file"))
    word = hidden.word if hidden is not None else "name"
    return error(
        "E0201", f"the {word} `{node.id}` is out of sight here", labels, f"hand it over in the header: `{node.id}`"
    )


def _hidden(name: str, scope: Scope) -> tuple[Symbol | None, str]:
    kind = "fn"
    for level in scope.levels():
        symbol = level.names.get(name)
        if symbol is not None:
            return symbol, kind
        if level.hides:
            kind = level.kind
    return None, kind


def not_a_value(node: ast.Name, word: str, fix: str | None) -> Diagnostic:
    """E0209: a function, set, model … among the operands."""
    advice = fix or {"fn": f"call it: `{node.id}(…)`", "model": f"call it and name a field: `{node.id}(…).x`"}.get(
        word, ""
    )
    label = Label(node.span, f"{article(word)}, where a value is wanted")
    return error("E0209", f"`{node.id}` is {article(word)}, not a value", (label,), advice or "name a value here")


def record_as_value(node: ast.Expr, call: ModelCall) -> Diagnostic:
    """E0209: the solution of an inner model without a field."""
    fields = [*call.model.vars, *call.model.lets, *(["objective"] if call.model.objective else [])]
    label = Label(node.span, f"the solution of `{call.model.name}`")
    example = (
        f"{node.span.text}.{fields[0]}" if fields and len(node.span.text) < 40 else f".{(fields or ['status'])[0]}"
    )
    fix = f"{example}   (fields: {', '.join(fields)})" if fields else example
    return error("E0209", "a solution record is not a value; its fields are", (label,), fix)


def string_as_value(span: Span) -> Diagnostic:
    """E0209."""
    return error("E0209", "a text is not a value", (Label(span),), "texts name primitives and files to import")


def declared_twice(name: str, span: Span, earlier: Symbol) -> Diagnostic:
    """E0202."""
    labels = [Label(span, "declared again")]
    if earlier.span is not None and earlier.span != span:
        labels.append(Label(earlier.span, f"{article(earlier.word)}, declared here"))
    return error("E0202", f"`{name}` is declared twice", labels, "give one of them another name")


def hides_library(name: str, span: Span, word: str) -> Diagnostic:
    """W0203."""
    label = Label(span, f"from here on `{name}` is this {word}")
    return warning("W0203", f"`{name}` hides the library's `{name}`", (label,), f"another name, such as `{name}_`")


def binder_reuses_name(item: ast.Binder, clash: Symbol) -> Diagnostic:
    """E0205."""
    labels = [Label(item.span, f"would hide the {clash.word} `{item.name}`")]
    if clash.span is not None:
        labels.append(Label(clash.span, "declared here"))
    return error(
        "E0205", f"the binder `{item.name}` has the name of {article(clash.word)}", labels, "name the binder otherwise"
    )


def not_in_header(clause: ast.Statement, name: str, atom: ast.AtomDeclaration) -> Diagnostic:
    """E0201: a clause of an atom speaks of what is no argument."""
    header = ", ".join(item.name for item in atom.header)
    return error(
        "E0201", f"`{name}` is no argument of `{atom.name}`", (Label(clause.span),), f"its arguments: {header}"
    )


def unknown_primitive(clause: ast.Statement, name: str) -> Diagnostic:
    """E0201: ``value = primitive "…"`` with a name that none has."""
    meant = nearest(name, sorted(PRIMITIVE_NAMES))
    fix = f'did you mean `primitive "{meant}"`?' if meant else "write the value as an expression in the arguments"
    return error("E0201", f"there is no primitive `{name}`", (Label(clause.span),), fix)


def primitive_arity(clause: ast.Statement, name: str, atom: ast.AtomDeclaration, wanted: int) -> Diagnostic:
    """E0206: an atom whose header does not fit its primitive."""
    takes = f"takes {wanted} argument{'s' if wanted > 1 else ''}, and `{atom.name}` has {len(atom.header)}"
    return error("E0206", f"`{name}` {takes}", (Label(clause.span),), "give the atom the arguments of its primitive")


def not_a_var(node: ast.Name, context: Context) -> Diagnostic:
    """E0209: in ``find`` or a saddle."""
    symbol = context.find(node.id)
    word = symbol.word if symbol is not None else "name"
    labels = [Label(node.span, "a var is wanted here")]
    if symbol is not None and symbol.span is not None:
        labels.append(Label(symbol.span, f"{article(word)}, declared here"))
    return error("E0209", f"`{node.id}` is {article(word)}, not a var", labels, f"declare it as `var {node.id}`")


def preset_depends_on_var(item: ast.Declaration, word: str, inside: Expr) -> Diagnostic:
    """E0209: a default or a start that the solve would have to know."""
    label = Label(inside.span, "known only after the solve")
    message = f"the {word} of `{item.name}` depends on an unknown"
    return error("E0209", message, (label,), f"a {word} is made of numbers, dims and params declared before it")


def var_in_set(node: ast.Expr, inside: Expr) -> Diagnostic:
    """E0209: the set of a var with an unknown among its arguments."""
    fix = "write the bound as a constraint under `subject to`"
    return error("E0209", "the set of a var depends on an unknown", (Label(inside.span, "unknown"),), fix)


# ---------------------------------------------------------------- fields


def no_fields(node: ast.Attribute, value: Expr) -> Diagnostic:
    """E0207."""
    start = node.span.end - len(node.name)
    place = Span(node.span.source, start, node.span.end)
    fixes: list[str | Fix] = []
    if node.name.lower() in ("t", "transpose", "tr"):
        fixes.append(Fix(f"{node.value.span.text}.T", place, "T"))
    shown = f"{show_shape(value.shape)}"
    label = Label(place, f"{node.value.span.text} is {shown}; an array has `.T` alone")
    return error("E0207", f"no field `{node.name}`", (label,), *(fixes or ["drop it; `.T` is the transpose"]))


def no_such_field(node: ast.Attribute, path: tuple[str, ...], record: ModelCall) -> Diagnostic:
    """E0207: a field that the solution of an inner model has not."""
    model = record.model
    if path[0] == "dual":
        return _no_such_dual(node, path, model)
    fields = [*model.vars, *model.lets, *(["objective"] if model.objective else []), "status", "dual"]
    name = ".".join(path)
    labels = (Label(node.span, f"the solution of `{model.name}` has: {', '.join(fields)}"),)
    meant = nearest(path[0], fields)
    return error("E0207", f"no field `{name}`", labels, f"did you mean `.{meant}`?" if meant else "name one of these")


def _no_such_dual(node: ast.Attribute, path: tuple[str, ...], model: Model) -> Diagnostic:
    """E0207: ``solution.dual.label`` without such a label, or without its side."""
    duals = [f"{n}.{side}" if side else n for n, info in labels_of(model).items() for side in info.sides or ("",)]
    name = ".".join(path[1:])
    known = f"the duals of `{model.name}` are: {', '.join(duals)}" if duals else f"`{model.name}` has no labelled rows"
    meant = [d for d in duals if d.startswith(f"{name}.")] or [d for d in [nearest(name, duals)] if d is not None]
    fix = "     or: ".join(f".dual.{dual}" for dual in meant)
    fix = fix or ("name one of these" if duals else "label a row: `name: a <= b`")
    message = f"no dual `{name}`" if name else "`dual` holds one value a label"
    return error("E0207", message, (Label(node.span, known),), fix)
