"""The wording of findings about shapes, sizes, indices and kinds (E03)."""

from __future__ import annotations

from collections.abc import Mapping

from karush.compiler.model import Apply, Expr, Kind, Named, Relation, Subscript
from karush.compiler.names.sizes import as_name
from karush.compiler.names.symbols import Callee, Symbol
from karush.compiler.wording import article, error, short, signature
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.source import Span
from karush.stdlib.shape import Shape, ShapeError, Size, show_shape

Places = Mapping[Expr, Span]


def declared_at(expr: Expr, places: Places) -> Span | None:
    """Where the array that an expression is taken from was declared."""
    while expr not in places:
        match expr:
            case Subscript() | Named():
                expr = expr.value
            case Apply(atom="transpose" | "negate", arguments=(inner,)):
                expr = inner
            case _:
                return None
    return places[expr]


def _declaration_labels(places: Places, *exprs: Expr) -> list[Label]:
    """The declaration of the first expression that has one, in another line than the finding."""
    for expr in exprs:
        span = declared_at(expr, places)
        if span is not None:
            name = span.text.split("[")[0]
            return [Label(span, f"{name} is declared here")]
    return []


def _nominal_note(a: Size, b: Size) -> str:
    """Why two names are two sizes."""
    if as_name(a) is not None and as_name(b) is not None:
        return f"{a} and {b} are different sizes, even where the data make both 50"
    return ""


# ---------------------------------------------------------------- products


def matmul_sizes(
    node: ast.Binary, left: Expr, right: Expr, wanted: tuple[Shape, str] | None, places: Places
) -> Diagnostic:
    """E0301: inner sizes of ``@``."""
    inner = (left.shape[-1], right.shape[0])
    product = f"{show_shape(left.shape)} @ {show_shape(right.shape)}"
    label = Label(node.span, f"{product}: inner sizes {inner[0]} and {inner[1]} differ")
    labels = [label, *_declaration_labels(places, left, right)]
    fix = _transposed(node, left, right, wanted)
    return error("E0301", "sizes do not match in `@`", labels, fix, note=_nominal_note(*inner))


def _transposed(node: ast.Binary, left: Expr, right: Expr, wanted: tuple[Shape, str] | None) -> str | Fix:
    """A product that fits: one side transposed, or both exchanged; one of the wanted shape goes first."""
    a, b = node.left.span.text, node.right.span.text
    options = [
        (_flip(a, node.left), b, left.shape[::-1], right.shape),
        (a, _flip(b, node.right), left.shape, right.shape[::-1]),
        (b, a, right.shape, left.shape),
    ]
    found = [
        (f"{x} @ {y}", p[:-1] + q[1:])
        for x, y, p, q in options
        if p[-1] == q[0] and (p, q) != (left.shape, right.shape) and "\n" not in x + y
    ]
    if not found:
        return "declare both with the same dim, if they are the same by nature"
    best = next((f for f in found if wanted is not None and f[1] == wanted[0]), found[0])
    text = f"{best[0]}  has the shape {show_shape(best[1])}"
    return f"{text}, the shape of {wanted[1]}" if wanted is not None and best[1] == wanted[0] and wanted[1] else text


def _flip(text: str, node: ast.Expr) -> str:
    if isinstance(node, ast.Attribute) and node.name == "T":
        return node.value.span.text
    simple = isinstance(node, (ast.Name, ast.Attribute, ast.Index, ast.Call))
    return f"{text}.T" if simple else f"({text}).T"


def matmul_needs_arrays(node: ast.Binary, left: Expr, right: Expr, side: Expr) -> Diagnostic:
    """E0304: ``@`` of a scalar, or of an array with more than two axes."""
    if not side.shape:
        text = f"{node.left.span.text} * {node.right.span.text}"
        label = Label(side.span, "a scalar")
        return error(
            "E0304", "`@` multiplies vectors and matrices", (label,), text if "\n" not in text else "write `*`"
        )
    label = Label(side.span, show_shape(side.shape))
    return error("E0304", "`@` multiplies vectors and matrices", (label,), "index it down to a matrix, in a clause")


