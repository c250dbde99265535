"""Expressions of the syntax tree. Every node is frozen, keeps its place, and compares without it."""

from __future__ import annotations

from dataclasses import dataclass, field

from karush.dsl.source import Span


@dataclass(frozen=True, kw_only=True)
class Node:
    """Anything that was written somewhere."""

    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True)
class Expr(Node):
    """An expression."""


@dataclass(frozen=True)
class Number(Expr):
    """``2``, ``0.5``, ``1e-3``; an ``int`` where it was written without point and exponent."""

    value: int | float


@dataclass(frozen=True)
class Boolean(Expr):
    """``true`` or ``false``."""

    value: bool


@dataclass(frozen=True)
class String(Expr):
    """``"…"``: names of primitives, paths."""

    value: str


@dataclass(frozen=True)
class Name(Expr):
    """A name in use."""

    id: str


@dataclass(frozen=True)
class Unary(Expr):
    """``-x``, ``+x``, ``not c``; ``operator`` is ``-``, ``+`` or ``not``."""

    operator: str
    operand: Expr


@dataclass(frozen=True)
class Binary(Expr):
    """``left operator right`` with ``+ - * / @ ^ and or``; ``**`` is read as ``^``."""

    operator: str
    left: Expr
    right: Expr

    def __eq__(self, other: object) -> bool:
        """Equal operators and operands; a sum of a thousand terms is compared with a loop."""
        one: object = self
        while isinstance(one, Binary) and isinstance(other, Binary):
            if one.operator != other.operator or one.right != other.right:
                return False
            one, other = one.left, other.left
        return one == other if not isinstance(one, Binary) else isinstance(other, Binary)

    def __hash__(self) -> int:
        return hash((self.operator, self.right))


@dataclass(frozen=True)
class Compare(Expr):
    """A chain ``e0 op0 e1 op1 e2``; the operators are among ``== != <= >= < >``."""

    operands: tuple[Expr, ...]
    operators: tuple[str, ...]


@dataclass(frozen=True)
class Membership(Expr):
    """``value in set``; ``set`` is an arithmetic expression: a name, a call, a set comprehension."""

    value: Expr
    set: Expr


@dataclass(frozen=True)
class Perp(Expr):
    """``left perp right``: complementarity of two comparisons (or of two expressions)."""

    left: Expr
    right: Expr


@dataclass(frozen=True)
class IfElse(Expr):
    """``if condition then then else orelse``."""

    condition: Expr
    then: Expr
    orelse: Expr


@dataclass(frozen=True)
class Attribute(Expr):
    """``value.name``; ``e.T`` is the transpose."""

    value: Expr
    name: str


@dataclass(frozen=True)
class Slice(Node):
    """``lower:upper`` within brackets; an absent end is None."""

    lower: Expr | None
    upper: Expr | None


@dataclass(frozen=True)
class Index(Expr):
    """``value[i, 0:T, src]``."""

    value: Expr
    indices: tuple[Expr | Slice, ...]


@dataclass(frozen=True)
class Argument(Node):
    """``value`` or ``name = value`` in a call."""

    name: str | None
    value: Expr


@dataclass(frozen=True)
class Binder(Node):
    """One binder of a clause: ``i in n`` (``sizes`` None), or ``y[n] in S`` and ``z[h]`` of an inline problem.

    ``domain`` is the index set or the set; None where an inline problem names none.
    """

    name: str
    sizes: tuple[Expr, ...] | None
    domain: Expr | None


@dataclass(frozen=True)
class Clause(Node):
    """``for i in n, j in m if condition``."""

    binders: tuple[Binder, ...]
    condition: Expr | None


@dataclass(frozen=True)
class Call(Expr):
    """``function(arguments)`` or ``function(argument for …)``; ``clause`` is None without a ``for``."""

    function: Expr
    arguments: tuple[Argument, ...]
    clause: Clause | None = None


@dataclass(frozen=True)
class Array(Expr):
    """``[a, b, c]``."""

    items: tuple[Expr, ...]


@dataclass(frozen=True)
class Comprehension(Expr):
    """``[body for i in n, j in m if c]``."""

    body: Expr
    clause: Clause
