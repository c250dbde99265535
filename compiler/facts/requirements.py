"""What may be required of a model: convex, smooth, conservative. E0503 where it is not, at the part to blame."""

from __future__ import annotations

from collections.abc import Iterator

from karush.compiler.dependence import children, walk
from karush.compiler.facts.convexity import offenders
from karush.compiler.facts.differentiability import choices, conditions, differentiated
from karush.compiler.facts.fact import Facts, text_of
from karush.compiler.model import Expr, Model
from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.stdlib.lattice import Curvature, Smoothness

_ROUGH = {
    Smoothness.NONSMOOTH: "has a kink, at which its derivative jumps",
    Smoothness.SINGULAR: "has a slope without bound at an end of its domain",
    Smoothness.DISCONTINUOUS: "jumps",
}
_SMOOTHER = {
    Smoothness.NONSMOOTH: "a smooth form (`huber`, `softplus`, `logsumexp`, `sqrt(x^2 + eps)`)",
    Smoothness.SINGULAR: "keep its argument away from the end, as `x + eps`, or give it a set that does",
    Smoothness.DISCONTINUOUS: "a continuous form (`clip`, `sigmoid`, `tanh`)",
}


def unmet(requirement: str, model: Model, facts: Facts) -> list[Diagnostic]:
    """Why a model is not what is required; nothing where it is."""
    if requirement == "convex":
        return list(_bends(model, facts))
    if requirement == "smooth":
        return [_finding("smooth", node, *_rough(facts, node)) for node in rough(model, facts, Smoothness.SMOOTH)]
    steep = [_finding("conservative", node, *_rough(facts, node)) for node in rough(model, facts, Smoothness.NONSMOOTH)]
    return steep + [
        _finding("conservative", test, "chooses a branch, and the branches need not meet at the seam", CLIP)
        for test in choices(model, facts)
    ]


CLIP = "a continuous form (`clip`, `max`, `min`, `sigmoid`)"


def rough(model: Model, facts: Facts, limit: Smoothness) -> Iterator[Expr]:
    """The innermost expressions of outputs and problem that are less smooth than a limit."""
    roots = differentiated(model)
    tests = set(conditions(roots))
    for node in walk(*roots, known=tests):
        below = [facts[child].smoothness for child in children(node) if child in facts and child not in tests]
        if facts[node].smoothness > limit and all(smoothness <= limit for smoothness in below):
            yield node


def _rough(facts: Facts, node: Expr) -> tuple[str, str]:
    return _ROUGH[facts[node].smoothness], _SMOOTHER[facts[node].smoothness]


def _bends(model: Model, facts: Facts) -> Iterator[Diagnostic]:
    for part in offenders(model, facts):
        word = "not affine" if part.wanted is Curvature.AFFINE else part.curvature.value
        why = "; ".join(facts.explain(part.expr, part.wanted))
        notes = (("why", why),) if why else ()
        label = Label(part.expr.span, f"{word}, but {part.rule}")
        yield Diagnostic("E0503", _headline("convex"), (label,), notes, (Fix(TREE),))


TREE = "write it in another way, or drop the requirement; `karush show --curvature` prints the tree"


def _headline(requirement: str) -> str:
    return f"the model is not {requirement}, as `--require {requirement}` asks"


def _finding(requirement: str, node: Expr, what: str, fix: str) -> Diagnostic:
    label = Label(node.span, f"`{text_of(node)}` {what}")
    return Diagnostic("E0503", _headline(requirement), (label,), fixes=(Fix(fix),))
