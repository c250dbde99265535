"""Quadratic parts below functions that are not affine: each is bounded by a new unknown, as in exp(t), x² <= t."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from karush.compiler.facts.atoms import is_curved
from karush.compiler.facts.fact import Facts
from karush.compiler.facts.products import factored
from karush.compiler.library import Library
from karush.compiler.model import Apply, Expr, Reduce

EXTREMES = frozenset({"max", "min", "maximum", "minimum"})
"""Their graph forms are rows ``e <= t``, which a quadratic e may stand in as it is."""


def quadratic_parts(facts: Facts, nodes: Iterable[Expr], library: Library) -> frozenset[Expr]:
    """The nodes of degree 2 that a node above them bends again."""
    return frozenset(
        part
        for node in nodes
        for part in _bent(facts, node, library)
        if facts[part].reduced.degree > 1 and not facts[part].is_constant
    )


def _bent(facts: Facts, node: Expr, library: Library) -> Iterator[Expr]:
    """The parts of a node in which it is not affine."""
    match node:
        case Reduce(operator="logsumexp", body=body):
            yield body
        case Apply(atom="power"):
            yield from node.arguments if facts[node.arguments[1]].interval.value != 1 else ()
        case Apply(atom="divide", arguments=(_, divisor)):
            yield from () if facts[divisor].is_constant else (divisor,)
        case Apply(atom="multiply" | "matmul", arguments=(left, right)):
            if not facts[left].is_constant and not facts[right].is_constant:
                yield from (factored(facts, left).core, factored(facts, right).core)
        case Apply(atom=name) if name not in EXTREMES:
            atom = library.atom(name)
            if atom is not None and is_curved(facts, node, atom):
                yield from node.arguments
