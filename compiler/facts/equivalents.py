"""Other ways to write an expression, in which its curvature shows.

    √(Σ cᵢ fᵢ² + c)     ‖(√cᵢ fᵢ, √c)‖₂       for cᵢ, c >= 0                  convex where f is affine
    c f² / g            c · quad_over_lin     for g >= 0                      convex
    log(Σ cᵢ exp fᵢ)    logsumexp(f + log c)  for c > 0; softplus of 1 + exp  convex
    x log x             xlogx(x)                                              convex
    x log(x / y)        rel_entr(x, y)        for x >= 0 or y >= 0            convex
    exp x · exp y       exp(x + y)                                            convex
    √(x y)              geo_mean([x, y])      for x, y >= 0                   concave

By the rule of composition the left sides have no curvature; the right sides have the same values wherever the left ones
have any, and graph forms besides. Arrays are taken entry by entry.

    ‖f‖₂²               sumsq(f)              and of Frobenius' norm          quadratic where f is affine
    |f|²                f²                                                    quadratic where f is affine

have a curvature by composition too, but not the degree of the right sides, and a kink where there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from karush.compiler.facts.fact import Facts
from karush.compiler.facts.same import Sameness
from karush.compiler.facts.terms import Term, summands, term_of, unnamed
from karush.compiler.library import Library
from karush.compiler.model import Apply, Comprehension, Constant, Expr, Reduce
from karush.compiler.nodes import concatenated, elementwise, entrywise, number, product, scalar

ATOMS = frozenset(("sqrt", "norm2", "quad_over_lin", "log", "log1p", "exp", "logsumexp", "softplus", "xlogx", "sum",
                   "rel_entr", "geo_mean", "square", "squared", "sumsq", "vec"))  # fmt: skip
"""The atoms that the rules read and write."""

LENGTHS = frozenset(("norm2", "norm_fro"))
"""The atoms that are the root of a sum of squares."""


def equivalent(facts: Facts, node: Apply, library: Library, sameness: Sameness) -> Expr | None:
    """The node in another way that may show its curvature, or None. Atoms that the file itself declares are left."""
    rule = RULES.get(node.atom)
    if rule is None or not library.atoms.keys().isdisjoint(ATOMS):
        return None
    return rule(Reading(facts, sameness), node)


def without_kink(facts: Facts, node: Apply, library: Library, sameness: Sameness) -> Expr | None:
    """The square of a length or of an absolute value as a polynomial in what it is taken of, or None."""
    if not library.atoms.keys().isdisjoint((*LENGTHS, "abs", "square", "sumsq")):
        return None
    root = Reading(facts, sameness).root(node)
    if root is None:
        return None
    root = unnamed(root)
    match facts.equivalents.get(root, root):
        case Apply(atom=atom, arguments=(inner,)) if atom in LENGTHS:
            return scalar("sumsq", inner)
        case Apply(atom="abs", arguments=(inner,)):
            return elementwise("square", inner)
    return None


class Reading:
    """What the rules ask of the parts of a node."""

    def __init__(self, facts: Facts, sameness: Sameness) -> None:
        self.facts, self.same = facts, sameness.same

    def terms(self, expr: Expr) -> list[Term]:
        """The terms of a sum; none where a part is subtracted."""
        return [term_of(self.facts, part) for part in summands(expr) or ()]

    def is_constant(self, term: Term) -> bool:
        """No unknown occurs in it."""
        return self.facts[term.core].is_constant

    def is_nonnegative(self, expr: Expr) -> bool:
        """Is it known to be >= 0?"""
        return self.facts[expr].interval.is_nonnegative

    def root(self, expr: Expr) -> Expr | None:
        """f of an f², however written, of the same shape."""
        match expr:
            case Apply(atom="square" | "squared", arguments=(inner,)):
                return inner
            case Apply(atom="power", arguments=(inner, exponent)) if self.facts[exponent].interval.value == 2:
                return inner
            case Apply(atom="multiply", arguments=(left, right)) if self.same(left, right):
                return left
        return None

    def roots(self, expr: Expr) -> Expr | None:
        """f of a Σ f², however written: an array of any shape."""
        match expr:
            case Apply(atom="sumsq", arguments=(inner,)):
                return inner
            case Apply(atom="matmul", arguments=(left, right)) if not expr.shape and self.same(left, right):
                return left
            case Apply(atom="sum", arguments=(inner,)):
                return self.weighted_root(term_of(self.facts, inner))
            case Reduce(operator="sum", condition=None, body=body) if not body.shape:
                return over(expr, self.weighted_root(term_of(self.facts, body)))
        return None if expr.shape else self.root(expr)

    def weighted_root(self, term: Term) -> Expr | None:
        """√c f of c f² with c >= 0."""
        return weighted(term, self.root(term.core))


def weighted(term: Term, root: Expr | None) -> Expr | None:
    """√c times a root, for a coefficient c >= 0."""
    if root is None or not term.multiplier.is_nonnegative or term.coefficient is None:
        return root if term.multiplier.is_nonnegative else None
    return elementwise("multiply", elementwise("sqrt", term.coefficient), root)


def over(clause: Reduce, body: Expr | None) -> Comprehension | None:
    """The array of what a reduction goes over."""
    if body is None:
        return None
    shape = tuple(binder.length for binder in clause.binders)
    return Comprehension(clause.binders, body, shape=shape, span=body.span)


# ---------------------------------------------------------------- roots of sums of squares, of products


def _of_root(reading: Reading, node: Apply) -> Expr | None:
    inner = node.arguments[0]
    return _norm(reading, node, inner) or _mean_of_two(reading, node, unnamed(inner))


def _of_power(reading: Reading, node: Apply) -> Expr | None:
    exponent = reading.facts[node.arguments[1]].interval.value
    return _of_root(reading, node) if exponent == 0.5 else None


def _norm(reading: Reading, node: Apply, inner: Expr) -> Expr | None:
    """√ of a sum of squares with nonnegative factors, and of nonnegative constants."""
    terms = reading.terms(inner)
    if not all(term.multiplier.is_nonnegative for term in terms):
        return None
    sides = [_side(reading, term, scalar_only=not node.shape) for term in terms]
    known = [side for side in sides if side is not None]
    if not known or len(known) < len(sides) or any(side.shape not in ((), node.shape) for side in known if node.shape):
        return None
    if not node.shape:
        return scalar("norm2", concatenated(known))
    return entrywise(node.shape, node.span, lambda entry: scalar("norm2", concatenated([*map(entry, known)])))


def _side(reading: Reading, term: Term, *, scalar_only: bool) -> Expr | None:
    """√c f of c f² or c Σ f²; √c of a constant."""
    if reading.is_constant(term):
        return elementwise("sqrt", term.core) if reading.is_nonnegative(term.core) else None
    return weighted(term, reading.roots(term.core) if scalar_only else reading.root(term.core))


def _mean_of_two(reading: Reading, node: Apply, inner: Expr) -> Expr | None:
    match inner:
        case Apply(atom="multiply", arguments=(left, right)) if all(map(reading.is_nonnegative, (left, right))):
            return entrywise(node.shape, node.span, lambda e: scalar("geo_mean", concatenated([e(left), e(right)])))
    return None


# ---------------------------------------------------------------- squares over what is not negative


def _of_quotient(reading: Reading, node: Apply) -> Expr | None:
    above, below = node.arguments
    if reading.facts[below].is_constant or not reading.is_nonnegative(below):
        return None
    term = term_of(reading.facts, above)
    root = reading.root(term.core) if node.shape else reading.roots(term.core)
    if root is None:
        return None
    quotient = _quotient(node, root, below)
    return quotient if term.coefficient is None else elementwise("multiply", term.coefficient, quotient)


def _quotient(node: Apply, root: Expr, below: Expr) -> Expr:
    if not node.shape:
        return scalar("quad_over_lin", concatenated([root]), below)
    return entrywise(node.shape, node.span, lambda e: scalar("quad_over_lin", concatenated([e(root)]), e(below)))


# ---------------------------------------------------------------- logarithms


def _of_logarithm(reading: Reading, node: Apply) -> Expr | None:
    terms = reading.terms(node.arguments[0])
    exponents = [_exponent(reading, term, scalar_only=not node.shape) for term in terms]
    known = [e for e in exponents if e is not None]
    if not known or len(known) < len(exponents) or all(map(reading.is_constant, terms)):
        return None
    if len(known) == 2 and all(e.shape in ((), node.shape) for e in known):
        for one, other in (known, known[::-1]):
            if isinstance(one, Constant) and one.value == 0:
                return elementwise("softplus", other)
    if not node.shape:
        return known[0] if len(known) == 1 and not known[0].shape else scalar("logsumexp", concatenated(known))
    return entrywise(node.shape, node.span, lambda entry: scalar("logsumexp", concatenated([*map(entry, known)])))


def _exponent(reading: Reading, term: Term, *, scalar_only: bool) -> Expr | None:
    """f + log c of c exp f or c Σ exp f with c > 0; log c of a constant."""
    core = term.core
    if reading.is_constant(term):
        if not reading.facts[core].interval.is_positive:
            return None
        return number(0.0, core.span) if reading.facts[core].interval.value == 1 else elementwise("log", core)
    if not term.multiplier.is_positive:
        return None
    found = _logarithm_of(core)
    if found is None and scalar_only:
        found = _logarithms_of(reading, core)
    return _shifted(term, found)


def _shifted(term: Term, exponent: Expr | None) -> Expr | None:
    """f + log c, for a coefficient c > 0."""
    if exponent is None or term.coefficient is None or not term.multiplier.is_positive:
        return exponent if term.multiplier.is_positive else None
    return elementwise("add", exponent, elementwise("log", term.coefficient))


def _logarithm_of(expr: Expr) -> Expr | None:
    match expr:
        case Apply(atom="exp", arguments=(inner,)):
            return inner
    return None


def _logarithms_of(reading: Reading, expr: Expr) -> Expr | None:
    """The exponents of a sum of exponentials, an array."""
    match expr:
        case Apply(atom="sum", arguments=(inner,)):
            term = term_of(reading.facts, inner)
            return _shifted(term, _logarithm_of(term.core))
        case Reduce(operator="sum", condition=None, body=body) if not body.shape:
            term = term_of(reading.facts, body)
            return over(expr, _shifted(term, _logarithm_of(term.core)))
    return None


def _of_shifted_logarithm(reading: Reading, node: Apply) -> Expr | None:
    exponent = _logarithm_of(unnamed(node.arguments[0]))
    return None if exponent is None else elementwise("softplus", exponent)


# ---------------------------------------------------------------- entropies


def _of_product(reading: Reading, node: Apply) -> Expr | None:
    first, second = (term_of(reading.facts, argument) for argument in node.arguments)
    exponents = _logarithm_of(first.core), _logarithm_of(second.core)
    if exponents[0] is not None and exponents[1] is not None:
        whole = elementwise("exp", elementwise("add", exponents[0], exponents[1]))
        constants = [term.coefficient for term in (first, second) if term.coefficient is not None]
        return product([*constants, whole])
    for factor, other in ((first, second), (second, first)):
        if other.coefficient is None and (found := _entropy(reading, factor.core, other.core)) is not None:
            return found if factor.coefficient is None else elementwise("multiply", factor.coefficient, found)
    return None


def _entropy(reading: Reading, factor: Expr, logarithm: Expr) -> Expr | None:
    """x · log x, x · log(x / y), x · (log x - log y)."""
    match logarithm:
        case Apply(atom="log", arguments=(inner,)):
            match unnamed(inner):
                case x if reading.same(x, factor):
                    return elementwise("xlogx", factor)
                case Apply(atom="divide", arguments=(x, y)) if reading.same(x, factor):
                    known = reading.is_nonnegative(x) or reading.is_nonnegative(y)
                    return elementwise("rel_entr", factor, y) if known else None
        case Apply(atom="subtract", arguments=(left, right)):
            match unnamed(left), unnamed(right):
                case Apply(atom="log", arguments=(x,)), Apply(atom="log", arguments=(y,)) if reading.same(x, factor):
                    return elementwise("rel_entr", factor, y)
    return None


RULES: Mapping[str, Callable[[Reading, Apply], Expr | None]] = {
    "sqrt": _of_root,
    "power": _of_power,
    "divide": _of_quotient,
    "log": _of_logarithm,
    "log1p": _of_shifted_logarithm,
    "multiply": _of_product,
}
"""The rule for each atom at the top of a left side."""
