"""The form of a problem as a whole: unknowns and an objective, equations as many as unknowns, what duals may enter."""

from __future__ import annotations

from karush.compiler.dependence import Dependence, First
from karush.compiler.messages import form_messages
from karush.compiler.model import Complementarity, Constraint, DualValue, Expr, InSet, Relation, VarValue
from karush.compiler.names.symbols import PoisonSymbol
from karush.compiler.resolving.draft import Draft
from karush.compiler.resolving.structure import entries
from karush.dsl import ast
from karush.dsl.diagnostics import Severity
from karush.stdlib.shape import Size


def check_form(draft: Draft) -> None:
    """Report what the statements together do not make."""
    _objective_and_vars(draft)
    _complementarity(draft)
    _duals(draft)
    if draft.find is not None and draft.complete and not _has_errors(draft):
        _square(draft)


def operands_of(constraint: Constraint) -> tuple[Expr, ...]:
    """The expressions of a constraint, the arguments of a set included."""
    match constraint:
        case Relation():
            return constraint.operands
        case InSet():
            return (constraint.value, *constraint.set.arguments)
        case Complementarity():
            return (*constraint.left.operands, *constraint.right.operands)


def _has_errors(draft: Draft) -> bool:
    return any(f.severity is Severity.ERROR for f in draft.context.session.findings)


def _objective_and_vars(draft: Draft) -> None:
    context = draft.context
    goal = draft.first.get("objective")
    has_vars = bool(draft.vars) or _failed_vars(draft)
    if not draft.complete:
        return
    if goal is None and draft.vars:
        context.report(form_messages.vars_without_objective(tuple(draft.vars.values()), draft.inner))
    if goal is not None and not has_vars:
        context.report(form_messages.objective_without_vars(goal))
        return
    listed = draft.first.get("subject to")
    if goal is None and not has_vars and listed is not None:
        context.report(form_messages.constraints_without_vars(listed))
        return
    vars = First(VarValue)
    for constraint in draft.constraints:
        if vars.below(*operands_of(constraint)) is None:
            context.report(form_messages.constraint_without_vars(constraint))


def _failed_vars(draft: Draft) -> bool:
    """Whether a name of this scope is poison: it may have been a var."""
    return any(isinstance(s, PoisonSymbol) for s in draft.context.scope.names.values())


def _complementarity(draft: Draft) -> None:
    """``perp`` is a condition to be solved: beside an objective it makes no problem that there is."""
    goal = draft.first.get("objective")
    if goal is None or isinstance(goal, ast.Find):
        return
    for constraint in draft.constraints:
        if isinstance(constraint, Complementarity):
            draft.context.report(form_messages.perp_beside_objective(constraint, goal))


def _duals(draft: Draft) -> None:
    """Multipliers are known after the solve: the problem itself may not contain them."""
    goals = [g.value for g in (draft.objective, draft.saddle) if g is not None]
    rows = [e for c in draft.constraints for e in operands_of(c)]
    duals = First(DualValue)
    for part in (*goals, *rows):
        inside = duals.below(part)
        if inside is not None:
            draft.context.report(form_messages.dual_in_problem(inside, part))
            return


# ---------------------------------------------------------------- squareness


def _rows(constraint: Constraint) -> Size | None:
    """How many equations a constraint counts for; None where a filter leaves the number open."""
    if constraint.condition is not None:
        return None
    count = entries(tuple(b.length for b in constraint.binders))
    match constraint:
        case Relation(operators=("==",)):
            return count * entries(next((o.shape for o in constraint.operands if o.shape), ()))
        case Complementarity():
            return count * entries(next((o.shape for o in operands_of(constraint) if o.shape), ()))
    return Size.constant(0)


def _square(draft: Draft) -> None:
    unknowns = draft.find or ()
    wanted = sum((entries(draft.vars[n].shape) for n in unknowns), Size.constant(0))
    given = Size.constant(0)
    for constraint in draft.constraints:
        rows = _rows(constraint)
        if rows is None:
            return
        given = given + rows
    if given == wanted:
        return
    node = draft.first["objective"]
    assert isinstance(node, ast.Find)
    matching = _match(draft, unknowns)
    spare = [c for c in draft.constraints if _is_equation(c) and c not in matching.values()]
    loose = [n for n in unknowns if n not in matching]
    draft.context.report(form_messages.not_square(node, given, wanted, matching, spare, loose))


def _is_equation(constraint: Constraint) -> bool:
    return isinstance(constraint, Complementarity) or (
        isinstance(constraint, Relation) and constraint.operators == ("==",)
    )


def _match(draft: Draft, unknowns: tuple[str, ...]) -> dict[str, Constraint]:
    """Unknown to equation: a largest matching by names, each equation with an unknown that occurs in it."""
    dependence = Dependence()
    occurs = {
        id(c): frozenset().union(*map(dependence.vars, operands_of(c))) for c in draft.constraints if _is_equation(c)
    }
    matched: dict[str, Constraint] = {}

    def augment(constraint: Constraint, tried: set[str]) -> bool:
        for name in unknowns:
            if name in occurs[id(constraint)] and name not in tried:
                tried.add(name)
                if name not in matched or augment(matched[name], tried):
                    matched[name] = constraint
                    return True
        return False

    for constraint in draft.constraints:
        if _is_equation(constraint):
            augment(constraint, set())
    return matched
