"""The wording of findings about the form of a problem, its sets, duals and imports (E01, E02, E06)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from karush.compiler.model import Complementarity, Constraint, Expr, Relation, SetUse, Var
from karush.compiler.names.context import Context
from karush.compiler.names.labels import LabelInfo
from karush.compiler.wording import error, nearest, warning
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.source import Span
from karush.stdlib.shape import Size


def listed(names: Iterable[str]) -> str:
    """Names with commas."""
    return ", ".join(names)


# ---------------------------------------------------------------- sets on unknowns


def default_outside(node: ast.Expr, name: str, use: SetUse) -> Diagnostic:
    """E0406: a default that the set of its param does not hold."""
    label = Label(node.span, f"not in `{use.span.text}`")
    return error("E0406", f"the default of `{name}` is not in its set", (label,), "another number, or another set")


def integer_unknown(node: ast.Expr, name: str, role: str) -> Diagnostic:
    """E0107."""
    what = "a var" if role == "var" else "a constraint"
    label = Label(node.span, f"on {what}")
    fix = {"bool": "in box(0, 1)", "int": "drop it, and round the solution"}.get(name, "a param may be `in index(n)`")
    note = "a solution has a derivative only where it moves smoothly; with whole numbers it jumps"
    return error("E0107", f"`{name}` is a set for params: unknowns are real numbers", (label,), fix, note=note)


def open_set(node: ast.Expr, name: str, closure: str, role: str) -> Diagnostic:
    """W0611: a set that is not closed on an unknown."""
    label = Label(node.span, f"taken as `{closure}`")
    fix = Fix(f"in {closure}", node.span, closure)
    return warning("W0611", f"`{name}` on an unknown is taken with its boundary", (label,), fix)


# ---------------------------------------------------------------- the problem as a whole


def vars_without_objective(vars: Sequence[Var], inner: str | None) -> Diagnostic:
    """E0602."""
    names = listed(v.name for v in vars)
    where = f" of the model `{inner}`" if inner else ""
    label = Label(vars[0].span, "an unknown")
    fix = "minimize …     or: find …     or: minimize 0   (any point that satisfies the constraints)"
    return error("E0602", f"nothing says what to do with the vars{where}: {names}", (label,), fix)


def objective_without_vars(goal: ast.Statement) -> Diagnostic:
    """E0601."""
    fix = "declare a var; or name the value with `let`, and it is an output"
    return error("E0601", "there is nothing to choose: the model has no vars", (Label(goal.span),), fix)


def constraints_without_vars(listing: ast.Statement) -> Diagnostic:
    """E0601: a list of constraints in a function file."""
    fix = "declare a var; a condition on a param is said by its set: `param a in nonneg`"
    return error("E0601", "constraints without vars", (Label(listing.span),), fix)


def constraint_without_vars(constraint: Constraint) -> Diagnostic:
    """W0610."""
    label = Label(constraint.span, "no var occurs in it")
    fix = "a condition on a param is said by its set: `param a in nonneg`"
    return warning("W0610", "this constraint holds or not, whatever is chosen", (label,), fix)


def not_square(
    node: ast.Find,
    given: Size,
    wanted: Size,
    matching: Mapping[str, Constraint],
    spare: Sequence[Constraint],
    loose: Sequence[str],
) -> Diagnostic:
    """E0603."""
    unknowns = node.unknowns[0].span.to(node.unknowns[-1].span)
    labels = [Label(unknowns, f"{wanted} unknowns".replace(" * ", ""))]
    fixes = []
    if spare:
        fixed = listed(f"{name} by `{row_name(c)}`" for name, c in matching.items()).replace(" by ", " is fixed by ", 1)
        because = f"; {fixed}" if matching else ""
        labels.append(Label(_row_place(spare[0]), f"not matched to an unknown{because}"))
        fixes.append(_drop(spare[0]))
    elif loose:
        fixes.append(f"an equation for {listed(loose)}; or drop it from `find` and make it a param")
    message = f"`find` needs as many equations as unknowns: {given} against {wanted}".replace(" * ", "")
    return error("E0603", message, labels, *fixes)


def _drop(constraint: Constraint) -> str:
    name = row_name(constraint)
    if isinstance(constraint, Relation) and len(constraint.operands) == 2:
        left, right = (o.span.text for o in constraint.operands)
        if len(left + right) < 50:
            return f"drop `{name}`, or make it a residual: `minimize sumsq({left} - {right})`"
    return f"drop `{name}`"


def row_name(constraint: Constraint) -> str:
    """The label of a constraint, or its line."""
    return constraint.label or f"line {constraint.span.line}"


def _row_place(constraint: Constraint) -> Span:
    """The label where there is one on the same line, else the whole constraint."""
    span = constraint.span
    if constraint.label is None:
        return span
    text = span.source.text
    start = text.rfind(constraint.label, 0, max(span.start, 0) + len(constraint.label))
    return Span(span.source, start, start + len(constraint.label)) if start >= 0 else span


def saddle_sides(node: ast.Saddle, names: Sequence[str]) -> Diagnostic:
    """E0608."""
    sides = [*node.minimized, *node.maximized]
    label = Label(sides[0].span.to(sides[-1].span), "the unknowns of both sides")
    return error("E0608", "every var stands on exactly one side", (label,), f"vars of the model: {listed(names)}")


def perp_side(node: ast.Expr) -> Diagnostic:
    """E0604."""
    label = Label(node.span, "not an inequality of two sides")
    return error("E0604", "`perp` stands between two inequalities", (label,), "`0 <= q perp F(q) >= 0`")


def perp_beside_objective(node: Complementarity, goal: ast.Statement) -> Diagnostic:
    """E0604: complementarity is solved, not optimised over."""
    labels = (Label(node.span, "complementarity"), Label(goal.span, "an objective"))
    fix = "`find …` in the place of the objective; the complementarity of an optimum is derived, not written"
    return error("E0604", "`perp` belongs to a `find`", labels, fix)


def perp_as_value(node: ast.Perp) -> Diagnostic:
    """E0604."""
    return error("E0604", "`perp` makes a constraint, not a value", (Label(node.span),), "put it under `subject to`")


# ---------------------------------------------------------------- duals


def dual_arguments(node: ast.Call) -> Diagnostic:
    """E0206."""
    fix = "`dual(name)`; for a chain `dual(name.lower)` or `dual(name.upper)`"
    return error("E0206", "`dual` takes the label of a constraint", (Label(node.span),), fix)


def no_such_dual(node: ast.Name, context: Context) -> Diagnostic:
    """E0609."""
    labels = [name for name, info in context.block.labels.items() if info.has_dual]
    symbol = context.find(node.id)
    if symbol is not None and symbol.word == "var":
        place = Label(node.span, "a var without a set")
        return error(
            "E0609", f"`{node.id}` has no rows, so no dual", (place,), "a var in a set has one: its reduced cost"
        )
    meant = nearest(node.id, labels)
    place = Label(node.span, "no constraint above has this label")
    if meant is not None:
        return error("E0609", f"no dual `{node.id}`", (place,), f"dual({meant})")
    known = f"labels: {listed(labels)}" if labels else "label the constraint: `name: a <= b`; the let stands below it"
    return error("E0609", f"no dual `{node.id}`", (place,), known)


def label_without_dual(node: ast.Name, info: LabelInfo) -> Diagnostic:
    """E0609: the label of an objective or of ``perp`` rows."""
    labels = (Label(node.span, "an objective and `perp` rows have no multiplier"), Label(info.span, "the label"))
    fix = "the price of a param is the derivative of the objective: `karush grad`"
    return error("E0609", f"`{info.name}` has no dual", labels, fix)


def dual_needs_side(node: ast.Call, info: LabelInfo) -> Diagnostic:
    """E0609: a chain or a box has two duals."""
    labels = (Label(node.span, "which side?"), Label(info.span, "bounded from below and above"))
    fixes = f"dual({info.name}.lower)     or: dual({info.name}.upper)"
    return error("E0609", f"`{info.name}` has two duals", labels, fixes)


def dual_without_side(node: ast.Call, info: LabelInfo, side: str) -> Diagnostic:
    """E0609: a side that the rows have not."""
    has = " and ".join(f"`{s}`" for s in info.sides) if info.sides else "one side only"
    label = Label(node.span, f"`{info.name}` has {has}")
    fix = f"dual({info.name}.{info.sides[0]})" if info.sides else f"dual({info.name})"
    return error("E0609", f"no dual `{info.name}.{side}`", (label,), fix)


def dual_in_problem(inside: Expr, part: Expr) -> Diagnostic:
    """E0609: a multiplier within the problem that defines it."""
    labels = [Label(part.span, "depends on a dual")]
    if inside.span.line != part.span.line:
        labels.append(Label(inside.span, "known only after the solve"))
    fix = "report it by a `let`; a condition on multipliers is a `find` with `perp`"
    return error("E0609", "objective and constraints may not contain duals", labels, fix)


# ---------------------------------------------------------------- inline problems and derivatives


def inline_form(node: ast.Call, operator: str) -> Diagnostic:
    """E0206."""
    form = {"fixpoint": "fixpoint(g(z) for z[h])", "root": "root(F(z) == 0 for z[h])"}.get(
        operator, f"{operator}(e for y[n] in S)"
    )
    return error("E0206", f"`{operator}` takes one expression and one unknown", (Label(node.span),), f"`{form}`")


def root_needs_equation(node: ast.Expr) -> Diagnostic:
    """E0206."""
    return error("E0206", "`root` takes an equation", (Label(node.span),), f"`root({node.span.text[:40]} == 0 for …)`")


def derivative_arguments(node: ast.Call, operator: str, count: int) -> Diagnostic:
    """E0206."""
    form = f"{operator}(e, x, v)" if count == 3 else f"{operator}(e, x)"
    return error("E0206", f"`{operator}` takes {count} arguments", (Label(node.span),), f"`{form}`")


def derivative_in_expression(node: ast.Call, operator: str) -> Diagnostic:
    """E0209."""
    label = Label(node.arguments[1].span, "not a param, var or unknown")
    return error(
        "E0209", f"`{operator}` is in a name", (label,), "give the quantity a name of its own: a param or a var"
    )


# ---------------------------------------------------------------- imports and what is to come


def import_fault(node: ast.Import, path: str, fault: str) -> Diagnostic:
    """E0208."""
    fix = "paths are relative to this file and stay in its folder"
    return error("E0208", f'`"{path}"` cannot be imported', (Label(node.span, fault),), fix)


def unknown_module(node: ast.Import, known: Sequence[str]) -> Diagnostic:
    """E0208."""
    name = ".".join(node.module or ())
    return error("E0208", f"there is no library module `{name}`", (Label(node.span),), f"modules: {listed(known)}")


def set_condition(part: ast.Expr, declaration: ast.SetDeclaration) -> Diagnostic:
    """E0116: a part of the condition of a set that is no row."""
    labels = (Label(part.span, "not `==`, `<=`, `>=` or `in`"), Label(declaration.name_span, "the set"))
    return error("E0116", "the condition of a set is made of rows, joined by `and`", labels, "e <= f, e == f, e in S")
