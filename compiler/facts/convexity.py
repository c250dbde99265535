"""Where a problem leaves the convex ones: terms of the objective and sides of constraints that bend the wrong way."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from karush.compiler.facts.fact import Facts, text_of
from karush.compiler.model import Apply, Constraint, Expr, InSet, Model, Named, Objective, Reduce, Relation
from karush.dsl.diagnostics import Diagnostic, Fix, Label, Severity
from karush.stdlib.lattice import Curvature

EITHER = Curvature.AFFINE
SUMS = frozenset({"sum", "mean"})
INTERVALS_BELOW = {"nonneg": Curvature.CONCAVE, "nonpos": Curvature.CONVEX}
"""Sets in which an expression lies if it is at least (at most) 0: what its curvature must be."""


@dataclass(frozen=True)
class Offender:
    """A part with the wrong curvature: what it must be, and the rule that it breaks in words.

    ``sum`` is the sum of two that it is a part of, where it is one.
    """

    expr: Expr
    curvature: Curvature
    wanted: Curvature
    rule: str
    sum: Apply | None = None


def satisfies(curvature: Curvature, wanted: Curvature) -> bool:
    """Is an expression of this curvature also of that one? ``wanted`` is affine, convex or concave."""
    if wanted is Curvature.AFFINE:
        return curvature.is_affine
    return curvature.is_convex if wanted is Curvature.CONVEX else curvature.is_concave


def offenders(model: Model, facts: Facts) -> list[Offender]:
    """All parts with the wrong curvature, in the order of the file; empty where the problem is convex."""
    found: dict[Expr, Offender] = {}
    seen: set[tuple[Expr, Curvature]] = set()
    for expr, wanted, rule in _requirements(model):
        stack = [Offender(expr, facts[expr].curvature, wanted, rule)]
        while stack:
            part = stack.pop()
            if satisfies(part.curvature, part.wanted) or (part.expr, part.wanted) in seen:
                continue
            seen.add((part.expr, part.wanted))
            terms = _terms(facts, part)
            if not terms:
                found.setdefault(part.expr, part)
            stack += reversed(terms)
    return list(found.values())


def _requirements(model: Model) -> Iterator[tuple[Expr, Curvature, str]]:
    """What every expression of a problem must be."""
    for part in (*([] if model.objective is None else [model.objective]), *model.constraints):
        yield from requirements_of(part)


def requirements_of(part: Objective | Constraint) -> Iterator[tuple[Expr, Curvature, str]]:
    """Of the objective or a constraint: (expression, what it must be, the rule in words)."""
    match part:
        case Objective():
            wanted = _goal(part)
            yield part.value, wanted, f"a term that is {part.sense}d must be {wanted.value}"
        case Relation():
            yield from _relation(part)
        case InSet():
            wanted = INTERVALS_BELOW.get(part.set.name, EITHER)
            yield part.value, wanted, f"what lies in `{part.set.name}` must be {wanted.value}"


def _goal(objective: Objective) -> Curvature:
    return Curvature.CONVEX if objective.sense == "minimize" else Curvature.CONCAVE


def _relation(relation: Relation) -> Iterator[tuple[Expr, Curvature, str]]:
    for left, operator, right in zip(relation.operands, relation.operators, relation.operands[1:], strict=False):
        if operator == "==":
            rule = "both sides of `==` must be affine"
            yield from ((left, EITHER, rule), (right, EITHER, rule))
            continue
        small, large = (left, right) if operator == "<=" else (right, left)
        yield small, Curvature.CONVEX, f"the smaller side of `{operator}` must be convex"
        yield large, Curvature.CONCAVE, f"the greater side of `{operator}` must be concave"


def _terms(facts: Facts, part: Offender) -> list[Offender]:
    """Down through sums to the terms that are to blame; none where the part itself is."""

    def term(expr: Expr, within: Apply | None, turned: bool = False) -> Offender:
        wanted = -part.wanted if turned else part.wanted
        rule = _turned(part.rule, part.wanted) if turned else part.rule
        return Offender(expr, facts[expr].curvature, wanted, rule, within)

    unknown = part.curvature is Curvature.UNKNOWN
    match part.expr:
        case Apply(atom="add" | "subtract" as atom, arguments=(a, b)) as whole:
            return [term(a, whole), term(b, whole, turned=atom == "subtract")]
        case Apply(atom="negate", arguments=(a,)) if unknown:
            return [term(a, None, turned=True)]
        case Apply(atom=atom, arguments=(a,)) if atom in SUMS and unknown:
            return [term(a, None)]
        case Reduce(operator=operator, body=body) if operator in SUMS and unknown:
            return [term(body, None)]
        case Named(value=value) if unknown:
            return [term(value, part.sum)]
    return []


def _turned(rule: str, wanted: Curvature) -> str:
    """The rule for what is subtracted."""
    if wanted is Curvature.AFFINE:
        return rule
    if rule.startswith("a term that is"):
        return f"a term that is subtracted here must be {(-wanted).value}"
    return rule.replace("side", "side's subtracted part").replace(wanted.value, (-wanted).value)


# ---------------------------------------------------------------- messages


def nonconvex(found: list[Offender], facts: Facts, model: Model) -> Diagnostic:
    """W0501: the first part with the wrong curvature, and where the others are."""
    first, *others = found
    word = "not affine" if first.wanted is EITHER else first.curvature.value
    why = facts.explain(first.expr, first.wanted)
    notes = [("why", "; ".join(why))] if why else []
    if others:
        lines = sorted({offender.expr.span.line for offender in others})
        notes.append(("note", f"more such terms on line{'s' if len(lines) > 1 else ''} {', '.join(map(str, lines))}"))
    return Diagnostic(
        "W0501",
        "the problem is not convex, as written",
        (Label(first.expr.span, f"{word}, but {first.rule}"),),
        tuple(notes),
        (Fix("     or: ".join([*_repairs(first, model), LOCAL])),),
        Severity.WARNING,
    )


LOCAL = "run as a local NLP (`--allow nonconvex`); `karush show --curvature` prints the tree"


def _repairs(offender: Offender, model: Model) -> list[str]:
    """What to type instead, as far as that can be told."""
    if offender.curvature is Curvature.UNKNOWN or offender.wanted is Curvature.AFFINE:
        return []
    if offender.sum is not None:
        left, right = offender.sum.arguments
        plus, minus = ("+", "-") if offender.sum.atom == "add" else ("-", "+")
        if offender.expr is right:
            return [f"{text_of(left)} {minus} {_in_parentheses(right)}"]
        return [f"-{_in_parentheses(left)} {plus} {_in_parentheses(right)}"]
    objective = model.objective
    if objective is not None and offender.expr is objective.value:
        other = "maximize" if objective.sense == "minimize" else "minimize"
        return [f"{other} {text_of(objective.value)}"]
    return []


def _in_parentheses(expr: Expr) -> str:
    is_sum = isinstance(expr, Apply) and expr.atom in ("add", "subtract")
    return f"({text_of(expr)})" if is_sum else text_of(expr)
