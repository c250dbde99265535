"""Facts of operators and structure, of indexing, and of what a ``for`` clause makes."""

from __future__ import annotations

from dataclasses import replace

from karush.compiler.facts.atoms import compose
from karush.compiler.facts.fact import NOT_REDUCIBLE, Fact, Facts, Reduced, text_of
from karush.compiler.model import Apply, At, Comprehension, Expr, Range, Reduce, Subscript
from karush.stdlib import enclosure
from karush.stdlib.lattice import FREE, UNIT, Curvature, Interval, Monotonicity, Smoothness

COMPARISONS = frozenset({"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"})
CONDITIONS = COMPARISONS | {"and", "or", "not"}


def joined(base: Fact, parts: list[Fact]) -> Fact:
    """Of parts that stand side by side: entries of an array, branches whose choice is data."""
    interval, curvature = parts[0].interval, parts[0].curvature
    for part in parts[1:]:
        interval, curvature = interval.hull(part.interval), curvature + part.curvature
    return replace(
        base,
        interval=interval,
        curvature=curvature,
        degree=_greatest(parts),
        reduced=_reduced(curvature, parts),
    )


def _greatest(parts: list[Fact]) -> int | None:
    degrees = [part.degree for part in parts]
    known = [d for d in degrees if d is not None]
    return max(known) if len(known) == len(degrees) else None


def _reduced(curvature: Curvature, parts: list[Fact]) -> Reduced:
    if curvature is Curvature.UNKNOWN:
        return NOT_REDUCIBLE
    return Reduced().join(*(part.reduced for part in parts))


# ---------------------------------------------------------------- sums


def add(facts: Facts, node: Apply, base: Fact) -> Fact:
    """a + b."""
    a, b = (facts[argument] for argument in node.arguments)
    return _sum(base, node, a, b)


def subtract(facts: Facts, node: Apply, base: Fact) -> Fact:
    """a - b."""
    a, b = (facts[argument] for argument in node.arguments)
    return _sum(base, node, a, _negative(b))


def negate(facts: Facts, node: Apply, base: Fact) -> Fact:
    """-a."""
    inner = _negative(facts[node.arguments[0]])
    return replace(inner, reason=None, dependence=base.dependence)


def _negative(fact: Fact) -> Fact:
    spectrum = None if fact.spectrum is None else -fact.spectrum
    return replace(fact, interval=-fact.interval, curvature=-fact.curvature, spectrum=spectrum)


def _sum(base: Fact, node: Apply, a: Fact, b: Fact) -> Fact:
    curvature = a.curvature + b.curvature
    reason = None
    if curvature is Curvature.UNKNOWN and Curvature.UNKNOWN not in (a.curvature, b.curvature):
        reason = f"`{text_of(node)}` is a sum of a convex and a concave part"
    return replace(
        base,
        interval=a.interval + b.interval,
        curvature=curvature,
        degree=_greatest([a, b]),
        reduced=_reduced(curvature, [a, b]),
        spectrum=a.spectrum + b.spectrum if a.spectrum is not None and b.spectrum is not None else None,
        reason=reason,
    )


# ---------------------------------------------------------------- choices


def condition(facts: Facts, node: Apply, base: Fact) -> Fact:
    """A comparison, or a word of logic."""
    constant = all(facts[argument].is_constant for argument in node.arguments)
    found = replace(base, interval=UNIT, smoothness=_jump(base))
    return found if constant else _no_curvature(found, None)


def _jump(base: Fact) -> Smoothness:
    depends = base.dependence.vars or base.dependence.params
    return Smoothness.DISCONTINUOUS if depends else Smoothness.SMOOTH


def _no_curvature(found: Fact, reason: str | None) -> Fact:
    return replace(found, curvature=Curvature.UNKNOWN, degree=None, reduced=NOT_REDUCIBLE, reason=reason)


def choose(facts: Facts, node: Apply, base: Fact) -> Fact:
    """``if c then a else b``; how smooth it is depends on how the branches meet."""
    test, then, orelse = (facts[argument] for argument in node.arguments)
    found = joined(base, [then, orelse])
    if not test.is_constant:
        return _no_curvature(found, f"the condition `{text_of(node.arguments[0])}` depends on unknowns")
    if then.spectrum is not None and orelse.spectrum is not None and not node.arguments[0].shape:
        return replace(found, spectrum=then.spectrum.hull(orelse.spectrum))
    return found


def extreme(facts: Facts, node: Apply, base: Fact) -> Fact:
    """``max(a, b, …)`` and ``min(a, b, …)``, elementwise."""
    parts = [facts[argument] for argument in node.arguments]
    is_max = node.atom == "maximum"
    interval = (enclosure.maximum if is_max else enclosure.minimum)(*(part.interval for part in parts))
    found = replace(base, interval=interval)
    if all(part.is_constant for part in parts):
        return found
    return _extreme(found, node, is_max, parts)


