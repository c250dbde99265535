"""The wording of findings about calls, clauses and sets (E0117, E0206, E0209, E0307)."""

from __future__ import annotations

from karush.compiler.messages.name_messages import suggestion, unknown_name
from karush.compiler.model import Expr
from karush.compiler.names.context import Context
from karush.compiler.names.symbols import DimSymbol, RecordSymbol, Symbol, ValueSymbol
from karush.compiler.wording import article, error, nearest, signature
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Label

# ---------------------------------------------------------------- calls


def too_many_arguments(node: ast.Call, word: str, name: str, header: tuple[ast.Declaration, ...]) -> Diagnostic:
    """E0206."""
    count = f"{len(header)} argument" + ("" if len(header) == 1 else "s")
    message = f"`{name}` takes {count}, not {len(node.arguments)}"
    extra = node.arguments[min(len(header), len(node.arguments) - 1)]
    fix = f"the {word} is `{signature(name, header)}`"
    return error("E0206", message, (Label(extra.span, "one too many"),), fix)


def unknown_argument(argument: ast.Argument, word: str, name: str, header: tuple[ast.Declaration, ...]) -> Diagnostic:
    """E0206."""
    meant = nearest(argument.name or "", [item.name for item in header])
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


def too_many_calls(node: ast.Call, limit: int) -> Diagnostic:
    """E0110: calls within calls, whose number doubles from fn to fn."""
    label = Label(node.span, f"call number {limit + 1}, those within fns counted")
    return error("E0110", "calls of fns are nested too deep", (label,), "name values that are used twice with `let`")


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
    found = suggestion(node.id, context, "set")
    label = Label(node.span, "not a set of the file or the library")
    fix = "nonneg, nonpos, pos, box(a, b), simplex, ball(r), psd, index(n) …"
    if found is not None:
        fix = f"{found[0]}   ({found[1]})"
    return error("E0201", f"unknown set `{node.id}`", (label,), fix)


def set_arguments(node: ast.Expr, name: str, header: tuple[ast.Declaration, ...]) -> Diagnostic:
    """E0206."""
    arguments = ", ".join(item.span.text.partition(" in ")[0] for item in header)
    form = f"{name}({arguments})" if header else name
    count = {0: "no arguments", 1: "one argument"}.get(len(header), f"{len(header)} arguments")
    return error("E0206", f"the set `{name}` takes {count}", (Label(node.span),), f"in {form}")


def index_set_arguments(node: ast.Expr) -> Diagnostic:
    """E0206."""
    return error("E0206", "the set `index` takes one size", (Label(node.span),), "in index(n)")


def open_size(node: ast.Call, name: str, size: str) -> Diagnostic:
    """E0301: no argument of a call tells a size of the model."""
    label = Label(node.span, f"no argument has the size `{size}` of `{name}`")
    return error("E0301", f"the size `{size}` of `{name}` is open", [label], f"`{name}({size} = …)`")


def hidden_size(node: ast.Call, name: str, value: Expr, size: str) -> Diagnostic:
    """E0301: a model uses an array of the file's size by a name that its header binds anew, to another size."""
    labels = (Label(node.span, f"this call makes `{size}` of `{name}` another size"), Label(value.span, "used in it"))
    message = f"`{size}` means two sizes in `{name}`: that of its header, and the file's"
    return error("E0301", message, labels, f"another name for the size in the header of `{name}`")