def transpose_rank(node: ast.Attribute, value: Expr) -> Diagnostic:
    """E0302."""
    label = Label(node.span, f"{show_shape(value.shape)} has {len(value.shape)} axes")
    return error("E0302", "`.T` transposes a matrix", (label,), "transpose the matrices in it: `[x[i].T for i in n]`")


# ---------------------------------------------------------------- elementwise


def shapes_differ(node: ast.Node, left: Expr, right: Expr, places: Places) -> Diagnostic:
    """E0301 for arrays of one rank, E0304 for others: only scalars are spread over an array."""
    label = Label(node.span, f"{show_shape(left.shape)} and {show_shape(right.shape)}")
    labels = [label, *_declaration_labels(places, left, right)]
    if len(left.shape) == len(right.shape):
        pair = next((a, b) for a, b in zip(left.shape, right.shape, strict=True) if a != b)
        flipped = right.shape[::-1] == left.shape and len(left.shape) == 2
        fix = f"{right.span.text}.T  has the shape {show_shape(left.shape)}" if flipped else ""
        advice = fix or "take the same part of both, or declare both with the same dim"
        return error("E0301", "sizes do not match", labels, advice, note=_nominal_note(*pair))
    note = "only scalars are spread over an array"
    return error("E0304", "arrays of different rank", labels, _spread(node, left, right), note=note)


_SIGNS = frozenset("+-*/^")


def _spread(node: ast.Node, left: Expr, right: Expr) -> str:
    """The clause that says which axis is meant, where one is."""
    big, small = (left, right) if len(left.shape) > len(right.shape) else (right, left)
    if not isinstance(node, ast.Binary) or node.operator not in _SIGNS or len(big.shape) != 2:
        return "say which axis is meant, by a clause: `[X[i] - y for i in m]`"
    a, b = node.left.span.text, node.right.span.text
    if isinstance(node.left, ast.Binary) or isinstance(node.right, ast.Binary) or len(a + b) > 40:
        return "say which axis is meant, by a clause: `[X[i] - y for i in m]`"
    over = f"for i in {big.shape[0]}" if as_name(big.shape[0]) else f"for i in range({big.shape[0]})"
    if big.shape[1] == small.shape[0]:
        entries = (f"{a}[i]", b) if big is left else (a, f"{b}[i]")
    elif big.shape[0] == small.shape[0]:
        entries = (f"{a}[i]", f"{b}[i]")
    else:
        return "say which axis is meant, by a clause: `[X[i] - y for i in m]`"
    return f"[{entries[0]} {node.operator} {entries[1]} {over}]"


def array_items_differ(node: ast.Node, first: Expr, other: Expr) -> Diagnostic:
    """E0301, E0304: what is put side by side has different shapes."""
    labels = (Label(other.span, show_shape(other.shape)), Label(first.span, show_shape(first.shape)))
    code = "E0301" if len(first.shape) == len(other.shape) else "E0304"
    return error(
        code,
        "the parts of an array have different shapes",
        labels,
        "give them one shape; `concat` joins arrays of different lengths",
    )


def concat_scalar(node: ast.Call, value: Expr) -> Diagnostic:
    """E0304."""
    text = value.span.text
    return error(
        "E0304",
        "`concat` joins arrays",
        (Label(value.span, "a scalar"),),
        f"[{text}]" if len(text) < 40 else "put it in `[ ]`",
    )


def reshape_count(node: ast.Call, value: Expr, shape: Shape) -> Diagnostic:
    """E0301."""
    label = Label(node.span, f"from {show_shape(value.shape)} to {show_shape(shape)}")
    return error("E0301", "`reshape` keeps the number of entries", (label,), "make the products of the sizes equal")


def perp_shapes(node: ast.Perp, left: Relation, right: Relation) -> Diagnostic:
    """E0301."""
    shapes = [next((show_shape(o.shape) for o in side.operands if o.shape), "a scalar") for side in (left, right)]
    labels = (Label(left.span, shapes[0]), Label(right.span, shapes[1]))
    return error("E0301", "the sides of `perp` have different shapes", labels, "one inequality faces one inequality")


# ---------------------------------------------------------------- arguments


