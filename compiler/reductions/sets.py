"""Sets as rows: every ``in`` that is linear, or the sublevel set of an atom, becomes bounds and relations.

    x in simplex      x >= 0, sum(x) == 1          x in linf_ball(r)   -r <= x <= r
    x in l1_ball(r)   norm1(x) <= r                x in ball(r)        norm2(x) <= r
    X in sym          X == X.T

A var keeps the sets that are bounds on its entries (``nonneg nonpos box``); the rows of the others carry its name. A
var in ``psd`` keeps that too: it says which entries there are to solve for.
Where a set is several families of rows, the inequalities carry the label and the equation carries none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from karush.compiler.model import Apply, Constant, Constraint, Expr, InSet, Model, Relation, SetUse, Var, VarValue
from karush.stdlib.shape import SCALAR

BOUND_SETS = frozenset(("nonneg", "nonpos", "box"))
"""Sets of a var that stay with it: bounds on its entries."""

NORMS = {"l1_ball": "norm1", "ball": "norm2"}


@dataclass(frozen=True)
class SetRows:
    """The model without sets on expressions.

    ``owners`` says for unlabelled constraints by which name a conflict reports them; ``graph_atoms`` are the nodes made
    here that a linear program needs in their graph form.
    """

    model: Model
    owners: dict[Constraint, str]
    graph_atoms: tuple[Apply, ...] = ()


def reduce_sets(model: Model) -> SetRows:
    """The same model with sets written as bounds and relations; a set of another kind is left as it is."""
    constraints: list[Constraint] = []
    variables: dict[str, Var] = {}
    owners: dict[Constraint, str] = {}
    for name, var in model.vars.items():
        variables[name], rows = _of_var(var)
        constraints.extend(rows)
        owners.update(dict.fromkeys(rows, name))
    for constraint in model.constraints:
        constraints.extend(_of_constraint(constraint) if isinstance(constraint, InSet) else (constraint,))
    made = {c: None for c in constraints if c not in model.constraints and isinstance(c, Relation)}
    norms = tuple(e for c in made for e in c.operands if isinstance(e, Apply) and e.atom in NORMS.values())
    return SetRows(replace(model, vars=variables, constraints=tuple(constraints)), owners, norms)


def _of_var(var: Var) -> tuple[Var, tuple[Constraint, ...]]:
    use = var.set
    if use is None or use.name in BOUND_SETS:
        return var, ()
    if use.name == "free":
        return replace(var, set=None), ()
    value = VarValue(var.name, shape=var.shape, span=var.span)
    if use.name == "simplex":
        total = _unit_sum(InSet(None, (), None, value, use, use.span))
        return replace(var, set=SetUse("nonneg", (), use.span)), (total,)
    if use.name == "linf_ball":
        (radius,) = use.arguments
        return replace(var, set=SetUse("box", (_negated(radius), radius), use.span)), ()
    member = InSet(var.name, (), None, value, use, use.span)
    return var if use.name == "psd" else replace(var, set=None), _of_constraint(member)


def _of_constraint(member: InSet) -> tuple[Constraint, ...]:
    use, value = member.set, member.value
    match use.name:
        case "free":
            return ()
        case "nonneg" | "pos":
            return (_chain(member, (value, _number(0.0, use)), ">="),)
        case "nonpos" | "neg":
            return (_chain(member, (value, _number(0.0, use)), "<="),)
        case "box":
            lower, upper = use.arguments
            return (_chain(member, (lower, value, upper), "<="),)
        case "linf_ball":
            (radius,) = use.arguments
            return (_chain(member, (_negated(radius), value, radius), "<="),)
        case "l1_ball" | "ball":
            norm = Apply(NORMS[use.name], (value,), shape=SCALAR, span=use.span)
            return (_chain(member, (norm, use.arguments[0]), "<="),)
        case "sym":
            transposed = Apply("transpose", (value,), shape=value.shape, span=value.span)
            return (_chain(member, (value, transposed), "=="),)
        case "simplex":
            return (_chain(member, (value, _number(0.0, use)), ">="), _unit_sum(member))
    return (member,)


def _chain(member: InSet, operands: tuple[Expr, ...], operator: str) -> Relation:
    operators = (operator,) * (len(operands) - 1)
    return Relation(member.label, member.binders, member.condition, operands, operators, member.span)


def _unit_sum(member: InSet) -> Relation:
    total = Apply("sum", (member.value,), shape=SCALAR, span=member.span)
    return replace(_chain(member, (total, _number(1.0, member.set)), "=="), label=None)


def _number(value: float, use: SetUse) -> Constant:
    return Constant(value, shape=SCALAR, span=use.span)


def _negated(expr: Expr) -> Apply:
    return Apply("negate", (expr,), shape=expr.shape, span=expr.span)
