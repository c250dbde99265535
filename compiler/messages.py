"""The wording of findings about names, calls and clauses: one constructor for each, with typed arguments.

Shapes are in shape_messages.py, the form of a problem in form_messages.py. A constructor decides nothing but words.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from karush.compiler.context import Context
from karush.compiler.model import Expr, ModelCall
from karush.compiler.symbols import (
    DimSymbol,
    FnSymbol,
    ModelSymbol,
    RecordSymbol,
    Scope,
    SetSymbol,
    Symbol,
    ValueSymbol,
)
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Fix, Label, Severity
from karush.dsl.source import Span
from karush.dsl.spelling import closest
from karush.stdlib.shape import show_shape


def error(code: str, message: str, labels: Sequence[Label], *fixes: str | Fix, note: str = "") -> Diagnostic:
    """An error with its labels; a fix given as text is shown, one given as Fix can be applied."""
    repairs = tuple(Fix(fix) if isinstance(fix, str) else fix for fix in fixes if fix)
    return Diagnostic(code, message, tuple(labels), (("note", note),) if note else (), repairs)


def warning(code: str, message: str, labels: Sequence[Label], *fixes: str | Fix) -> Diagnostic:
    """A warning with its labels."""
    repairs = tuple(Fix(fix) if isinstance(fix, str) else fix for fix in fixes if fix)
    return Diagnostic(code, message, tuple(labels), (), repairs, Severity.WARNING)


def article(word: str) -> str:
    """The word with its article."""
    return f"an {word}" if word[:1] in "aeiou" else f"a {word}"


def short(text: str) -> str:
    """A text on one line, cut where it is long."""
    line = " ".join(text.split())
    return line if len(line) <= 40 else line[:37] + "…"


# ---------------------------------------------------------------- names


def unknown_name(node: ast.Name, context: Context, wanted: str = "value") -> Diagnostic:
    """E0201, or E0204 where a later statement declares the name."""
    if node.id in context.session.active_fns:
        label = Label(node.span, "a fn sees only fns declared before it")
        fix = "write the recursion as a closed form, or as `root(…)` or `fixpoint(…)`"
        return error("E0204", f"`{node.id}` calls itself", (label,), fix)
    later = next((s.later[node.id] for s in context.scope.levels() if node.id in s.later), None)
    if later is not None and later.start >= node.span.start:
        labels = (Label(node.span, "used here"), Label(later, "declared here"))
        return error("E0204", f"`{node.id}` is used before it is declared", labels, "move the declaration up")
    found = _suggestion(node.id, context, wanted)
    label = Label(node.span, _not_a_known(wanted))
    if found is None:
        return error("E0201", f"unknown name `{node.id}`", (label,), _declare(node.id, wanted))
    name, origin = found
    return error("E0201", f"unknown name `{node.id}`", (label,), Fix(f"{name}   ({origin})", node.span, name))


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


_WANTED: Mapping[str, tuple[type[Symbol], ...]] = {
    "dim": (DimSymbol,),
    "function": (FnSymbol, ModelSymbol),
    "value": (DimSymbol, ValueSymbol, RecordSymbol, FnSymbol, ModelSymbol),
    "set": (SetSymbol,),
}


def _suggestion(word: str, context: Context, wanted: str) -> tuple[str, str] | None:
    """The nearest name of the wanted kind, and where it comes from; the file's own names go first."""
    visible = {n: s for n, s in context.scope.visible().items() if isinstance(s, _WANTED[wanted])}
    own = closest(word, visible)
    if own is not None:
        symbol = visible[own]
        place = f", line {symbol.span.line}" if symbol.span is not None else ""
        return own, f"{symbol.word}{place}"
    if wanted == "dim":
        return None
    library = context.session.library
    names = library.set_names() if wanted == "set" else library.atom_names()
    other = closest(word, sorted(names))
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
    fields = [*model.vars, *model.lets, *(["objective"] if model.objective else []), "status", "dual"]
    name = ".".join(path)
    labels = (Label(node.span, f"the solution of `{model.name}` has: {', '.join(fields)}"),)
    meant = closest(path[0], fields)
    return error("E0207", f"no field `{name}`", labels, f"did you mean `.{meant}`?" if meant else "name one of these")


# ---------------------------------------------------------------- calls


def signature(name: str, header: Iterable[ast.Declaration]) -> str:
    """A header as it was written: ``huber(x, delta in pos = 1.0)``."""
    return f"{name}({', '.join(item.span.text for item in header)})"


