"""What is known of the sets of the library.

The members of a set are declared in ``sets/*.opt``; here stands what its condition does not say on its face:
enclosing intervals, symmetry, the cone it is, and whether a var or an expression can be constrained to it now.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

from karush.stdlib.lattice import FREE, NEGATIVE, NONNEGATIVE, NONPOSITIVE, POSITIVE, UNIT, Interval


@dataclass(frozen=True, eq=False)
class SetFacts:
    """A set of the library.

    ``params`` are the names of its arguments. ``enclosure`` is an interval that holds every entry of every element, as
    far as it does not depend on the arguments; ``elementwise`` says that membership is membership of every entry in an
    interval. ``matrix`` marks sets of square matrices. ``rows`` says that ``e in S`` is linear equations and
    inequalities; ``problem_class`` is the class of problem that a constraint to it makes. ``available`` says whether a
    var or an expression can be constrained to it now; a param can be in any set. ``projection`` names the map to the
    nearest element (solvers/projections), which every closed convex set has.
    """

    name: str
    params: tuple[str, ...] = ()
    enclosure: Interval = FREE
    elementwise: bool = False
    matrix: bool = False
    symmetric: bool = False
    positive_semidefinite: bool = False
    positive_definite: bool = False
    integer: bool = False
    convex: bool = True
    rows: bool = True
    problem_class: str = "LP"
    available: bool = True
    projection: str | None = None
    doc: str | None = None
    declaration: Any = field(default=None, repr=False)

    def declared(self, params: tuple[str, ...], doc: str | None, declaration: Any) -> SetFacts:
        """These facts with the declaration they belong to."""
        return replace(self, params=params, doc=doc, declaration=declaration)


def _interval(name: str, enclosure: Interval, projection: str | None = None) -> SetFacts:
    return SetFacts(name, enclosure=enclosure, elementwise=True, projection=projection)


def _cone(name: str, problem_class: str, projection: str) -> SetFacts:
    return SetFacts(name, rows=False, problem_class=problem_class, projection=projection)


def _matrices(name: str, semidefinite: bool, definite: bool, projection: str | None) -> SetFacts:
    return SetFacts(
        name,
        matrix=True,
        symmetric=True,
        positive_semidefinite=semidefinite,
        positive_definite=definite,
        rows=not semidefinite,
        problem_class="SDP" if semidefinite else "LP",
        projection=projection,
    )


def _integers(name: str, enclosure: Interval) -> SetFacts:
    return SetFacts(name, enclosure=enclosure, integer=True, convex=False, rows=False, available=False)


SET_FACTS: Mapping[str, SetFacts] = {
    facts.name: facts
    for facts in (
        _interval("free", FREE, "whole"),
        _interval("nonneg", NONNEGATIVE, "nonnegative"),
        _interval("nonpos", NONPOSITIVE, "nonpositive"),
        _interval("pos", POSITIVE),
        _interval("neg", NEGATIVE),
        _interval("box", FREE, "box"),
        _integers("int", FREE),
        _integers("bool", UNIT),
        _integers("index", NONNEGATIVE),
        SetFacts("simplex", enclosure=UNIT, projection="simplex"),
        SetFacts("l1_ball", projection="l1_ball"),
        SetFacts("linf_ball", projection="linf_ball"),
        _cone("ball", "SOCP", "l2_ball"),
        _cone("soc", "SOCP", "second_order"),
        _cone("exp_cone", "EXP", "exponential"),
        _cone("pow_cone", "SOCP", "power"),
        _matrices("sym", semidefinite=False, definite=False, projection="symmetric"),
        _matrices("psd", semidefinite=True, definite=False, projection="semidefinite"),
        _matrices("pd", semidefinite=True, definite=True, projection=None),
    )
}
"""Facts of the library's sets, by name."""


def enclosure(facts: SetFacts, arguments: tuple[Interval, ...]) -> Interval:
    """An interval that holds every entry of every element of the set with arguments in these intervals."""
    if facts.name == "box" and len(arguments) == 2:
        low, high = arguments
        return Interval(low.lower, high.upper, low.lower_open, high.upper_open)
    if facts.name in ("ball", "l1_ball", "linf_ball") and len(arguments) == 1:
        radius = arguments[0]
        return Interval(-radius.upper, radius.upper, radius.upper_open, radius.upper_open)
    if facts.name == "index" and len(arguments) == 1:
        return Interval(0.0, max(arguments[0].upper - 1.0, 0.0) if arguments[0].upper < inf else inf)
    return facts.enclosure
