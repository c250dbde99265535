"""Facts of an application of a library atom: the composition rule of disciplined convex programming.

h(f₁, …, f_k) is convex if h is convex in the f that vary, and each of them is affine, or convex where h is
nondecreasing in it, or concave where h is nonincreasing in it; concave likewise. The declaration's clauses hold where
its header's sets do: an argument that no curvature clause names must be known to lie in its set.
"""

from __future__ import annotations

from dataclasses import replace

from karush.compiler.facts.fact import NOT_REDUCIBLE, Fact, Facts, Reduced, text_of
from karush.compiler.facts.polynomial import SQUARES, degree, graph_form
from karush.compiler.library import Library
from karush.compiler.model import Apply, Expr, Reduce
from karush.stdlib.atom import Atom, AtomParam
from karush.stdlib.enclosure import ENCLOSURES, total
from karush.stdlib.lattice import FREE, Curvature, Interval, Monotonicity
from karush.stdlib.set import SET_FACTS


def atom_fact(facts: Facts, node: Apply, atom: Atom, base: Fact) -> Fact:
    """The fact of ``atom(arguments)``; ``base`` carries the dependence and the smoothness of the arguments."""
    given = [facts[argument] for argument in node.arguments]
    unmet = _unmet(atom, node, given)
    interval = _interval(atom, node, given, unmet is None)
    if all(fact.is_constant for fact in given):
        return replace(base, interval=interval, spectrum=_spectrum(atom, given))
    varying = frozenset(p.name for p, fact in zip(atom.params, given, strict=True) if not fact.is_constant)
    curvature, reason = _curvature(atom, node, given, varying, unmet)
    return replace(
        base,
        interval=interval,
        curvature=curvature,
        degree=_degree(atom, given),
        reduced=_reduced(atom, given, varying, curvature),
        reason=reason,
    )


def count_entries(node: Expr) -> int | None:
    """How many entries an array has, where its sizes are numbers."""
    count = 1
    for size in node.shape:
        if size.value is None:
            return None
        count *= size.value
    return count


# ---------------------------------------------------------------- conditions, intervals


def _unmet(atom: Atom, node: Apply, given: list[Fact]) -> str | None:
    """The first condition of the header that is not known to hold, in words."""
    in_domain = {name for names, _ in atom.curvature for name in names}
    for param, argument, fact in zip(atom.params, node.arguments, given, strict=True):
        if param.set_name is None or param.name in in_domain:
            continue
        if not _holds(param, fact):
            return f"`{text_of(argument)}` is not known to be in {_show_domain(param)}, as `{atom.name}` needs it"
    return None


def _holds(param: AtomParam, fact: Fact) -> bool:
    known = SET_FACTS.get(param.set_name or "")
    if known is None or not known.matrix:
        return known is None or known.integer or fact.interval.within(param.interval)
    if fact.spectrum is None:
        return False
    if known.positive_definite:
        return fact.spectrum.is_positive
    return not known.positive_semidefinite or fact.spectrum.is_nonnegative


def _show_domain(param: AtomParam) -> str:
    return "box" + str(param.interval) if param.set_name == "box" else str(param.set_name)


def _interval(atom: Atom, node: Apply, given: list[Fact], met: bool) -> Interval:
    intervals = [fact.interval for fact in given]
    enclose = ENCLOSURES.get(atom.primitive or "")
    found = enclose(*intervals) if enclose is not None else FREE
    if atom.primitive == "sum":
        found = total(intervals[0], count_entries(node.arguments[0]))
    if atom.primitive == "trace" and given[0].spectrum is not None:
        found = found.intersect(total(given[0].spectrum, None))
    return atom.range.intersect(found) if met and atom.range != FREE else found


def _spectrum(atom: Atom, given: list[Fact]) -> Interval | None:
    if atom.primitive == "inv" and given[0].spectrum is not None:
        return given[0].spectrum.reciprocal()
    if atom.primitive == "kron" and given[0].spectrum is not None and given[1].spectrum is not None:
        return given[0].spectrum * given[1].spectrum
    return None


# ---------------------------------------------------------------- curvature


def compose(outer: Curvature, moves: list[tuple[Curvature, Monotonicity]]) -> Curvature:
    """Curvature of an outer function of these arguments, each with the way the outer function moves with it."""

    def keeps(bends: Curvature) -> bool:
        same, other = Monotonicity.NONDECREASING, Monotonicity.NONINCREASING
        return all(
            inner.is_affine or (inner is bends and move is same) or (inner is -bends and move is other)
            for inner, move in moves
        )

    convex = outer.is_convex and keeps(Curvature.CONVEX)
    concave = outer.is_concave and keeps(Curvature.CONCAVE)
    if convex and concave:
        return Curvature.AFFINE
    return Curvature.CONVEX if convex else Curvature.CONCAVE if concave else Curvature.UNKNOWN