def too_many_arguments(node: ast.Call, word: str, name: str, header: tuple[ast.Declaration, ...]) -> Diagnostic:
    """E0206."""
    count = f"{len(header)} argument" + ("" if len(header) == 1 else "s")
    message = f"`{name}` takes {count}, not {len(node.arguments)}"
    extra = node.arguments[min(len(header), len(node.arguments) - 1)]
    fix = f"the {word} is `{signature(name, header)}`"
    return error("E0206", message, (Label(extra.span, "one too many"),), fix)


def unknown_argument(argument: ast.Argument, word: str, name: str, header: tuple[ast.Declaration, ...]) -> Diagnostic:
    """E0206."""
    meant = closest(argument.name or "", [item.name for item in header])
    fix = f"did you mean `{meant}`?" if meant else f"the {word} is `{signature(name, header)}`"
    return error("E0206", f"`{name}` has no argument `{argument.name}`", (Label(argument.span),), fix)


def argument_twice(argument: ast.Argument, name: str, earlier: ast.Argument) -> Diagnostic:
    """E0206."""
    labels = (Label(argument.span, "again"), Label(earlier.span, "given here"))
    return error("E0206", f"the argument `{name}` is given twice", labels, "drop one of the two")


def missing_arguments(
    node: ast.Call, word: str, name: str, missing: list[str], header: tuple[ast.Declaration, ...]
) -> Diagnostic:
    """E0206."""
    listed = ", ".join(f"`{m}`" for m in missing)
    fix = f"the {word} is `{signature(name, header)}`"
    return error("E0206", f"`{name}` also needs {listed}", (Label(node.span),), fix)


def unexpected_name(argument: ast.Argument, node: ast.Call) -> Diagnostic:
    """E0206: a named argument where only places count."""
    name = node.function.span.text
    return error(
        "E0206", f"the arguments of `{name}` have no names", (Label(argument.span),), f"drop `{argument.name} =`"
    )


def too_few_values(node: ast.Call) -> Diagnostic:
    """E0206."""
    name = node.function.span.text
    return error("E0206", f"`{name}` needs an argument", (Label(node.span),), f"`{name}(x)`")


def size_arguments(node: ast.Call, least: int, most: int) -> Diagnostic:
    """E0206: ``zeros``, ``ones``, ``eye``, ``reshape``."""
    name = node.function.span.text
    example = {"eye": "eye(n)", "reshape": "reshape(x, n, m)"}.get(name, f"{name}(n, m)")
    count = "one size" if most == least == 1 else "sizes"
    return error("E0206", f"`{name}` takes {count}", (Label(node.span),), f"`{example}`")


def not_a_function(node: ast.Expr, word: str | None) -> Diagnostic:
    """E0209: parentheses after what is no function."""
    text = node.span.text
    label = Label(node.span, f"{article(word)}, not a function" if word else "not a function")
    array = word in ("param", "var", "let", "argument")
    return error(
        "E0209",
        f"`{text}` is called, but is no function",
        (label,),
        f"index it: `{text}[…]`" if array else "write `*` for a product",
    )


def set_as_value(node: ast.Call, name: str) -> Diagnostic:
    """E0209."""
    label = Label(node.span, "a set, where a value is wanted")
    return error(
        "E0209", f"`{name}` is a set, not a function", (label,), f"a set stands after `in`: `… in {node.span.text}`"
    )


def clause_in_call(node: ast.Call, name: str) -> Diagnostic:
    """E0117: ``sin(x[i] for i in n)``."""
    place = node.clause.span if node.clause is not None else node.span
    label = Label(place, f"`{name}` takes no `for` clause")
    inner = node.arguments[0].span.text if node.arguments else "…"
    fix = f"make an array of the values: `[{name}({inner}) {place.text}]`" if len(inner) < 30 else ""
    reduced = "the reductions are sum, mean, prod, max, min and logsumexp"
    return error("E0117", "only a reduction runs over a clause", (label,), fix or reduced, note=reduced if fix else "")


def calls_too_deep(node: ast.Call, limit: int) -> Diagnostic:
    """E0110."""
    return error(
        "E0110", f"calls of fns are nested more than {limit} deep", (Label(node.span),), "name parts with `let`"
    )


# ---------------------------------------------------------------- clauses


def binder_without_index_set(item: ast.Binder) -> Diagnostic:
    """E0307: ``for y[n]`` outside an inline problem."""
    label = Label(item.span, "runs over what?")
    return error(
        "E0307", f"the binder `{item.name}` has no index set", (label,), f"`for {item.name} in n`, with a dim n"
    )


