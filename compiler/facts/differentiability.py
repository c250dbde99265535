"""Where derivatives stop telling the truth: choices whose branches do not meet, and jumps.

``if a > 0 then f else g`` has the derivative of the branch taken, which is one of the whole where f and g meet at the
switch. ``floor``, ``ceil``, ``round``, ``sign`` have the derivative 0 wherever they have one, and none at a jump. On
data that is fine; where a derivative is asked for that flows through a jump, it is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from karush.compiler.dependence import children, walk
from karush.compiler.facts.classify import problem_roots
from karush.compiler.facts.fact import Facts, Meeting, Seam, text_of
from karush.compiler.facts.reach import places
from karush.compiler.facts.verdicts import Place
from karush.compiler.model import DerivativeOf, Expr, Kind, Model
from karush.compiler.wording import error, warning
from karush.dsl.diagnostics import Diagnostic, Label
from karush.stdlib.lattice import Dependence, Smoothness


def doubtful_derivatives(model: Model, facts: Facts) -> list[Diagnostic]:
    """W0705 for every choice that is not known to be continuous, W0706 for every jump, in an output or the problem.

    E0706 in their stead where the file asks for a derivative that flows through them.
    """
    roots = differentiated(model)
    if all(facts[root].smoothness < Smoothness.DISCONTINUOUS for root in roots):
        return []
    asked = {place.expr: why for place, why in _asked(model, facts)}
    found = [_refused(place, why) for place, why in _asked(model, facts)]
    for place in jumps(facts, roots):
        seam = facts.seams.get(place.expr)
        if place.expr in asked:
            continue
        if seam is not None:
            found.append(_choice(place, seam))
        elif place.rough.is_certain and not _carries_on(facts, place):
            found.append(_jump(place))
    return found


def differentiated(model: Model) -> tuple[Expr, ...]:
    """The expressions whose derivatives are asked for: outputs, objective, rows."""
    return (*(let for let in model.lets.values() if let.kind is not Kind.BOOLEAN), *problem_roots(model))


def jumps(facts: Facts, roots: Sequence[Expr]) -> Iterator[Place]:
    """The places where expressions jump, or are not known not to."""
    for node, rough in places(facts, *roots):
        if rough.smoothness is Smoothness.DISCONTINUOUS:
            yield Place(node, rough)


def _carries_on(facts: Facts, place: Place) -> bool:
    """Does a jump stand below this one, which is told of already?"""
    return any(facts[child].smoothness is Smoothness.DISCONTINUOUS for child in children(place.expr))


# ---------------------------------------------------------------- derivatives that are asked for


def _asked(model: Model, facts: Facts) -> Iterator[tuple[Place, str]]:
    """Jumps through which a derivative of the file flows, and the words that ask for it."""
    for node in walk(*differentiated(model)):
        if isinstance(node, DerivativeOf):
            names = facts[node.wrt].dependence
            for place in jumps(facts, (node.value,)):
                if place.rough.is_certain and _meets(facts[place.decides].dependence, names):
                    yield place, f"`{text_of(node)}`"
    if model.derivative is not None:
        for place in jumps(facts, problem_roots(model)):
            if place.rough.is_certain and not facts[place.decides].dependence.vars:
                yield place, f"`{' '.join(model.derivative.span.text.split())}`"


def _meets(own: Dependence, names: Dependence) -> bool:
    return bool(own.vars & names.vars or own.params & names.params or own.binders & names.binders)


def behind(model: Model, facts: Facts, of: str) -> tuple[Expr, ...]:
    """The expressions that an output is computed from: its own, and the problem where it depends on the solution."""
    own = (model.lets[of],) if of in model.lets else ()
    solves = not own or any(facts[root].dependence.vars for root in own)
    return own + (problem_roots(model) if solves else ())


def refused_derivatives(model: Model, facts: Facts, of: str, wrt: Sequence[str]) -> list[Diagnostic]:
    """E0706 for every jump that a derivative of an output in some params flows through.

    Of an output's own jumps, one of an unknown moves with all params. Within a problem a jump of unknowns is warned of
    alone (W0706): in the distance to the nearest image, d - L round(d / L), it is meant, and away from the jumps the
    implicit derivative is right.
    """
    params = frozenset(wrt)
    own = {place.expr for place in jumps(facts, (model.lets[of],))} if of in model.lets else set()
    found = []
    for place in jumps(facts, behind(model, facts, of)):
        names = facts[place.decides].dependence
        hit = sorted(names.params & params)
        refused = bool(hit or names.vars) if place.expr in own else bool(hit) and not names.vars
        if place.rough.is_certain and refused:
            found.append(_refused(place, f"the derivative of `{of}`" + (f" in `{hit[0]}`" if hit else "")))
    return found


# ---------------------------------------------------------------- in words


def _choice(place: Place, seam: Seam) -> Diagnostic:
    test = " ".join(place.span.text.split())
    if seam.meeting is Meeting.APART and seam.limits is not None:
        then, orelse = seam.limits
        return warning(
            "W0705",
            f"this choice jumps: where it switches, its branches are {then} and {orelse}",
            (Label(place.span, f"where `{test}` changes sides"),),
            f"branches that agree there, or {place.rough.surrogate}",
        )
    return warning(
        "W0705",
        "the branches could not be proved to agree where the choice switches",
        (Label(place.span, f"`{test}` changes sides as its quantities move"),),
        f"nothing, if they agree (`karush grad --check` tries it on data); else {place.rough.surrogate}",
    )


def _jump(place: Place) -> Diagnostic:
    return warning(
        "W0706",
        f"`{place.rough.what}` jumps: its derivative is 0 and tells nothing",
        (Label(place.span, f"no derivative at {place.rough.where}, 0 between them"),),
        f"{place.rough.surrogate}, if its derivative is asked for",
    )


def _refused(place: Place, why: str) -> Diagnostic:
    return error(
        "E0706",
        f"`{place.rough.what}` jumps: no derivative flows through it",
        (
            Label(
                place.span, f"{why} would; at {place.rough.where} there is none, and elsewhere it does not see the jump"
            ),
        ),
        place.rough.surrogate,
    )