def _extreme(found: Fact, node: Expr, is_max: bool, parts: list[Fact]) -> Fact:
    outer = Curvature.CONVEX if is_max else Curvature.CONCAVE
    curvature = compose(outer, [(part.curvature, Monotonicity.NONDECREASING) for part in parts])
    if curvature is Curvature.UNKNOWN:
        word = "max" if is_max else "min"
        known = all(part.curvature is not Curvature.UNKNOWN for part in parts)
        wrong = "concave" if is_max else "convex"
        return _no_curvature(found, f"`{text_of(node)}` is a {word} with a {wrong} part" if known else None)
    reduced = Reduced(1).join(*(part.reduced.bounded() for part in parts))
    reason = f"{text_of(node)} is {curvature.value}"
    return replace(found, curvature=curvature, degree=None, reduced=reduced, reason=reason)


# ---------------------------------------------------------------- structure


def filled(facts: Facts, node: Apply, base: Fact) -> Fact:
    """``zeros ones eye``."""
    interval = {"zeros": Interval.point(0.0), "ones": Interval.point(1.0)}.get(node.atom, UNIT)
    spectrum = {"zeros": Interval.point(0.0), "eye": Interval.point(1.0)}.get(node.atom)
    square = len(node.shape) == 2 and node.shape[0] == node.shape[1]
    return replace(base, interval=interval, spectrum=spectrum if square else None)


def structure(facts: Facts, node: Apply, base: Fact) -> Fact:
    """``concat stack reshape``: the entries stay what they are."""
    return joined(base, [facts[argument] for argument in node.arguments])


def transpose(facts: Facts, node: Apply, base: Fact) -> Fact:
    """``a.T``."""
    return replace(facts[node.arguments[0]], reason=None)


def diag(facts: Facts, node: Apply, base: Fact) -> Fact:
    """A vector as a diagonal matrix, whose eigenvalues its entries are; or the diagonal of a matrix."""
    inner = facts[node.arguments[0]]
    if len(node.shape) == 1:
        interval = inner.interval
        if inner.spectrum is not None and inner.is_constant:
            interval = interval.intersect(inner.spectrum)
        return replace(inner, interval=interval, spectrum=None, reason=None)
    spectrum = inner.interval if inner.is_constant else None
    return replace(inner, interval=inner.interval.hull(Interval.point(0.0)), spectrum=spectrum, reason=None)


def subscript(facts: Facts, node: Subscript, base: Fact) -> Fact:
    """``value[items]``; a matrix out of a batch of symmetric ones is symmetric."""
    inner = facts[node.value]
    if any(not facts[item.index].is_constant for item in node.items if isinstance(item, At)):
        return _no_curvature(base, f"`{text_of(node)}` has an index that depends on unknowns")
    whole = len(node.items) > 2 and all(
        isinstance(item, Range) and (item.start.value, item.stop) == (0, size)
        for item, size in zip(node.items[-2:], node.value.shape[-2:], strict=True)
    )
    return replace(inner, dependence=base.dependence, spectrum=inner.spectrum if whole else None, reason=None)


def comprehension(facts: Facts, node: Comprehension, base: Fact) -> Fact:
    """``[body for …]``."""
    return replace(facts[node.body], dependence=base.dependence, reason=None)


# ---------------------------------------------------------------- reductions over a clause


def reduction(facts: Facts, node: Reduce, base: Fact) -> Fact:
    """``sum(body for …)`` and its like."""
    body = facts[node.body]
    base = replace(base, smoothness=body.smoothness)
    if node.condition is not None and not facts[node.condition].is_constant:
        return _no_curvature(base, f"the condition `{text_of(node.condition)}` depends on unknowns")
    found = replace(body, dependence=base.dependence, reason=None, interval=_reduced_interval(node, body))
    if node.operator in ("sum", "mean"):
        spectrum = body.spectrum and (enclosure.total(body.spectrum, None) if node.operator == "sum" else body.spectrum)
        return replace(found, spectrum=spectrum)
    found = replace(found, spectrum=None)
    if body.is_constant:
        return found
    if node.operator in ("max", "min"):
        return _extreme(found, node, node.operator == "max", [body])
    if node.operator == "logsumexp":
        curvature = compose(Curvature.CONVEX, [(body.curvature, Monotonicity.NONDECREASING)])
        if curvature is not Curvature.UNKNOWN:
            reduced = Reduced(1, body.reduced.bounded().classes | {"EXP"})
            reason = f"{text_of(node)} is convex"
            return replace(found, curvature=curvature, degree=None, reduced=reduced, reason=reason)
        return _no_curvature(found, None)
    return _no_curvature(found, f"`{text_of(node)}` is a product of parts that depend on unknowns")


def _reduced_interval(node: Reduce, body: Fact) -> Interval:
    if node.operator == "sum":
        return enclosure.total(body.interval, _count(node))
    if node.operator == "prod":
        return enclosure.product(body.interval)
    return body.interval if node.operator in ("mean", "max", "min") else FREE


def _count(node: Reduce) -> int | None:
    """How many terms a sum has, where that is a number and none is filtered out."""
    count = 1
    for binder in node.binders:
        if node.condition is not None or binder.length.value is None:
            return None
        count *= max(binder.length.value, 0)
    return count
