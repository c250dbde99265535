"""Do the branches of an ``if`` meet where it switches? Proved exactly, or not at all.

    if a <= b then f₁ else f₂          with g = a - b continuous

switches only where g = 0. In every case of the pieces of which g, f₁, f₂ are made (``abs(x)`` is x or -x), these are
polynomials, and the branches meet if g divides f₁ - f₂. If g² does, their gradients meet too. A case is passed over
where what is >= 0 in it is less than 0 on g = 0. Of ``and`` and ``or`` each comparison is taken by itself, with what
else must hold. The quotient of two branches that differ by a number, or by a polynomial that is not 0, shows a jump.
Sums with a filter are sums of ``if c then f else 0``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from karush.compiler.facts import rational_polynomials as exact
from karush.compiler.facts.fact import Facts, Meeting, Seam
from karush.compiler.facts.pieces import MIRRORED, Reader, Scene, cases
from karush.compiler.facts.rational_polynomials import Polynomial, TooLargeError
from karush.compiler.model import Apply, Expr, Named
from karush.stdlib.lattice import FREE, Smoothness
from karush.stdlib.set import SET_FACTS

COMPARED = frozenset({*MIRRORED, "equal", "not_equal"})


SMOOTHNESS = {
    Meeting.SMOOTHLY: Smoothness.ONCE,
    Meeting.CONTINUOUSLY: Smoothness.NONSMOOTH,
    Meeting.UNPROVED: Smoothness.DISCONTINUOUS,
    Meeting.APART: Smoothness.DISCONTINUOUS,
}


@dataclass(frozen=True)
class Switch:
    """A comparison on which a condition turns, with conditions (expression, holds) that are true where it does."""

    comparison: Apply
    beside: tuple[tuple[Expr, bool], ...] = ()


UNPROVED = Seam(Meeting.UNPROVED)


def seam_of(scene: Scene, test: Expr, then: Expr, orelse: Expr) -> Seam:
    """How the branches of ``if test then … else …`` meet."""
    switches = list(switches_of(scene.facts, test))
    if not all(_is_continuous(scene, switch.comparison) for switch in switches):
        return UNPROVED
    try:
        found = [_meeting(scene, switch, then, orelse) for switch in switches]
        if Meeting.UNPROVED not in found:
            smoothly = all(meeting is Meeting.SMOOTHLY for meeting in found)
            return Seam(Meeting.SMOOTHLY if smoothly else Meeting.CONTINUOUSLY)
        if len(switches) == 1:
            return _apart(scene, switches[0].comparison, then, orelse) or UNPROVED
    except TooLargeError:
        return UNPROVED
    return UNPROVED


def switches_of(facts: Facts, test: Expr, beside: tuple[tuple[Expr, bool], ...] = ()) -> Iterator[Switch]:
    """The comparisons of a condition that move; a part of another kind that moves stands for itself."""
    match test:
        case Named(value=value):
            yield from switches_of(facts, value, beside)
        case Apply(atom="not", arguments=(inner,)):
            yield from switches_of(facts, inner, beside)
        case Apply(atom="and" | "or", arguments=parts):
            for part in parts:
                others = tuple((other, test.atom == "and") for other in parts if other is not part)
                yield from switches_of(facts, part, (*beside, *others))
        case Apply() if facts.moves(facts[test].dependence):
            yield Switch(test, beside)


def _is_continuous(scene: Scene, comparison: Apply) -> bool:
    """Is it a comparison whose sides have no jumps and no poles?"""
    sides = (scene.facts[side].smoothness for side in comparison.arguments)
    return comparison.atom in COMPARED and all(smoothness <= Smoothness.NONSMOOTH for smoothness in sides)


def _difference(reader: Reader, comparison: Apply) -> Polynomial:
    left, right = map(reader.polynomial, comparison.arguments)
    return exact.add(left, right, -1)


# ---------------------------------------------------------------- proofs that the branches meet


def _meeting(scene: Scene, switch: Switch, then: Expr, orelse: Expr) -> Meeting:
    if cases(scene, lambda reader: _meet_smoothly(reader, switch, then, orelse)):
        return Meeting.SMOOTHLY
    if cases(scene, lambda reader: _meet(reader, switch, then, orelse)):
        return Meeting.CONTINUOUSLY
    return Meeting.UNPROVED


def _meet(reader: Reader, switch: Switch, then: Expr, orelse: Expr) -> bool:
    """Is f₁ - f₂ = 0 where g = 0 in this case, or is the case impossible there?"""
    zero = reader.cleared(_difference(reader, switch.comparison))
    if exact.value_of(zero):
        return True
    reader.at_zero_of(zero)
    between = reader.cleared(_between(reader, then, orelse))
    return not reader.here(between) or _is_impossible(reader, switch)


def _meet_smoothly(reader: Reader, switch: Switch, then: Expr, orelse: Expr) -> bool:
    """Is f₁ - f₂ a multiple of g² in this case, or is the case impossible where g = 0?

    The branches are read as they are, not where g = 0, for they are compared beside it as well.
    """
    zero = _difference(reader, switch.comparison)
    if exact.value_of(zero):
        return True
    between = reader.cleared(_between(reader, then, orelse))
    reader.at_zero_of(zero)
    once, left = exact.divide(between, reader.modulus) if zero else (between, between)
    if not left and not (zero and exact.remainder(once, reader.modulus)):
        return True
    return _is_impossible(reader, switch)


def _between(reader: Reader, then: Expr, orelse: Expr) -> Polynomial:
    return exact.add(reader.polynomial(then), reader.polynomial(orelse), -1)


def _is_impossible(reader: Reader, switch: Switch) -> bool:
    """Does what holds in this case and beside the comparison exclude g = 0?"""
    beside = [p for condition, holds in switch.beside for p in reader.conditions(condition, holds=holds)]
    return reader.is_impossible([*reader.where, *beside])


# ---------------------------------------------------------------- proofs that they do not


def _apart(scene: Scene, comparison: Apply, then: Expr, orelse: Expr) -> Seam | None:
    """The two limits, where there is but one case and they differ in it at a switch that exists."""
    found: list[Seam] = []

    def read(reader: Reader) -> bool:
        if reader.chosen:
            return False
        zero = reader.cleared(_difference(reader, comparison))
        reader.at_zero_of(zero)
        sides = [reader.here(reader.polynomial(branch)) for branch in (then, orelse)]
        if zero and _is_reached(reader, zero) and _differ(reader, zero, exact.add(sides[0], sides[1], -1)):
            found.append(Seam(Meeting.APART, (reader.text(sides[0]), reader.text(sides[1]))))
        return True

    cases(scene, read)
    return found[0] if len(found) == 1 else None


def _solvable(reader: Reader, zero: Polynomial) -> list[int]:
    """Params and unknowns that can have any value and occur in g only by a number times them."""
    found = []
    for number in exact.symbols(zero):
        alone = ((number, 1),) in zero and all(number not in dict(m) for m in zero if m != ((number, 1),))
        if alone and reader.symbols[number].interval == FREE and _has_any_value(reader, number):
            found.append(number)
    return found


def _has_any_value(reader: Reader, number: int) -> bool:
    """Is it a param or an unknown, or an entry of one, that has every value of its interval, whatever others have?"""
    model, base = reader.scene.facts.model, reader.symbols[number].base
    declared = None if base is None else model.params.get(base) or model.vars.get(base)
    if declared is None:
        return False
    known = None if declared.set is None else SET_FACTS.get(declared.set.name)
    return declared.set is None or (known is not None and known.elementwise)


def _is_reached(reader: Reader, zero: Polynomial) -> bool:
    """Is there surely a point at which g changes its sign?"""
    if _solvable(reader, zero):
        return True
    number = max(exact.symbols(zero))
    leading = zero.get(((number, 1),))
    if leading is None or not _has_any_value(reader, number) or not zero.keys() <= {(), ((number, 1),)}:
        return False
    root = -zero.get((), Fraction(0)) / leading
    inside = reader.symbols[number].interval
    return inside.lower < root < inside.upper


def _differ(reader: Reader, zero: Polynomial, between: Polynomial) -> bool:
    """Are the branches different at some switch? Surely where no value of the difference is 0.

    A polynomial that is not 0 in independent params and unknowns has values that are not 0, too.
    """
    if not between:
        return False
    if 0.0 not in reader.interval(between):
        return True
    used = exact.symbols(zero) | exact.symbols(between)
    bases = {reader.symbols[number].base for number in used}
    wide = all(reader.symbols[number].interval.value is None and _has_any_value(reader, number) for number in used)
    return bool(_solvable(reader, zero)) and wide and len(bases) == len(used)
