"""Where the conditions of a program come from: statement, side, and position in its clause.

Conditions are numbered as in solvers/conflicts/conditions.py: equations, lower sides, upper sides, lower bounds, upper
bounds.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.families import Bound, Family
from karush.compiler.lowering.standardise import Template


@dataclass(frozen=True)
class Place:
    """One condition: a family or the bounds of a var, which side, and the position as indices from 0.

    ``side`` is ``lower`` or ``upper``, None for an equation. ``is_written`` is False for what a reduction brought in:
    the rows and vars of graph forms.
    """

    item: Family | Bound
    side: str | None
    index: tuple[int, ...]
    is_written: bool

    @property
    def has_both_sides(self) -> bool:
        """Whether the statement has the other side, too."""
        return self.item.lower is not None and self.item.upper is not None


@dataclass(frozen=True)
class _Block:
    """Conditions that follow each other."""

    item: Family | Bound | None
    side: str | None
    shape: tuple[int, ...]
    is_written: bool

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
                return Place(block.item, block.side, index, block.is_written)
            at += block.length
        raise IndexError(condition)

    def brought_in(self) -> np.ndarray:
        """Which conditions do not stand in the file: those of graph forms, and of vars without bounds, (K,)."""
        return np.concatenate([np.full(block.length, not block.is_written) for block in self._blocks()])

    def _blocks(self) -> Iterator[_Block]:
        form = self.compiled.form
        assert form is not None
        written = set(form.families[: len(self.compiled.families)])
        yield from _of_families(form, form.equalities, None, written)
        for side in ("lower", "upper"):
            yield from _of_families(form, form.inequalities, side, written)
        bounds = {bound.var.name: bound for bound in form.bounds}
        for side in ("lower", "upper"):
            for name, shape in form.layout.shapes.items():
                yield _Block(bounds.get(name), side, tuple(shape), name in self.compiled.model.vars and name in bounds)


def _of_families(
    form: Template, families: Sequence[Family], side: str | None, written: set[Family]
) -> Iterator[_Block]:
    for family in families:
        yield _Block(family, side, tuple(form.shape(family.shape)), family in written)