def argument_rank(node: ast.Node, callee: Callee, item: ast.Declaration, value: Expr) -> Diagnostic:
    """E0304: a matrix where the header says a vector, and the like."""
    wanted = f"[{', '.join(s.span.text for s in item.sizes)}]" if item.sizes else "a scalar"
    if callee.word == "set" and item is callee.header[0]:
        label = Label(node.span, f"the value is {show_shape(value.shape)}")
        return error(
            "E0304",
            f"the set `{callee.name}` holds elements {wanted}",
            (label,),
            "use a set of this shape, or constrain the parts in a clause",
        )
    label = Label(value.span, f"{show_shape(value.shape)}, where `{callee.name}` takes {wanted}")
    message = f"`{item.name}` of `{callee.name}` has another rank"
    return error("E0304", message, (label,), _rank_repair(callee, item, value))


_FOR_MATRICES = {"norm1": "sum(abs({}))", "norm2": "norm_fro({})", "norminf": "max(abs({}))"}


def _rank_repair(callee: Callee, item: ast.Declaration, value: Expr) -> str:
    text = value.span.text
    if callee.word == "atom" and len(item.sizes) == 1 and len(value.shape) == 2 and len(text) < 40:
        form = _FOR_MATRICES.get(callee.name)
        if form is not None:
            return form.format(text)
        if len(callee.header) == 1:
            return f"of every row: `[{callee.name}({text}[i]) for i in {value.shape[0]}]`"
    if not item.sizes and value.shape:
        return "reduce it, or call in a clause: `[f(x[i]) for i in n]`"
    return f"the {callee.word} is `{signature(callee.name, callee.header)}`"


def argument_sizes(
    node: ast.Node, callee: Callee, item: ast.Declaration, values: Mapping[str, Expr], sizes: Mapping[str, Size]
) -> Diagnostic:
    """E0301: the arguments do not fit the sizes of the header together."""
    wanted = f"[{', '.join(s.span.text for s in item.sizes)}]"
    value = values[item.name]
    known = ", ".join(f"{name} = {size}" for name, size in sizes.items() if name != str(size))
    where = f" with {known}" if known else ""
    if callee.word == "set" and item is callee.header[0]:
        label = Label(node.span, f"the value is {show_shape(value.shape)}")
        fixed = all(isinstance(size, ast.Number) for size in item.sizes)
        fix = f"give it the shape {wanted}" if fixed else "give it equal sizes"
        return error("E0301", f"the set `{callee.name}` holds elements {wanted}", (label,), fix)
    label = Label(value.span, f"{show_shape(value.shape)}, where `{callee.name}` takes {wanted}{where}")
    fix = f"the {callee.word} is `{signature(callee.name, callee.header)}`"
    if value.shape[::-1] != value.shape and len(value.shape) == 2:
        fix += "; or transpose the argument"
    return error("E0301", f"sizes do not match in `{callee.name}`", (label,), fix)


def primitive_shape(node: ast.Node, name: str, arguments: tuple[Expr, ...], wrong: ShapeError) -> Diagnostic:
    """E0304."""
    shapes = ", ".join(show_shape(a.shape) for a in arguments)
    takes = {"diag": "a vector or a square matrix", "solve": "a square matrix and a vector or matrix with as many rows"}
    said = f"`{name}` takes {takes[name]}" if name in takes else f"`{name}` does not fit: {wrong.message}"
    return error("E0304", said, (Label(node.span, shapes),), "compare the shapes")


def set_argument_shape(node: ast.Expr, set_name: str, name: str, value: Expr, shape: Shape) -> Diagnostic:
    """E0301, E0304: the argument of a set is a scalar, or for ``box`` has the shape of the value."""
    code = "E0301" if len(value.shape) == len(shape) else "E0304"
    label = Label(value.span, f"{show_shape(value.shape)}; the value is {show_shape(shape)}")
    return error(
        code, f"`{name}` of the set `{set_name}` does not fit", (label,), "a scalar, or an array of the same shape"
    )


def preset_shape(item: ast.Declaration, word: str, value: Expr, shape: Shape) -> Diagnostic:
    """E0301, E0304."""
    code = "E0301" if len(value.shape) == len(shape) else "E0304"
    label = Label(value.span, f"{show_shape(value.shape)}, but `{item.name}` is {show_shape(shape)}")
    return error(code, f"the {word} of `{item.name}` has another shape", (label,), "a scalar stands for all entries")


