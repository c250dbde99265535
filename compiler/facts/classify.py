"""The class of a problem, whether it is convex, and what stands in the way of solving it now.

A linear or quadratic program is one whose objective and rows are affine (the objective: convex quadratic) once every
function with a polyhedral or quadratic graph form has been replaced by a new unknown; where graph forms have cones, or
a row is quadratic, it is a cone program. The class is read off the facts: ``Fact.reduced`` says what graph forms leave
of an expression.
"""

from __future__ import annotations

from dataclasses import dataclass

from karush.compiler.dependence import children, walk
from karush.compiler.facts.atoms import has_graph_form
from karush.compiler.facts.bounded import quadratic_parts
from karush.compiler.facts.convexity import nonconvex, offenders
from karush.compiler.facts.fact import Facts, Reduced, text_of
from karush.compiler.library import Library
from karush.compiler.model import (
    Apply,
    Complementarity,
    Expr,
    InlineProblem,
    InSet,
    Model,
    ModelField,
    Named,
    Reduce,
    Relation,
    VarValue,
)
from karush.dsl.diagnostics import Diagnostic, Label
from karush.dsl.source import Span
from karush.stdlib.set import SET_FACTS

AVAILABLE = frozenset({"FUNCTION", "LP", "QP", "SOCP", "EXP", "SDP"})

CONE_CLASSES = frozenset({"SOCP", "EXP", "SDP"})
"""Classes of convex programs with rows in cones."""

HARDEST_FIRST = ("NLP", "SDP", "EXP", "SOCP")

NEEDS = {
    "SOCP": "second-order cones",
    "EXP": "the exponential cone",
    "SDP": "semidefinite cones",
    "NLP": "a nonlinear solver",
    "ROOT": "a solver of equations",
    "FIXPOINT": "a solver of fixed points",
    "COMPLEMENTARITY": "a solver of complementarity problems",
    "SADDLE": "a solver of saddle points",
    "BILEVEL": "problems within problems",
}
"""What each class that cannot be solved yet asks for."""


@dataclass(frozen=True)
class Classification:
    """``problem_class`` is a word of language.md's list; ``convex`` is None where nothing is optimised.

    ``graph_atoms`` are the nodes of the objective and the constraints that must be replaced by their graph forms, parts
    before wholes; among them stand those of ``bounded``, quadratic parts that are to be replaced by new unknowns above
    (below) them. ``reasons`` say in words why the class is what it is.
    """

    problem_class: str
    convex: bool | None
    reasons: tuple[str, ...]
    graph_atoms: tuple[Expr, ...]
    diagnostics: tuple[Diagnostic, ...]
    bounded: frozenset[Expr] = frozenset()


def classify(model: Model, facts: Facts, library: Library) -> Classification:
    """The class of a typed model."""
    found = [unavailable(what, span) for what, span in model.unavailable]
    special = _special_class(model, facts)
    if special is not None:
        missing = [] if found or special in AVAILABLE else [_not_available(special, _problem_span(model), None)]
        return Classification(special, None, (), (), (*found, *missing))
    wrong = offenders(model, facts)
    reduced = _whole(model, facts)
    name = _class_name(reduced, bool(wrong))
    warnings = [nonconvex(wrong, facts, model)] if wrong else []
    missing = [] if found or name in AVAILABLE else [_missing(name, model, facts, wrong[0].expr if wrong else None)]
    bounded = quadratic_parts(facts, walk(*problem_roots(model)), library) if not wrong else frozenset()
    return Classification(
        name,
        not wrong,
        _reasons(name, model, facts, reduced) if not wrong else (),
        graph_atoms(model, facts, library, bounded) if not wrong else (),
        (*warnings, *found, *missing),
        bounded,
    )


# ---------------------------------------------------------------- classes that curvature does not decide


def _special_class(model: Model, facts: Facts) -> str | None:
    if model.saddle is not None:
        return "SADDLE"
    if model.find is not None:
        if any(isinstance(c, Complementarity) for c in model.constraints):
            return "COMPLEMENTARITY"
        return "FIXPOINT" if _is_fixed_point(model) else "ROOT"
    if model.objective is None:
        return "FUNCTION"
    inner = (ModelField, InlineProblem)
    if not any(isinstance(node, inner) for node in facts.table):
        return None
    varying = (n for n in walk(*problem_roots(model)) if isinstance(n, inner) and facts[n].dependence.vars)
    return "BILEVEL" if next(varying, None) is not None else None


