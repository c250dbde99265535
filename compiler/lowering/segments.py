"""Reductions that sort their terms by a key: ``sum(e for l in m if src[l] == i and …)`` within a clause over i."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from karush.compiler.dependence import walk
from karush.compiler.facts.linearity import is_affine
from karush.compiler.lowering.scope import Scope
from karush.compiler.model import Apply, Binder, BinderValue, Expr, Named, Reduce

OPERATORS = frozenset(("sum", "mean", "max", "min"))


@dataclass(frozen=True, eq=False)
class Segment:
    """A reduction whose filter says ``key == binder`` and ``rest``; the key does not depend on the binder."""

    reduce: Reduce
    binder: Binder
    key: Expr
    rest: tuple[Expr, ...]


def conjuncts(condition: Expr) -> tuple[Expr, ...]:
    """The parts of a conjunction."""
    found: list[Expr] = []
    pending = [condition]
    while pending:
        match pending.pop():
            case Apply(atom="and", arguments=arguments):
                pending += reversed(arguments)
            case Named(value=value):
                pending.append(value)
            case part:
                found.append(part)
    return tuple(found)


def find_segments(binder: Binder, bodies: Sequence[Expr], scope: Scope) -> list[Segment]:
    """The reductions below the bodies that become segment reductions when a clause enters this binder."""
    known = scope.inputs.vars.keys()
    candidates = (node for node in _filtered(bodies) if scope.dependence.vars(node) <= known)
    return _matching(candidates, binder, scope)


def find_affine_segments(binder: Binder, bodies: Sequence[Expr], scope: Scope) -> list[Segment]:
    """The sums and means whose terms, but not whose filters, are affine in the vars, and that are of that kind."""
    varies = scope.dependence.vars
    candidates = (
        node
        for node in _filtered(bodies)
        if node.operator in ("sum", "mean") and varies(node) and node.condition is not None
        if not varies(node.condition) and is_affine(node.body, scope.dependence)
    )
    return _matching(candidates, binder, scope)


def _filtered(bodies: Sequence[Expr]) -> Iterator[Reduce]:
    for node in walk(*bodies):
        if isinstance(node, Reduce) and node.operator in OPERATORS and node.condition is not None:
            yield node


def _matching(candidates: Iterable[Reduce], binder: Binder, scope: Scope) -> list[Segment]:
    found = (match_segment(node, binder, scope) for node in candidates)
    return [segment for segment in found if segment is not None]


def match_segment(node: Reduce, binder: Binder, scope: Scope) -> Segment | None:
    """The reduction as one sorted by the binder, where all else that it needs is bound outside the clause."""
    assert node.condition is not None
    dependence = scope.dependence
    if not all(scope.binds_beyond(part, (binder, *node.binders)) for part in (node.condition, node.body)):
        return None
    parts = conjuncts(node.condition)
    for part in parts:
        key = _key(part, binder)
        if key is None or binder in dependence.binders(key):
            continue
        if dependence.binders(key) & frozenset(node.binders):
            return Segment(node, binder, key, tuple(p for p in parts if p is not part))
    return None


def _key(condition: Expr, binder: Binder) -> Expr | None:
    match condition:
        case Apply(atom="equal", arguments=(left, right)):
            if isinstance(left, BinderValue) and left.binder is binder:
                return right
            if isinstance(right, BinderValue) and right.binder is binder:
                return left
    return None