# ---------------------------------------------------------------- single numbers


def objective_not_scalar(node: ast.Expr, value: Expr) -> Diagnostic:
    """E0303."""
    text = node.span.text
    label = Label(node.span, f"has the shape {show_shape(value.shape)}")
    fix = (
        f"sum({text})     or: sumsq({text})" if len(text) < 40 and "\n" not in text else "`sum(…)` or `sumsq(…)` of it"
    )
    return error("E0303", "an objective is a single number", (label,), fix)


def derivative_of_array(node: ast.Call, operator: str, value: Expr) -> Diagnostic:
    """E0303."""
    label = Label(value.span, f"has the shape {show_shape(value.shape)}")
    fix = "jacobian(…)" if operator == "grad" else "reduce it to a scalar"
    return error("E0303", f"`{operator}` is of a single number", (label,), fix)


def direction_shape(node: ast.Call, direction: Expr, wanted: Shape) -> Diagnostic:
    """E0301."""
    label = Label(direction.span, f"{show_shape(direction.shape)}, where {show_shape(wanted)} is wanted")
    return error("E0301", "the direction has another shape", (label,), "give it that shape")


def inline_shape(node: ast.Call, operator: str, body: Expr, shape: Shape) -> Diagnostic:
    """E0301."""
    label = Label(body.span, f"{show_shape(body.shape)}, but the unknown is {show_shape(shape)}")
    return error("E0301", f"`{operator}` needs as many equations as unknowns", (label,), "give both one shape")


# ---------------------------------------------------------------- kinds


def condition_as_number(span: Span) -> Diagnostic:
    """E0308."""
    text = span.text
    fix = f"if {text} then 1 else 0" if len(text) < 40 and "\n" not in text else "if … then 1 else 0"
    return error("E0308", "a condition stands where a number is needed", (Label(span, "true or false"),), fix)


def not_a_condition(span: Span) -> Diagnostic:
    """E0308."""
    text = span.text
    fix = f"{text} != 0     or: {text} > 0" if len(text) < 40 and "\n" not in text else "compare it with something"
    return error("E0308", "a number stands where a condition is needed", (Label(span, "a number"),), fix)


def filter_not_a_condition(node: ast.Expr, condition: Expr) -> Diagnostic:
    """E0308, E0303: the filter of a clause."""
    if condition.kind is not Kind.BOOLEAN:
        return not_a_condition(node.span)
    label = Label(node.span, f"has the shape {show_shape(condition.shape)}")
    return error("E0303", "a filter is a single condition", (label,), "index it by the binders")


def membership_as_value(node: ast.Membership) -> Diagnostic:
    """E0308."""
    fix = "in a condition compare: `0 <= i and i < n`"
    return error("E0308", "`in` is for declarations, clauses and constraints", (Label(node.span),), fix)


def mixed_branches(node: ast.IfElse, then: Expr) -> Diagnostic:
    """E0308."""
    label = Label(node.span, "one branch is a condition, the other a number")
    return error("E0308", "the branches of an `if` are of one kind", (label,), "make both numbers, or both conditions")


# ---------------------------------------------------------------- sizes


def not_a_size(node: ast.Expr) -> Diagnostic:
    """E0309."""
    label = Label(node.span, "not made of whole numbers and dims with `+ - *`")
    return error("E0309", f"`{short(node.span.text)}` is not a size", (label,), "declare a dim for it: `dim k`")


def name_not_a_size(node: ast.Name, symbol: Symbol) -> Diagnostic:
    """E0309."""
    labels = [Label(node.span, f"{article(symbol.word)}; shapes are known before the data")]
    if symbol.span is not None:
        labels.append(Label(symbol.span, "declared here"))
    return error("E0309", f"`{node.id}` is not a size", labels, f"dim {node.id}")


def negative_size(node: ast.Expr, size: Size) -> Diagnostic:
    """E0309."""
    return error("E0309", "a size is not negative", (Label(node.span, f"is {size}"),), "write the size as it is meant")


def empty_reduction(node: ast.Node, operator: str) -> Diagnostic:
    """E0303: a reduction without a value for no entries."""
    return error("E0303", f"`{operator}` of nothing has no value", (Label(node.span, "no entries"),), "a longer range")
