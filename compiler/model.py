"""The typed model: names resolved, every expression with a shape and a kind, sugar gone.

Expressions are compared by identity, so that facts and values can be kept in side tables keyed by node, and a ``let``
that is used twice is one node with two parents: the tree is a directed acyclic graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeVar

from karush.dsl.source import Source, Span
from karush.stdlib.shape import Shape, Size


class Kind(Enum):
    """What the entries of an expression are."""

    REAL = "real"
    INTEGER = "integer"
    BOOLEAN = "boolean"


Node = TypeVar("Node", bound="Expr")


@dataclass(frozen=True, eq=False)
class Expr:
    """An expression: leaves, ``Apply(atom, arguments)``, indexing, and what a ``for`` clause makes."""

    shape: Shape = field(kw_only=True)
    kind: Kind = field(kw_only=True, default=Kind.REAL)
    span: Span = field(kw_only=True, repr=False)


def at(expr: Node, span: Span) -> Node:
    """The same node written at another place; ``replace`` without its checks, for every name of a file."""
    other = object.__new__(type(expr))
    other.__dict__.update(expr.__dict__, span=span)
    return other


# ---------------------------------------------------------------- leaves


@dataclass(frozen=True, eq=False)
class Constant(Expr):
    """A scalar number or truth value that stands in the file."""

    value: float | int | bool


@dataclass(frozen=True, eq=False)
class SizeValue(Expr):
    """A size used as a number (``sum(x) / m``, ``t < T - 1``): an integer scalar known once dims are."""

    size: Size


@dataclass(frozen=True, eq=False)
class Binder:
    """A binder of a clause: it runs through ``start + step * k`` for k = 0 … length - 1."""

    name: str
    length: Size
    start: Size = field(default=Size.constant(0))
    step: int = 1
    dim: str | None = None  # the dim it runs over, for labels and messages; None for a range
    span: Span | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False)
class BinderValue(Expr):
    """The index that a binder has: an integer scalar."""

    binder: Binder


@dataclass(frozen=True, eq=False)
class ParamValue(Expr):
    """A param in use."""

    name: str


@dataclass(frozen=True, eq=False)
class VarValue(Expr):
    """A var in use."""

    name: str


@dataclass(frozen=True, eq=False)
class Named(Expr):
    """A ``let`` in use; ``value`` is the shared node of its right-hand side."""

    name: str
    value: Expr


@dataclass(frozen=True, eq=False)
class DualValue(Expr):
    """``dual(label)``, with ``side`` None, ``lower`` or ``upper``: known after the solve."""

    label: str
    side: str | None


# ---------------------------------------------------------------- applications


@dataclass(frozen=True, eq=False)
class Apply(Expr):
    """``atom(arguments)``. Operators are atoms too:

    elementwise (a scalar argument broadcasts): ``add subtract multiply divide power negate``,
    ``equal not_equal less less_equal greater greater_equal and or not``, ``if`` (condition, then, else),
    ``maximum minimum`` (two and more arguments; one argument reduces as ``max min``);
    structure: ``matmul transpose concat stack zeros ones eye diag reshape``. ``zeros ones eye`` have no arguments,
    their shape says all; ``stack`` makes a new first axis (also ``[a, b, c]``).
    """

    atom: str
    arguments: tuple[Expr, ...]


@dataclass(frozen=True, eq=False)
class At:
    """One index within brackets: an integer expression (a scalar drops the axis; an array gathers along it)."""

    index: Expr


@dataclass(frozen=True, eq=False)
class Range:
    """``start:stop`` within brackets, negative ends already resolved against the axis."""

    start: Size
    stop: Size


@dataclass(frozen=True, eq=False)
class Subscript(Expr):
    """``value[items]``, one item for every axis (absent trailing axes are filled with whole ranges).

    At most one item is an At with an array index (a gather).
    """

    value: Expr
    items: tuple[At | Range, ...]


@dataclass(frozen=True, eq=False)
class Comprehension(Expr):
    """``[body for binders]``: shape = lengths of the binders, then the shape of the body."""

    binders: tuple[Binder, ...]
    body: Expr


@dataclass(frozen=True, eq=False)
class Reduce(Expr):
    """``operator(body for binders if condition)``: over the binders only; operator is one of
    ``sum mean prod max min logsumexp``. Shape: that of the body.
    """

    operator: str
    binders: tuple[Binder, ...]
    condition: Expr | None
    body: Expr


# ---------------------------------------------------------------- what later stages solve


@dataclass(frozen=True, eq=False)
class ModelField(Expr):
    """``call.field`` of an inner model's solution record, e.g. ``.W``, ``.objective``, ``.dual.margin``."""

    call: ModelCall
    path: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ModelCall:
    """``inner(X = X, lam = l)``: sizes of the inner model bound by this call."""

    model: Model
    arguments: Mapping[str, Expr]
    sizes: Mapping[str, Size]
    span: Span


