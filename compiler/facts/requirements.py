"""What may be required of a model: convex, smooth, conservative. E0503 where it is not, at the part to blame."""

from __future__ import annotations

from collections.abc import Iterator

from karush.compiler.facts.convexity import offenders
from karush.compiler.facts.differentiability import differentiated
from karush.compiler.facts.fact import Facts, text_of
from karush.compiler.facts.reach import places
from karush.compiler.facts.verdicts import Place
from karush.compiler.model import Model
from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.stdlib.lattice import Curvature, Smoothness

LIMITS = {"smooth": Smoothness.ONCE, "conservative": Smoothness.NONSMOOTH}
_ROUGH = {
    Smoothness.NONSMOOTH: "has a kink at",
    Smoothness.SINGULAR: "has a slope without bound at",
    Smoothness.DISCONTINUOUS: "jumps at",
}
UNPROVED = "is not proved to be continuous at"


def unmet(requirement: str, model: Model, facts: Facts) -> list[Diagnostic]:
    """Why a model is not what is required; nothing where it is."""
    if requirement == "convex":
        return list(_bends(model, facts))
    limit = LIMITS[requirement]
    found = (Place(node, rough) for node, rough in places(facts, *differentiated(model)))
    return [_finding(requirement, place) for place in found if place.rough.smoothness > limit]


def _finding(requirement: str, place: Place) -> Diagnostic:
    rough = place.rough
    jumps = rough.smoothness is Smoothness.DISCONTINUOUS
    what = UNPROVED if jumps and not rough.is_certain else _ROUGH[rough.smoothness]
    rule = f"; derivative there: {rough.rule}" if rough.rule else ""
    label = Label(place.span, f"`{text_of(place.expr)}` {what} {rough.where}{rule}")
    return Diagnostic("E0503", _headline(requirement), (label,), fixes=(Fix(rough.surrogate),))


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
