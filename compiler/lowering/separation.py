"""Which vars of a template separate (solvers/forms/separable.py), read off the model before any number.

A var separates if everything that a constraint says of it is said position by position: under binders that are its
axes, and of the one entry that they name, as in the rows of a graph form under a clause. Vars that meet in a constraint
belong together; each position is one part.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import prod

from karush.compiler.dependence import Dependence, children
from karush.compiler.model import At, Binder, BinderValue, Expr, Range, Subscript, VarValue
from karush.solvers.forms.separable import Separable

LEAST_PARTS = 8
"""With fewer parts there is nothing to gain."""


@dataclass(frozen=True)
class Said:
    """A family of rows as far as it matters here.

    ``expressions`` are all that it is made of, ``rows`` those of each of the ``width`` rows where they are told apart,
    else empty; ``binders`` its clause with their ``lengths``, None where it is not one
    number or one cone for each position, or a row of A; ``first`` its first row of [G; F], ``width`` its rows for each
    position.
    """

    expressions: tuple[Expr, ...]
    binders: tuple[Binder, ...] | None = None
    lengths: tuple[int, ...] = ()
    first: int = 0
    width: int = 0
    rows: tuple[Expr, ...] = ()


def separable_parts(
    shapes: Mapping[str, tuple[int, ...]],
    starts: Mapping[str, int],
    families: Iterable[Said],
    kept: frozenset[str],
    dependence: Dependence,
) -> tuple[Separable, ...]:
    """The parts; ``shapes`` and ``starts`` of the vars in x, ``kept`` those that must stay (P has entries at them)."""
    families = tuple(families)
    able = {name for name, shape in shapes.items() if shape and prod(shape) >= LEAST_PARTS} - kept
    uses = {family: _vars_of(family, dependence) for family in families}
    for family, names in uses.items():
        able -= names - _by_position(family, names, shapes)
    parts = tuple(_part(group, shapes, starts, uses, dependence) for group in _joined(able, uses))
    return parts if able != set(shapes) else ()  # something must be left to factorise


def _vars_of(family: Said, dependence: Dependence) -> frozenset[str]:
    return frozenset().union(*(dependence.vars(expr) for expr in family.expressions))


def _by_position(family: Said, names: frozenset[str], shapes: Mapping[str, tuple[int, ...]]) -> set[str]:
    """Those of the vars of which a family says one entry for each position."""
    binders = family.binders
    if binders is None or any(b.step != 1 or b.start.value != 0 for b in binders):
        return set()
    elsewhere = {name for name, index in _uses(family.expressions) if index != binders}
    return {name for name in names - elsewhere if shapes[name] == family.lengths}


def _uses(expressions: Iterable[Expr]) -> Iterator[tuple[str, tuple[Binder, ...] | None]]:
    """Each use of a var: its name, and the binders where it is ``var[i, j]`` in just these, else None."""
    stack, seen = list(expressions), set()
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if isinstance(node, VarValue):
            yield node.name, None
        elif isinstance(node, Subscript) and isinstance(node.value, VarValue) and all(map(_is_binder, node.items)):
            yield node.value.name, _binders(node)
        else:
            stack.extend(children(node))


def _binders(node: Subscript) -> tuple[Binder, ...]:
    indices = (item.index for item in node.items if isinstance(item, At))
    return tuple(index.binder for index in indices if isinstance(index, BinderValue))


def _is_binder(item: At | Range) -> bool:
    return isinstance(item, At) and isinstance(item.index, BinderValue)


def _joined(able: set[str], uses: Mapping[Said, frozenset[str]]) -> list[frozenset[str]]:
    """The vars that separate, those together that meet in a family."""
    groups = [frozenset({name}) for name in sorted(able)]
    for names in uses.values():
        meeting = [group for group in groups if group & names]
        if len(meeting) > 1:
            groups = [group for group in groups if group not in meeting] + [frozenset().union(*meeting)]
    return groups


def _part(
    group: frozenset[str],
    shapes: Mapping[str, tuple[int, ...]],
    starts: Mapping[str, int],
    uses: Mapping[Said, frozenset[str]],
    dependence: Dependence,
) -> Separable:
    count = prod(shapes[next(iter(group))])
    holding = [(said, names) for said, names in uses.items() if group & names]
    rows = tuple((said.first, said.width) for said, _ in holding)
    links = tuple(_links(said, names - group, dependence) for said, names in holding)
    return Separable(tuple(sorted(starts[name] for name in group)), rows, count, links)


def _links(said: Said, others: frozenset[str], dependence: Dependence) -> tuple[int, ...]:
    """The rows of a position that hold one of the ``others``."""
    rows = [dependence.vars(row) for row in said.rows] or [others] * said.width
    return tuple(i for i, names in enumerate(rows) if names & others)
