"""The tree of curvatures: what each part of objective and constraints is, and why the whole is (not) convex."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from karush.compiler.dependence import children
from karush.compiler.facts.convexity import offenders, requirements_of, satisfies
from karush.compiler.facts.fact import Facts, text_of
from karush.compiler.model import Apply, Constant, Constraint, Expr, Model, Named, Objective
from karush.compiler.part import Part
from karush.stdlib.lattice import Curvature, Interval

MOST_LINES = 200
"""A tree is cut after so many lines."""


@dataclass(frozen=True)
class Line:
    """A line of the tree: how deep it stands, the text, what it is, and why."""

    depth: int
    text: str
    what: str
    why: str = ""


def curvature_of(part: Part) -> str:
    """The tree of a model's curvatures; of a geometric program that of its logarithms, in the words of the file."""
    inside = part.logarithms
    if inside is None:
        return show_curvature(part.model, part.facts)
    head = f"{part.model.name}: curvature in the logarithms of the unknowns: `convex` stands for log-log convex"
    return f"{head}\n\n{show_curvature(inside.model, inside.facts)}"


def show_curvature(model: Model, facts: Facts) -> str:
    """Objective and constraints, each with what it must be, what it is, and the same of its parts."""
    blamed = {part.expr: part.rule for part in offenders(model, facts)}
    blocks = [show_part(part, facts, blamed) for part in _parts(model)]
    return "\n".join(blocks) or f"{model.name}: nothing is optimised or constrained, so nothing must be convex\n"


def why_not_convex(model: Model, facts: Facts) -> str:
    """The parts of the tree in which a rule is broken."""
    blamed = {part.expr: part.rule for part in offenders(model, facts)}
    return "\n".join(show_part(part, facts, blamed, broken_only=True) for part in _parts(model) if _breaks(part, facts))


Row = Objective | Constraint


def _parts(model: Model) -> list[Row]:
    objective = [] if model.objective is None else [model.objective]
    return [*objective, *(c for c in model.constraints if next(requirements_of(c), None) is not None)]


def _breaks(part: Row, facts: Facts) -> bool:
    return any(not satisfies(facts[expr].curvature, wanted) for expr, wanted, _ in requirements_of(part))


def show_part(part: Row, facts: Facts, blamed: dict[Expr, str], *, broken_only: bool = False) -> str:
    """The tree of the objective or of one constraint, or of its sides that break a rule."""
    name = part.sense if isinstance(part, Objective) else (f"{part.label}:" if part.label else "constraint")
    lines = []
    for expr, wanted, rule in requirements_of(part):
        holds = satisfies(facts[expr].curvature, wanted)
        if holds and broken_only:
            continue
        verdict = "holds" if holds else "is broken"
        lines.append(Line(0, f"{name}  (line {part.span.line})", f"{rule}: {verdict}"))
        lines += tree(expr, facts, blamed)
    shown = lines[:MOST_LINES]
    texts = [f"{'  ' * line.depth}{line.text}" for line in shown]
    wide = max((len(text) for text, line in zip(texts, shown, strict=True) if line.depth), default=0)
    rest = [] if len(lines) <= MOST_LINES else [f"  … {len(lines) - MOST_LINES} more lines"]
    return "".join(f"{row}\n" for row in [*map(_row, texts, shown, [wide] * len(shown)), *rest])


def _row(text: str, line: Line, wide: int) -> str:
    if not line.depth:
        return f"{text}: {line.what}"
    return f"{text:<{wide}}  {line.what}{f'   {line.why}' if line.why else ''}"


def tree(expr: Expr, facts: Facts, blamed: dict[Expr, str]) -> Iterator[Line]:
    """An expression and what it is made of, down to what is affine. What was shown before is not shown again."""
    seen: set[Expr] = set()
    stack: list[tuple[Expr, int]] = [(expr, 1)]
    while stack:
        node, depth = stack.pop()
        fact = facts[node]
        why = "; ".join(said for said in (f"← {blamed[node]}" if node in blamed else "", fact.reason or "") if said)
        repeated = node in seen
        yield Line(depth, _text(node), describe(fact.curvature, fact.interval), "(above)" if repeated else why)
        seen.add(node)
        if not repeated and not fact.curvature.is_affine:
            stack += [(child, depth + 1) for child in reversed(_below(node)) if _tells(child, facts)]


def _tells(node: Expr, facts: Facts) -> bool:
    """Whether a part is worth a line: numbers are not."""
    return node in facts and not isinstance(node, Constant)


def _below(node: Expr) -> list[Expr]:
    """The parts of a node: all terms of a sum, else what is directly below."""
    terms: list[Expr] = []
    while isinstance(node, Apply) and node.atom in ("add", "subtract"):
        node, last = node.arguments
        terms.append(last)
    return [node, *reversed(terms)] if terms else list(children(node))


def _text(node: Expr) -> str:
    if isinstance(node, Named):
        return f"{node.name}  (line {node.value.span.line})"
    return text_of(node)


def describe(curvature: Curvature, interval: Interval) -> str:
    """``convex, >= 0``."""
    sign = ""
    if interval.is_positive:
        sign = ", > 0"
    elif interval.is_negative:
        sign = ", < 0"
    elif interval.is_nonnegative:
        sign = ", >= 0"
    elif interval.is_nonpositive:
        sign = ", <= 0"
    word = "of no known curvature" if curvature is Curvature.UNKNOWN else curvature.value
    return f"{word}{sign}"