@dataclass(frozen=True, eq=False)
class InlineProblem(Expr):
    """``argmin(e for y[n] in S)``, ``minimum``, ``fixpoint``, ``root``; ``operator`` is that word.

    ``body`` is what stands in the file. ``call`` is the same as the call of a closed model, of which this is a field.
    """

    operator: str
    unknown: Var
    body: Expr
    call: ModelCall

    @property
    def path(self) -> tuple[str, ...]:
        """The field of the call's solution."""
        return ("objective",) if self.operator == "minimum" else (self.unknown.name,)


@dataclass(frozen=True, eq=False)
class DerivativeOf(Expr):
    """``grad(e, x)``, ``jacobian``, ``hessian``, ``jvp(e, x, v)``, ``vjp(e, x, v)``; ``operator`` is that word."""

    operator: str
    value: Expr
    wrt: Expr
    direction: Expr | None


# ---------------------------------------------------------------- declarations


@dataclass(frozen=True, eq=False)
class SetUse:
    """A set with its arguments: ``box(0, 1)``, ``nonneg``, ``index(k)`` (then ``size`` is k).

    For a param in a set that the file declares, ``rows`` are its condition about the param. ``interior``: on an unknown
    it is written without its boundary (`pos`), and taken with it (``nonneg``).
    """

    name: str
    arguments: tuple[Expr, ...]
    span: Span
    size: Size | None = None
    rows: tuple[Constraint, ...] = ()
    interior: bool = False


@dataclass(frozen=True, eq=False)
class Dim:
    """A size. ``default`` is a size in dims declared before it, or None."""

    name: str
    default: Size | None
    span: Span
    doc: str | None = None


@dataclass(frozen=True, eq=False)
class Param:
    """An input. ``kind`` is INTEGER for ``in index(d)`` and ``in int``, BOOLEAN for ``in bool``."""

    name: str
    shape: Shape
    kind: Kind
    set: SetUse | None
    default: Expr | None
    span: Span
    doc: str | None = None


@dataclass(frozen=True, eq=False)
class Var:
    """An unknown; ``start`` is where a local solver begins."""

    name: str
    shape: Shape
    set: SetUse | None
    start: Expr | None
    span: Span
    doc: str | None = None


@dataclass(frozen=True, eq=False)
class Objective:
    """``sense`` is ``minimize`` or ``maximize``; the value is scalar."""

    sense: str
    label: str | None
    value: Expr
    span: Span


@dataclass(frozen=True, eq=False)
class Relation:
    """A chain ``e0 op0 e1 [op1 e2]`` with ``== <= >=``: elementwise, over the binders, where the condition holds."""

    label: str | None
    binders: tuple[Binder, ...]
    condition: Expr | None
    operands: tuple[Expr, ...]
    operators: tuple[str, ...]
    span: Span


@dataclass(frozen=True, eq=False)
class InSet:
    """``value in set`` over the binders, where the condition holds."""

    label: str | None
    binders: tuple[Binder, ...]
    condition: Expr | None
    value: Expr
    set: SetUse
    span: Span


@dataclass(frozen=True, eq=False)
class Complementarity:
    """``left perp right``; each side a Relation without label and binders."""

    label: str | None
    binders: tuple[Binder, ...]
    condition: Expr | None
    left: Relation
    right: Relation
    span: Span


Constraint = Relation | InSet | Complementarity


@dataclass(frozen=True, eq=False)
class Choice:
    """``using NAME(options)`` or ``derivative NAME(options)``; option values are plain Python values."""

    name: str
    options: Mapping[str, float | int | bool | str]
    span: Span


@dataclass(frozen=True, eq=False)
class SizeCondition:
    """``size`` must be at least ``least``: what a literal index such as ``u[10, 0]`` asks of the data."""

    size: Size
    least: int
    span: Span


@dataclass(frozen=True, eq=False)
class SaddleObjective:
    """``minimize value over minimized maximize over maximized``: names of vars."""

    label: str | None
    value: Expr
    minimized: tuple[str, ...]
    maximized: tuple[str, ...]
    span: Span


@dataclass(frozen=True, eq=False)
class Model:
    """A problem, or (without objective, saddle and find) a plain function whose outputs are its lets.

    ``lets`` are the top-level lets in the order of the file. Mappings keep the order of declaration.
    ``unavailable`` lists features that are typed here but cannot be solved yet: (what, where). ``models`` are the inner
    models that are declared in it, called or not.
    """

    name: str
    source: Source
    doc: str | None
    dims: Mapping[str, Dim]
    params: Mapping[str, Param]
    vars: Mapping[str, Var]
    lets: Mapping[str, Expr]
    objective: Objective | None
    saddle: SaddleObjective | None
    find: tuple[str, ...] | None
    constraints: tuple[Constraint, ...]
    using: Choice | None
    derivative: Choice | None
    conditions: tuple[SizeCondition, ...] = ()
    rules: Mapping[str, float | str] = field(default_factory=dict)
    unavailable: tuple[tuple[str, Span], ...] = ()
    models: tuple[Model, ...] = ()