def _curvature(
    atom: Atom, node: Apply, given: list[Fact], varying: frozenset[str], unmet: str | None
) -> tuple[Curvature, str | None]:
    outer = atom.curvature_in(varying)
    if outer is Curvature.UNKNOWN:
        return outer, f"`{atom.name}` is neither convex nor concave in {_names(atom, node, varying)}"
    if unmet is not None:
        return Curvature.UNKNOWN, unmet
    moves = [
        (fact.curvature, atom.monotonicity_in(param.name, fact.interval))
        for param, fact in zip(atom.params, given, strict=True)
        if param.name in varying
    ]
    result = compose(outer, moves)
    if result is Curvature.UNKNOWN:
        return result, _composition_failure(atom, node, given, varying, outer)
    if outer is Curvature.AFFINE:
        return result, None
    return result, f"{text_of(node)} is {result.value}"


def _names(atom: Atom, node: Apply, varying: frozenset[str]) -> str:
    pairs = zip(atom.params, node.arguments, strict=True)
    return ", ".join(f"`{text_of(argument)}`" for param, argument in pairs if param.name in varying)


def _composition_failure(
    atom: Atom, node: Apply, given: list[Fact], varying: frozenset[str], outer: Curvature
) -> str | None:
    for param, argument, fact in zip(atom.params, node.arguments, given, strict=True):
        if param.name not in varying or fact.curvature.is_affine or fact.curvature is Curvature.UNKNOWN:
            continue
        move = atom.monotonicity_in(param.name, fact.interval)
        if compose(outer, [(fact.curvature, move)]) is not Curvature.UNKNOWN:
            continue
        moving = "not monotone there" if move is Monotonicity.UNKNOWN else move.value
        said = f"`{text_of(argument)}` is {fact.curvature.value}"
        return f"{said}, and `{atom.name}` is {outer.value} and {moving}: no rule gives its curvature"
    return None


# ---------------------------------------------------------------- degrees and graphs


def _degree(atom: Atom, given: list[Fact]) -> int | None:
    if any(fact.degree is None for fact in given):
        return None
    degrees = {p.name: fact.degree or 0 for p, fact in zip(atom.params, given, strict=True)}
    if atom.value is not None:
        found = degree(atom.value, degrees)
    elif atom.primitive in SQUARES:
        found = 2 * degrees[atom.params[0].name]
    else:
        jointly = frozenset(name for name, d in degrees.items() if d > 0)
        found = max(degrees.values()) if atom.curvature_in(jointly) is Curvature.AFFINE else None
    return found if found is not None and found <= 2 else None


def _reduced(atom: Atom, given: list[Fact], varying: frozenset[str], curvature: Curvature) -> Reduced:
    if curvature is Curvature.UNKNOWN:
        return NOT_REDUCIBLE
    inner = Reduced().join(*(fact.reduced for fact in given))
    if atom.curvature_in(varying) is Curvature.AFFINE:
        return inner
    below = inner.bounded()
    polynomial = _polynomial(atom, given)
    if polynomial is not None:
        return Reduced(polynomial, below.classes)
    form = graph_form(atom, varying)
    if form is None:
        return NOT_REDUCIBLE
    return Reduced(form.degree, below.classes | form.classes)


def _polynomial(atom: Atom, given: list[Fact]) -> int | None:
    """Degree of the atom's value once its arguments have been bounded by new unknowns; None beyond quadratics."""
    powers = {p.name: min(fact.reduced.degree, 1) for p, fact in zip(atom.params, given, strict=True)}
    found = degree(atom.value, powers) if atom.value is not None else 2 if atom.primitive in SQUARES else None
    return found if found is not None and found <= 2 else None


def has_graph_form(facts: Facts, node: Apply | Reduce, library: Library) -> bool:
    """Must this node be replaced by its graph form to make a program of rows?"""
    fact = facts[node]
    if fact.curvature in (Curvature.CONSTANT, Curvature.UNKNOWN):
        return False
    if isinstance(node, Reduce):
        return node.operator in ("max", "min", "logsumexp")
    if node.atom in ("maximum", "minimum"):
        return True
    if node.atom in ("power", "divide"):
        return _is_curved_operator(facts, node)
    atom = library.atom(node.atom)
    return (
        atom is not None
        and atom.graph is not None
        and is_curved(facts, node, atom)
        and not is_square(facts, node, atom)
    )


def _is_curved_operator(facts: Facts, node: Apply) -> bool:
    """A power that is no polynomial, a quotient with an unknown below."""
    other = facts[node.arguments[1]]
    if node.atom == "divide":
        return not other.is_constant
    return not other.is_constant or other.interval.value not in (0, 1, 2)


def is_curved(facts: Facts, node: Apply, atom: Atom) -> bool:
    """Is the atom other than affine in the arguments that vary?"""
    given = [facts[argument] for argument in node.arguments]
    varying = frozenset(p.name for p, f in zip(atom.params, given, strict=True) if not f.is_constant)
    return bool(varying) and atom.curvature_in(varying) is not Curvature.AFFINE


def is_square(facts: Facts, node: Apply, atom: Atom) -> bool:
    """Is the atom's value a polynomial of degree 2 at most once its arguments are bounded?"""
    return _polynomial(atom, [facts[argument] for argument in node.arguments]) is not None