def not_an_index_set(item: ast.Binder, domain: ast.Expr, symbol: Symbol | None) -> Diagnostic:
    """E0307."""
    text = domain.span.text
    if isinstance(symbol, ValueSymbol | RecordSymbol):
        label = Label(domain.span, f"{article(symbol.word)}, not a dim or a range")
        size = symbol.value.shape[0] if isinstance(symbol, ValueSymbol) and symbol.value.shape else "n"
        fix = f"`for {item.name} in {size}`, and `{text}[{item.name}]` for the entry"
        if isinstance(size, str) or not str(size).isidentifier():
            fix = f"`for {item.name} in range({size})`, and `{text}[{item.name}]` for the entry"
        return error("E0307", f"`{text}` is nothing to count over", (label,), fix)
    label = Label(domain.span, "not a dim or a range")
    return error("E0307", f"`{text}` is nothing to count over", (label,), f"`for {item.name} in range({text})`")


def range_arguments(node: ast.Call) -> Diagnostic:
    """E0206."""
    return error(
        "E0206",
        "`range` takes one to three sizes",
        (Label(node.span),),
        "`range(n)`, `range(a, b)` or `range(a, b, step)`",
    )


def ragged_range(node: ast.Expr, value: ast.Expr) -> Diagnostic:
    """E0309: an end of a range that depends on another binder."""
    label = Label(value.span, "changes from row to row")
    return error(
        "E0309",
        "the ends of a range are sizes",
        (label,),
        "run over the whole range and filter: `for i in n, j in n if i < j`",
    )


def range_step(node: ast.Expr) -> Diagnostic:
    """E0309."""
    return error("E0309", "the step of a range is a whole number other than 0", (Label(node.span),), "`range(0, n, 2)`")


def reduction_arguments(node: ast.Call, operator: str) -> Diagnostic:
    """E0206."""
    return error(
        "E0206",
        f"`{operator}` over a clause takes one expression",
        (Label(node.span),),
        f"`{operator}(x[i] for i in n)`",
    )


def filtered_array(node: ast.Comprehension) -> Diagnostic:
    """E0117: the length of an array cannot depend on a condition."""
    condition = node.clause.condition
    span = condition.span if condition is not None else node.clause.span
    label = Label(span, "its length would depend on this")
    binders = ", ".join(b.span.text for b in node.clause.binders)
    fix = f"[if {span.text} then {node.body.span.text} else 0 for {binders}]"
    other = "; a filter stands in reductions and constraints"
    return error(
        "E0117", "an array takes no filter", (label,), (fix if len(fix) < 80 else "`if c then e else 0` inside") + other
    )


# ---------------------------------------------------------------- sets


def not_a_set(node: ast.Expr, symbol: Symbol | None) -> Diagnostic:
    """E0209."""
    labels = [Label(node.span, "a set is wanted after `in`")]
    fix = "nonneg, box(0, 1), simplex, index(n) …; `karush explain E0209` lists the sets"
    if isinstance(symbol, DimSymbol):
        fix = f"index({symbol.name})   (the whole numbers 0 … {symbol.name}-1)"
    elif isinstance(symbol, ValueSymbol) and symbol.span is not None:
        labels.append(Label(symbol.span, f"{article(symbol.word)}, declared here"))
    return error("E0209", f"`{node.span.text}` is not a set", labels, fix)


def unknown_set(node: ast.Name, context: Context) -> Diagnostic:
    """E0201, or E0209 where the name is a function."""
    if context.session.library.atom(node.id) is not None:
        return not_a_set(node, None)
    later = next((s.later[node.id] for s in context.scope.levels() if node.id in s.later), None)
    if later is not None:
        return unknown_name(node, context, wanted="set")
    found = _suggestion(node.id, context, "set")
    label = Label(node.span, "not a set of the file or the library")
    fix: Fix | str = "nonneg, nonpos, pos, box(a, b), simplex, ball(r), psd, index(n) …"
    if found is not None:
        fix = Fix(f"{found[0]}   ({found[1]})", node.span, found[0])
    return error("E0201", f"unknown set `{node.id}`", (label,), fix)


def set_arguments(node: ast.Expr, name: str, header: tuple[ast.Declaration, ...]) -> Diagnostic:
    """E0206."""
    form = signature(name, header) if header else name
    count = {0: "no arguments", 1: "one argument"}.get(len(header), f"{len(header)} arguments")
    return error("E0206", f"the set `{name}` takes {count}", (Label(node.span),), f"in {form}")


def index_set_arguments(node: ast.Expr) -> Diagnostic:
    """E0206."""
    return error("E0206", "the set `index` takes one size", (Label(node.span),), "in index(n)")
