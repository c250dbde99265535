"""Branches that would be unsafe where they are not taken: ``if x > 0 then sqrt(x) else 0`` at x = -1.

Lowering evaluates such a function at a harmless point where its branch is not taken, so neither a NaN nor an infinite
slope comes of it; only so many choices within choices are guarded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from karush.compiler.dependence import children
from karush.compiler.facts.fact import Facts, text_of
from karush.compiler.model import Apply, Expr, Named, Reduce
from karush.stdlib.lattice import Smoothness

MOST_GUARDED = 6
"""How many choices within choices are guarded (as in lowering/evaluate.py, which has the same number)."""

Around = tuple[tuple[Expr, bool], ...]
"""Conditions, and whether each of them holds."""


def conditions_around(roots: Sequence[Expr]) -> dict[Expr, Around]:
    """For every node below the roots the conditions under which it is taken, along the first way to it."""
    found: dict[Expr, Around] = {}
    pending: list[tuple[Expr, Around]] = [(root, ()) for root in reversed(roots)]
    while pending:
        node, around = pending.pop()
        if node in found:
            continue
        found[node] = around
        match node:
            case Apply(atom="if", arguments=(test, then, orelse)):
                pending += [(orelse, (*around, (test, False))), (then, (*around, (test, True))), (test, around)]
            case Reduce(condition=Expr() as test):
                pending += [(node.body, (*around, (test, True))), (test, around)]
            case Named():
                pending.append((node.value, around))
            case _:
                pending += [(child, around) for child in reversed(children(node))]
    return found


def guarded_lines(facts: Facts, roots: Sequence[Expr]) -> Iterator[str]:
    """What is said of functions with ends or poles in branches of choices that move."""
    if not facts.seams:
        return
    for node, around in conditions_around(roots).items():
        rough = facts.rough.get(node)
        moving = [test for test, _ in around if facts.moves(facts[test].dependence)]
        if rough is None or rough.smoothness is not Smoothness.SINGULAR or not moving:
            continue
        said = f"line {node.span.line}: `{text_of(node)}` in a branch of `{text_of(moving[-1])}`: "
        if len(around) > MOST_GUARDED:
            yield said + f"a NaN trap, for no more than {MOST_GUARDED} choices within choices are guarded"
        else:
            yield said + "guarded, so that no NaN comes of it where the branch is not taken"
