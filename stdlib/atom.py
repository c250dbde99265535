"""What is declared of an atom: a function with convex structure.

Syntax trees are held as opaque objects: the vocabulary does not know the language it is written in.

A header's set on an argument that a curvature clause names is the domain of the function (``log`` on ``pos``): outside
it the function is +infinity where it is convex, -infinity where it is concave. On any other argument it is a condition:
the clauses hold where the argument is known to lie in it (``delta in pos`` of huber, ``P in psd`` of quad).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from karush.stdlib.lattice import FREE, Curvature, Interval, Monotonicity


@dataclass(frozen=True)
class AtomParam:
    """One argument. ``sizes`` is None where it is written without brackets: then the atom is elementwise in it,
    unless its primitive has a shape rule of its own (reductions and structure, which take any rank).

    ``set_name`` is the set of the header (None: any real), ``interval`` that set elementwise.
    """

    name: str
    sizes: tuple[str, ...] | None = None
    set_name: str | None = None
    interval: Interval = FREE
    default: float | None = None


@dataclass(frozen=True)
class MonotonicityClause:
    """``nondecreasing in name [for name in interval]``."""

    name: str
    monotonicity: Monotonicity
    interval: Interval | None = None


@dataclass(frozen=True, eq=False)
class Atom:
    """The declaration of one atom. Exactly one of ``value`` (an expression) and ``primitive`` (a name) is given.

    ``graph`` are the statements of a nameless inner model whose optimal value is the atom; ``rules`` maps an argument
    to the partial derivative in it; ``prox`` is (name of the step, expression or name), see ``proximal``. A curvature
    clause holds jointly in its names, all other arguments constant: ``convex in x, y`` says more than ``convex in x``
    and ``convex in y``.
    """

    name: str
    params: tuple[AtomParam, ...]
    primitive: str | None
    value: Any
    range: Interval = FREE
    range_set: str | None = None
    curvature: tuple[tuple[tuple[str, ...], Curvature], ...] = ()
    monotonicity: tuple[MonotonicityClause, ...] = ()
    rules: Mapping[str, Any] = field(default_factory=dict)
    graph: tuple[Any, ...] | None = None
    prox: tuple[str, Any] | None = None
    doc: str | None = None
    declaration: Any = field(default=None, repr=False)

    def param(self, name: str) -> AtomParam:
        """The argument of this name."""
        return next(p for p in self.params if p.name == name)

    def curvature_in(self, names: frozenset[str]) -> Curvature:
        """The declared joint curvature in these arguments, all others constant; UNKNOWN where none is declared."""
        if not names:
            return Curvature.CONSTANT
        return next((c for clause, c in self.curvature if names <= set(clause)), Curvature.UNKNOWN)

    def monotonicity_in(self, name: str, values: Interval) -> Monotonicity:
        """How the atom moves with an argument whose values lie in ``values``."""
        for clause in self.monotonicity:
            if clause.name == name and (clause.interval is None or values.within(clause.interval)):
                return clause.monotonicity
        return Monotonicity.UNKNOWN

    @property
    def proximal(self) -> str | None:
        """The argument in which ``prox`` is the proximal map: the first that a curvature clause names."""
        return self.curvature[0][0][0] if self.curvature and self.prox is not None else None

    @property
    def required(self) -> int:
        """How many arguments have no default."""
        return sum(p.default is None for p in self.params)
