"""Facts of matrix products: xᵀ P x, however written, for a constant symmetric P with eigenvalues of known sign."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

from karush.compiler.facts.fact import Fact, Facts, text_of
from karush.compiler.facts.products import factored, product_degree, scaled, square, unknown
from karush.compiler.facts.same import Sameness
from karush.compiler.model import Apply, Expr, Named
from karush.dsl import ast
from karush.stdlib import enclosure
from karush.stdlib.atom import Atom
from karush.stdlib.lattice import NONNEGATIVE, NONPOSITIVE, Curvature, Interval

_ONE = Interval.point(1.0)


MAX_FACTORS = 64
"""Longer products of matrices are taken as they are: no symmetry is looked for in them."""


def matmul(facts: Facts, node: Apply, base: Fact, sameness: Sameness) -> Fact:
    """a @ b."""
    a, b = node.arguments
    left, right = facts[a], facts[b]
    inner = a.shape[-1].value
    interval = enclosure.total(left.interval * right.interval, inner)
    found = replace(base, interval=interval, degree=product_degree(left, right))
    if left.is_constant and right.is_constant:
        gram = not node.shape and sameness.same(a, b)
        spectrum = _product_spectrum(facts, sameness, _chain(node)) if len(node.shape) == 2 else None
        return replace(found, spectrum=spectrum, interval=_nonnegative_if(gram, interval))
    if left.is_constant or right.is_constant:
        constant, varying = (a, b) if left.is_constant else (b, a)
        return scaled(facts, found, constant, facts[constant].interval, varying)
    form = next(_quadratic_forms(facts, sameness, a, b), None) if not node.shape else None
    if form is None:
        said = f"`{text_of(node)}` multiplies two parts that both depend on unknowns"
        return unknown(found, said)
    return _quadratic(facts, found, node, form)


def _nonnegative_if(known: bool, interval: Interval) -> Interval:
    return interval.intersect(NONNEGATIVE) if known else interval


@dataclass(frozen=True)
class QuadraticForm:
    """xᵀ P x with the eigenvalues of P, None where P is not known to be symmetric; ``matrices`` multiply to P."""

    vector: Expr
    spectrum: Interval | None
    matrices: tuple[Expr, ...]


def _quadratic(facts: Facts, found: Fact, node: Expr, form: QuadraticForm) -> Fact:
    spectrum = form.spectrum
    inner = facts[form.vector]
    matrix = " @ ".join(text_of(m) for m in form.matrices)
    if spectrum is None or not (spectrum.is_nonnegative or spectrum.is_nonpositive):
        return unknown(found, f"`{matrix}` is not known to be psd" if matrix else None)
    curvature, reduced = square(inner)
    if form.matrices and not inner.is_affine and not _grows(facts, form):
        return unknown(found, f"`{text_of(form.vector)}` is not affine in the unknowns")
    if curvature is Curvature.UNKNOWN:
        return unknown(found, f"`{text_of(node)}` is neither convex nor concave by the rules")
    curvature = curvature.scaled(spectrum)
    sign = NONNEGATIVE if spectrum.is_nonnegative else NONPOSITIVE
    dependence = replace(found.dependence, vars=frozenset())
    return replace(
        found,
        interval=found.interval.intersect(sign),
        curvature=curvature,
        reduced=reduced,
        reason=f"{text_of(node)} is {curvature.value}{facts.because(dependence)}",
    )


def _grows(facts: Facts, form: QuadraticForm) -> bool:
    """Does the form grow with every entry of a nonnegative vector? No entry of P then has the other sign."""
    intervals = [facts[matrix].interval for matrix in form.matrices]
    return all(interval.is_nonnegative or interval.is_nonpositive for interval in intervals)


def reads_as_form(atom: Atom) -> bool:
    """Is the atom declared as ``x @ P @ x`` of its two arguments, as ``quad`` is?"""
    match atom.value:
        case ast.Binary("@", ast.Binary("@", ast.Name(id=left), ast.Name(id=matrix)), ast.Name(id=right)):
            return left == right and (left, matrix) == tuple(param.name for param in atom.params)
    return False


def finer_form(facts: Facts, node: Apply, found: Fact, sameness: Sameness) -> Fact:
    """What the form itself tells where the declaration tells nothing: of P ⪯ 0, of xᵀPx growing with a convex x."""
    vector, matrix = node.arguments
    spectrum = _product_spectrum(facts, sameness, (matrix,))
    if spectrum is None or not facts[matrix].is_constant:
        return found
    sign = spectrum.is_nonnegative, spectrum.is_nonpositive
    if any(sign):
        found = replace(found, interval=found.interval.intersect(NONNEGATIVE if sign[0] else NONPOSITIVE))
    if found.curvature is not Curvature.UNKNOWN:
        return found
    form = QuadraticForm(vector, spectrum, (matrix,))
    told = _quadratic(facts, found, node, form)
    return replace(told, reason=found.reason) if told.curvature is Curvature.UNKNOWN else told


def _quadratic_forms(facts: Facts, sameness: Sameness, a: Expr, b: Expr) -> Iterator[QuadraticForm]:
    """The ways to read a @ b, two vectors, as xᵀ P x: one with a known sign first."""
    found = []
    for left, before in _parts(facts, a, left=True):
        for right, after in _parts(facts, b, left=False):
            form = _as_quadratic(facts, sameness, left, right, (*before, *after))
            if form is not None:
                found.append(form)
    yield from sorted(found, key=lambda form: form.spectrum is None)


def _as_quadratic(
    facts: Facts, sameness: Sameness, left: Expr, right: Expr, matrices: tuple[Expr, ...]
) -> QuadraticForm | None:
    if sameness.same(left, right):
        return QuadraticForm(left, _product_spectrum(facts, sameness, matrices), matrices)
    first, second = factored(facts, left), factored(facts, right)
    if not sameness.same(first.core, second.core):
        return None
    spectrum = _product_spectrum(facts, sameness, matrices)
    if matrices and not (first.uniform and second.uniform):
        spectrum = None
    if spectrum is not None:
        spectrum = spectrum * first.multiplier * second.multiplier
    return QuadraticForm(first.core, spectrum, matrices)


def _parts(facts: Facts, expr: Expr, *, left: bool) -> Iterator[tuple[Expr, tuple[Expr, ...]]]:
    """(v, matrices) with expr = v @ matrices (``left``), or expr = matrices @ v, v a vector."""
    matrices: tuple[Expr, ...] = ()
    while True:
        yield expr, matrices
        inner = expr.value if isinstance(expr, Named) else expr
        if isinstance(inner, Named):
            expr = inner
            continue
        if not isinstance(inner, Apply) or inner.atom != "matmul":
            return
        vector, matrix = inner.arguments if left else inner.arguments[::-1]
        if len(vector.shape) != 1 or not facts[matrix].is_constant:
            return
        expr, matrices = vector, (matrix, *matrices) if left else (*matrices, matrix)


def _chain(expr: Expr) -> tuple[Expr, ...]:
    """The factors of a product of matrices; the product itself where there are more than anybody would look at."""
    factors: list[Expr] = []
    pending = [expr]
    while pending:
        part = pending.pop()
        match part.value if isinstance(part, Named) else part:
            case Apply(atom="matmul", arguments=(a, b)) if len(a.shape) == len(b.shape) == 2:
                pending += [b, a]
            case _:
                factors.append(part)
        if len(factors) + len(pending) > MAX_FACTORS:
            return (expr,)
    return tuple(factors)


def _product_spectrum(facts: Facts, sameness: Sameness, matrices: tuple[Expr, ...]) -> Interval | None:
    """Eigenvalues of a product that reads BᵀCB, BᵀB, C; of the empty product, 1."""
    factors = tuple(f for m in matrices for f in _chain(m))
    middle = factors
    while len(middle) >= 2 and sameness.transposes(middle[0], middle[-1]):
        middle = middle[1:-1]
    if not middle:
        return _ONE if not factors else NONNEGATIVE
    if len(middle) > 1 or middle[0] not in facts:
        return None
    spectrum = facts[middle[0]].spectrum
    if spectrum is None or len(middle) == len(factors):
        return spectrum
    return Interval(0.0 if spectrum.is_nonnegative else -inf, 0.0 if spectrum.is_nonpositive else inf)
