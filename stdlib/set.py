"""What is declared of a set."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from karush.stdlib.lattice import Interval


@dataclass(frozen=True, eq=False)
class SetFacts:
    """A set of the library.

    ``params`` are the names of its arguments. ``interval`` is given where membership is elementwise membership in an
    interval that does not depend on the arguments (``box(a, b)`` has none: its arguments say it); ``enclosure`` is an
    interval that holds every entry of every element (``simplex``: [0, 1]). ``matrix`` marks sets of square matrices.
    ``rows`` says that a constraint ``e in S`` is linear equations and inequalities; ``cone`` names the cone that it is
    otherwise. ``available`` says whether a var or an expression can be constrained to it now.
    """

    name: str
    params: tuple[str, ...] = ()
    interval: Interval | None = None
    enclosure: Interval = field(default_factory=Interval)
    matrix: bool = False
    symmetric: bool = False
    positive_semidefinite: bool = False
    positive_definite: bool = False
    integer: bool = False
    convex: bool = True
    rows: bool = True
    cone: str | None = None
    available: bool = True
    doc: str | None = None
    declaration: Any = field(default=None, repr=False)
