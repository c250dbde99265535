"""The record of what is known of an expression, and the table of these records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from karush.compiler.dependence import children
from karush.compiler.model import BinderValue, Expr, Kind, Model, Named, Param, SetUse, Var
from karush.stdlib.lattice import FREE, Curvature, Dependence, Interval, Smoothness


@dataclass(frozen=True)
class Reduced:
    """What is left of an expression when every function with a graph form has been replaced by a new unknown.

    ``degree`` is its degree in the old and new unknowns (0, 1, 2); ``classes`` are the classes of problem that the rows
    of the graphs belong to, beyond linear ones: ``SOCP EXP SDP``, or ``NLP`` where there is no graph form.
    """

    degree: int = 0
    classes: frozenset[str] = frozenset()

    def join(self, *others: Reduced) -> Reduced:
        """Of a sum."""
        degree, classes = self.degree, self.classes
        for other in others:
            degree, classes = max(degree, other.degree), classes | other.classes
        return Reduced(degree, classes)

    def bounded(self) -> Reduced:
        """Of a new unknown that bounds the expression: a quadratic row is a second-order cone."""
        return Reduced(1, self.classes | {"SOCP"}) if self.degree > 1 else self


NOT_REDUCIBLE = Reduced(1, frozenset({"NLP"}))


@dataclass(frozen=True)
class Fact:
    """What holds of every entry of an expression for all admissible params and unknowns.

    ``curvature`` is that in the vars. ``degree`` is the degree of the polynomial in the vars that the expression is
    as written: 0, 1, 2, or None. ``spectrum`` holds the eigenvalues of a matrix known to be symmetric (last two axes);
    None where symmetry is not known. ``reason`` says why curvature or sign are as they are, where this node decides it.
    """

    interval: Interval = FREE
    curvature: Curvature = Curvature.CONSTANT
    degree: int | None = 0
    reduced: Reduced = field(default_factory=Reduced)
    smoothness: Smoothness = Smoothness.SMOOTH
    dependence: Dependence = field(default_factory=Dependence)
    spectrum: Interval | None = None
    reason: str | None = None

    @property
    def is_constant(self) -> bool:
        """No unknown occurs."""
        return self.curvature is Curvature.CONSTANT

    @property
    def is_affine(self) -> bool:
        """Affine in the unknowns as written."""
        return self.curvature.is_affine


@dataclass(frozen=True)
class Rough:
    """A place where an expression is less smooth than its parts.

    ``what`` is the function, ``where`` its place, ``rule`` the element of the conservative derivative that is taken
    there, ``surrogate`` what to write instead. ``is_certain``: it is not only that nothing better could be proved.
    """

    smoothness: Smoothness
    what: str
    where: str
    surrogate: str
    rule: str | None = None
    is_certain: bool = True


class Meeting(Enum):
    """How the branches of a choice meet where it switches."""

    SMOOTHLY = "value and gradient agree"
    CONTINUOUSLY = "the values agree"
    UNPROVED = "not proved to agree"
    APART = "they differ"


@dataclass(frozen=True)
class Seam:
    """How the branches meet; ``limits`` are their values at the switch, as text, where these are shown to differ."""

    meeting: Meeting
    limits: tuple[str, str] | None = None


@dataclass(frozen=True, eq=False)
class Facts(Mapping[Expr, Fact]):
    """Side table: the fact of every expression of a model. Sets of params justify signs; hence the model.

    ``equivalents`` maps an expression to the other way of writing it that its curvature was read from, ``smoother`` to
    the one that its smoothness was read from. ``rough`` says of the expressions that are less smooth than their parts
    where, ``unreached`` which of them the branches of a choice (then, else) never meet. ``seams`` are the choices that
    move.
    """

    model: Model
    table: dict[Expr, Fact]
    equivalents: dict[Expr, Expr] = field(default_factory=dict)
    smoother: dict[Expr, Expr] = field(default_factory=dict)
    rough: dict[Expr, Rough] = field(default_factory=dict)
    unreached: dict[Expr, tuple[frozenset[Expr], frozenset[Expr]]] = field(default_factory=dict)
    seams: dict[Expr, Seam] = field(default_factory=dict)

    def __getitem__(self, expr: Expr) -> Fact:
        return self.table[expr]

    def __iter__(self):
        return iter(self.table)

    def __len__(self) -> int:
        return len(self.table)

    def moves(self, dependence: Dependence) -> bool:
        """Does what depends on these names move: on an unknown, or on a param that is a real number?"""
        params = self.model.params
        return bool(dependence.vars) or any(n in params and params[n].kind is Kind.REAL for n in dependence.params)

    def because(self, dependence: Dependence) -> str:
        """``, for gamma in pos (line 4)``: the sets of the params and vars that occur."""
        params, vars = self.model.params, self.model.vars
        declared: list[Param | Var] = [params[name] for name in dependence.params if name in params]
        declared += [vars[name] for name in dependence.vars if name in vars]
        said = [
            f"{item.name} in {show_set(item.set)} (line {item.span.line})"
            for item in sorted(declared, key=lambda item: (isinstance(item, Var), item.span.start))
            if item.set is not None and item.set.name != "free"
        ]
        return f", for {', '.join(said)}" if said else ""

    def explain(self, expr: Expr, wanted: Curvature | None = None, limit: int = 4) -> tuple[str, ...]:
        """Why the curvature of an expression is as it is.

        Of an unknown one, or where it should be affine (``wanted``), the innermost causes; else every step.
        """
        unknown = self[expr].curvature is Curvature.UNKNOWN and wanted is not Curvature.AFFINE
        causes = unknown or wanted is Curvature.AFFINE
        found: list[str] = []
        stack: list[tuple[Expr, bool]] = [(expr, False)]
        seen: set[Expr] = set()
        while stack and len(found) < limit:
            node, ready = stack.pop()
            reason = self[node].reason
            if ready:
                found += [reason] if reason is not None and reason not in found else []
            elif node not in seen:
                seen.add(node)
                below = [c for c in children(node) if c in self.table and not self._settled(c, unknown)]
                stack += [] if causes and below else [(node, True)]
                stack += [(child, False) for child in below]
        return tuple(found)

    def _settled(self, part: Expr, unknown: bool) -> bool:
        """Has this part nothing to say about the curvature of the whole?"""
        curvature = self[part].curvature
        return curvature is not Curvature.UNKNOWN if unknown else curvature.is_affine


def text_of(expr: Expr) -> str:
    """The user's own text of an expression, on one line."""
    if isinstance(expr, BinderValue):
        return expr.binder.name
    if isinstance(expr, Named):
        return expr.name
    text = " ".join(expr.span.text.split())
    return text if len(text) <= 60 else text[:57] + "..."


def show_set(use: SetUse) -> str:
    """A set as the user wrote it."""
    return " ".join(use.span.text.split()) or use.name
