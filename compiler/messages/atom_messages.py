"""Findings about the atoms that a file declares."""

from __future__ import annotations

from karush.compiler.model import Expr
from karush.compiler.wording import error, nearest
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic, Label
from karush.dsl.source import Span
from karush.stdlib.primitive_names import PROXIMAL_NAMES
from karush.stdlib.shape import Shape, show_shape


def rule_shape(node: ast.Expr, name: str, slope: Expr, shape: Shape, argument: Expr) -> Diagnostic:
    """E0301: a partial derivative that does not say how every entry of the value moves with every entry."""
    wanted = show_shape(shape + argument.shape)
    label = Label(node.span, f"{show_shape(slope.shape)}, where {wanted} is wanted")
    note = f"the value: {show_shape(shape)}; `{name}`: {show_shape(argument.shape)}"
    fix = "one number for each entry of the value and of the argument, or a single number for all"
    return error("E0301", f"the rule of `{name}` has another shape than the derivative", (label,), fix, note=note)


def not_elementwise(span: Span, atom: ast.AtomDeclaration) -> Diagnostic:
    """E0310."""
    header = ", ".join(item.name for item in atom.header)
    more = ", …" if len(atom.header) > 1 else ""
    label = Label(span, "takes an array as a whole")
    fix = f"give the arguments that are arrays their sizes: `atom {atom.name}({atom.header[0].name}[n]{more})`"
    message = f"`{atom.name}({header})` has no sizes, so it is taken entry by entry; its value is not"
    return error("E0310", message, (label,), fix)


def monotonicity_elsewhere(binder: ast.Binder, clause: ast.AtomMonotonicity) -> Diagnostic:
    """E0117: ``nondecreasing in x for d in nonneg``, where ``d`` is not what moves."""
    label = Label(binder.span, f"says where `{binder.name}` lies")
    message = f"the clause says where {' and '.join(f'`{name}`' for name in clause.names)} lies, with a set"
    return error("E0117", message, (label,), f"for example `for {clause.names[0]} in nonneg`")


def filtered_monotonicity(condition: ast.Expr) -> Diagnostic:
    """E0117: a filter where a set is wanted."""
    message = "where an atom moves one way is said by a set"
    return error("E0117", message, (Label(condition.span),), "drop the filter: `for x in nonneg`")


def graph_without_objective(clause: ast.AtomGraph) -> Diagnostic:
    """E0113."""
    fix = "add `minimize …` (of a concave atom `maximize …`): its optimal value is the atom"
    return error("E0113", "the graph has no objective", (Label(clause.span),), fix)


def graph_shape(objective: ast.Objective, value: Expr) -> Diagnostic:
    """E0301: an objective that is an array."""
    label = Label(objective.value.span, f"{show_shape(value.shape)}, where a number is wanted")
    return error("E0301", "the objective of a graph is one number", (label,), "sum it: `sum(…)`")


def prox_without_argument(clause: ast.AtomProx) -> Diagnostic:
    """E0113."""
    fix = "add `convex in x` or `concave in x`: the map is taken in the first name there"
    return error("E0113", "nothing says in which argument this is the proximal map", (Label(clause.span),), fix)


def prox_shape(clause: ast.AtomProx, name: str, point: Expr, argument: Expr) -> Diagnostic:
    """E0301: a proximal point of another shape than the argument."""
    label = Label(point.span, f"{show_shape(point.shape)}, where {show_shape(argument.shape)} is wanted")
    fix = "give it an entry for every entry of the argument"
    return error("E0301", f"the proximal map has another shape than `{name}`", (label,), fix)


def unknown_map(clause: ast.AtomProx, name: str) -> Diagnostic:
    """E0201: ``prox(step) = primitive "…"`` with a name that none has."""
    meant = nearest(name, sorted(PROXIMAL_NAMES))
    fix = f'did you mean `primitive "{meant}"`?' if meant else "write the map as an expression in the arguments"
    return error("E0201", f"there is no proximal map `{name}`", (Label(clause.value.span),), fix)


def map_arity(clause: ast.AtomProx, name: str, atom: ast.AtomDeclaration, wanted: int) -> Diagnostic:
    """E0206: an atom whose header does not fit its proximal map."""
    takes = f"takes {wanted} argument{'s' if wanted > 1 else ''}, and `{atom.name}` has {len(atom.header)}"
    fix = "give the atom the arguments of its proximal map"
    return error("E0206", f"the proximal map `{name}` {takes}", (Label(clause.value.span),), fix)