def _is_fixed_point(model: Model) -> bool:
    """Does every equation read ``z == g(…)``, one for each unknown?"""
    solved: set[str] = set()
    for constraint in model.constraints:
        if not isinstance(constraint, Relation) or constraint.operators != ("==",):
            continue
        left = constraint.operands[0]
        if not isinstance(left, VarValue) or left.name in solved:
            return False
        solved.add(left.name)
    return solved == set(model.find or ())


def problem_roots(model: Model) -> tuple[Expr, ...]:
    """The expressions that are optimised or constrained."""
    found: list[Expr] = [] if model.objective is None else [model.objective.value]
    for constraint in model.constraints:
        match constraint:
            case Relation():
                found += constraint.operands
            case InSet():
                found.append(constraint.value)
            case Complementarity():
                found += [*constraint.left.operands, *constraint.right.operands]
    return tuple(found)


# ---------------------------------------------------------------- classes that it does


def _whole(model: Model, facts: Facts) -> Reduced:
    """Degree of the objective, and the classes that objective, rows and sets belong to."""
    objective, *rows = (facts[root].reduced for root in problem_roots(model))
    classes = objective.classes.union(*(row.bounded().classes for row in rows))
    return Reduced(objective.degree, classes | _set_classes(model))


def _set_classes(model: Model) -> frozenset[str]:
    uses = [var.set for var in model.vars.values() if var.set is not None]
    uses += [c.set for c in model.constraints if isinstance(c, InSet)]
    known = [SET_FACTS.get(use.name) for use in uses]
    return frozenset(facts.problem_class for facts in known if facts is not None) - {"LP"}


def _class_name(reduced: Reduced, nonconvex: bool) -> str:
    if nonconvex:
        return "NLP"
    cone = next((name for name in HARDEST_FIRST if name in reduced.classes), None)
    return cone or ("QP" if reduced.degree == 2 else "LP")


def graph_atoms(
    model: Model, facts: Facts, library: Library, bounded: frozenset[Expr] = frozenset()
) -> tuple[Expr, ...]:
    """The nodes that must be replaced by their graph forms, and those to be bounded, parts before wholes."""
    return tuple(
        node
        for node in walk(*problem_roots(model), instead=facts.equivalents)
        if node in bounded or (isinstance(node, Apply | Reduce) and has_graph_form(facts, node, library))
    )


def _reasons(name: str, model: Model, facts: Facts, reduced: Reduced) -> tuple[str, ...]:
    """Why a convex problem has its class."""
    if model.objective is None:
        return ()
    said = list(facts.explain(model.objective.value))
    if name in ("LP", "QP"):
        goal = "a convex quadratic" if name == "QP" else "linear"
        said.append(f"the objective is {goal}, and every row is linear")
    for cone in sorted(reduced.classes):
        node = _origin(cone, model, facts)
        if node is not None:
            said.append(f"`{text_of(node)}` needs {NEEDS[cone]}")
    return tuple(said)


# ---------------------------------------------------------------- what is missing


def unavailable(what: str, span: Span) -> Diagnostic:
    """E0190: a form of the language that a later version will run."""
    return Diagnostic("E0190", f"{what}: not available yet", (Label(span, "a later version will run this"),))


def _not_available(name: str, span: Span, node: Expr | None) -> Diagnostic:
    label = f"`{text_of(node)}` needs {NEEDS[name]}" if node is not None else f"this needs {NEEDS[name]}"
    article = "an" if name[0] in "AENLS" and name != "SADDLE" else "a"
    return Diagnostic(
        "E0190",
        f"{article} {name} problem: not available yet",
        (Label(span, label),),
        (("note", "convex programs (LP, QP, SOCP, EXP, SDP) and plain functions run now"),),
    )


def _missing(name: str, model: Model, facts: Facts, wrong: Expr | None) -> Diagnostic:
    if wrong is not None:
        return _not_available(name, _problem_span(model), None)
    node = _origin(name, model, facts)
    return _not_available(name, node.span if node is not None else _problem_span(model), node)


def _origin(name: str, model: Model, facts: Facts) -> Expr | None:
    """The first expression that brings a class in."""
    for node in walk(*problem_roots(model), instead=facts.equivalents):
        below = [child for child in children(node) if child in facts]
        own = name in facts[node].reduced.classes and not isinstance(node, Named)
        if own and not any(name in facts[child].reduced.classes for child in below):
            return node
    rows = problem_roots(model)[1:]
    return next((row for row in rows if name == "SOCP" and facts[row].reduced.degree > 1), None)


def _problem_span(model: Model) -> Span:
    """Where the problem is stated."""
    if model.objective is not None:
        return model.objective.span
    if model.saddle is not None:
        return model.saddle.span
    if model.constraints:
        return model.constraints[0].span
    return Span(model.source, 0, 0)
