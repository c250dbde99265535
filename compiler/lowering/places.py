"""Where the conditions of a program come from: statement, side, and position in its clause.

Conditions are numbered as in solvers/conflicts/conditions.py: equations, lower sides, upper sides, lower bounds, upper
bounds. Behind the rows stand the gaps of cones (solvers/conflicts/gaps.py), whose upper side is the stated cone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.cone_families import ConeFamily, QuadraticFamily
from karush.compiler.lowering.families import Bound, Family
from karush.compiler.lowering.standardise import Template


@dataclass(frozen=True)
class Place:
    """One condition: a family or the bounds of a var, which side, and the position as indices from 0.

    ``side`` is ``lower`` or ``upper``, None for an equation and for a cone. ``is_written`` is False for what a
    reduction brought in: the rows and vars of graph forms. ``is_measured``: it is relaxed in the units of its
    statement; a row that is quadratic in the vars is not.
    """

    item: Family | Bound | ConeFamily
    side: str | None
    index: tuple[int, ...]
    is_written: bool
    is_measured: bool = True

    @property
    def has_both_sides(self) -> bool:
        """Whether the statement has the other side, too."""
        if isinstance(self.item, ConeFamily):
            return False
        return self.item.lower is not None and self.item.upper is not None


@dataclass(frozen=True)
class _Block:
    """Conditions that follow each other."""

    item: Family | Bound | ConeFamily | None
    side: str | None
    shape: tuple[int, ...]
    is_written: bool
    is_measured: bool = True

    @property
    def length(self) -> int:
        return int(np.prod(self.shape, dtype=int))


@dataclass(frozen=True, eq=False)
class Places:
    """The places of all conditions of a compiled model."""

    compiled: Compiled

    def __getitem__(self, condition: int) -> Place:
        at = 0
        for block in self._blocks():
            if condition < at + block.length and block.item is not None:
                index = tuple(map(int, np.unravel_index(condition - at, block.shape))) if block.shape else ()
                return Place(block.item, block.side, index, block.is_written, block.is_measured)
            at += block.length
        raise IndexError(condition)

    def brought_in(self) -> np.ndarray:
        """Which conditions do not stand in the file: those of graph forms, and of vars without bounds, (K,)."""
        return np.concatenate([np.full(block.length, not block.is_written) for block in self._blocks()])

    def measured(self) -> np.ndarray:
        """Which conditions are relaxed in the units of their statement, (K,)."""
        return np.concatenate([np.full(block.length, block.is_measured) for block in self._blocks()])

    def _blocks(self) -> Iterator[_Block]:
        form = self.compiled.form
        assert form is not None
        written = set(form.families[: len(self.compiled.families)])
        yield from _of_families(form, form.equalities, None, written)
        yield from (_Block(family, None, (form.skew_rows(family),), False) for family in form.skew)
        for side in ("lower", "upper"):
            yield from _of_families(form, form.inequalities, side, written)
            yield from self._gaps(form, side)
        bounds = {bound.var.name: bound for bound in form.bounds}
        for side in ("lower", "upper"):
            for name, shape in form.layout.shapes.items():
                yield _Block(bounds.get(name), side, tuple(shape), name in self.compiled.model.vars and name in bounds)
            yield _Block(None, side, (sum(sum(stack.counts) for stack in form.stacks),), False)

    def _gaps(self, form: Template, side: str) -> Iterator[_Block]:
        """The gaps of all cones, of which the upper sides are there; those of quadratic rows as the rows themselves."""
        written = {*form.cones[: len(self.compiled.cones)], *form.quadratics_of(len(self.compiled.families))}
        for stack in form.stacks:
            for family, count in zip(stack.families, stack.counts, strict=True):
                shape = tuple(form.shape(family.axes))
                assert int(np.prod(shape, dtype=int)) == count
                if isinstance(family, QuadraticFamily):
                    own = "lower" if family.rows.upper is None else "upper"
                    yield _Block(family.rows, own, shape, side == "upper" and family in written, is_measured=False)
                else:
                    yield _Block(family, None, shape, side == "upper" and family in written)


def _of_families(
    form: Template, families: Sequence[Family], side: str | None, written: set[Family]
) -> Iterator[_Block]:
    for family in families:
        yield _Block(family, side, tuple(form.shape(family.shape)), family in written)
