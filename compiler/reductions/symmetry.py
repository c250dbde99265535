"""Which matrices are known to be their own transposes: what is known of their parts, sums, and blocks.

    -(A.T @ P + P @ A + Q)           the terms mirror each other where P and Q are symmetric
    [[t I, X], [Xᵀ, t I]]            the blocks do, as the graph forms of the library write them

Where a matrix is symmetric without being known to be, it costs rows that say 0 = 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from karush.compiler.facts.fact import Fact
from karush.compiler.facts.same import Sameness
from karush.compiler.model import Apply, Expr, Model, Named, Param, ParamValue, Reduce, Var, VarValue
from karush.stdlib.shape import Size

SYMMETRIC_SETS = frozenset({"sym", "psd", "pd"})

Grid = tuple[tuple[Expr, ...], ...]


@dataclass(frozen=True)
class Term:
    """± scale · product of the factors; ``scale`` are the keys of its numbers, in order."""

    sign: int
    scale: tuple[int, ...]
    factors: tuple[Expr, ...]


class Symmetry:
    """Answers for one model; ``facts`` may lack nodes that a reduction made."""

    def __init__(self, model: Model, facts: Mapping[Expr, Fact]) -> None:
        declared: dict[str, Param | Var] = {**model.params, **model.vars}
        self._symmetric = frozenset(n for n, item in declared.items() if item.set and item.set.name in SYMMETRIC_SETS)
        self._facts = facts
        self._same = Sameness(self._is_known)

    def holds(self, matrix: Expr) -> bool:
        """Is a matrix known to be its own transpose?"""
        return len(matrix.shape) == 2 and self._mirrors(matrix, matrix)

    def _is_known(self, expr: Expr) -> bool:
        if isinstance(expr, ParamValue | VarValue) and expr.name in self._symmetric:
            return True
        fact = self._facts.get(expr)
        return fact is not None and fact.spectrum is not None

    def _mirrors(self, a: Expr, b: Expr) -> bool:
        """Is ``a`` the transpose of ``b``?"""
        a, b = unnamed(a), unnamed(b)
        if len(a.shape) != 2 or a.shape != b.shape[::-1]:
            return False
        if self._same.transposes(a, b) or self._mirror_by_form(a, b):
            return True
        blocks = self._mirror_by_blocks(grid(a), grid(b))
        return self._mirror_by_terms(a, b) if blocks is None else blocks

    def _mirror_by_form(self, a: Expr, b: Expr) -> bool:
        match a, b:
            case Apply(atom="diag", arguments=(left,)), Apply(atom="diag", arguments=(right,)):
                return self._same.same(left, right)
            case Apply(atom="eye" | "zeros" | "ones" as one), Apply(atom=other):
                return one == other
            case Apply(atom="transpose", arguments=(left,)), Apply(atom="transpose", arguments=(right,)):
                return self._mirrors(left, right)
            case Reduce(), Reduce() if a is b and a.operator in ("sum", "mean"):
                return self._mirrors(a.body, a.body)
            case Apply(atom="multiply", arguments=(p, q)), Apply(atom="multiply", arguments=(r, s)):
                return bool(p.shape and q.shape) and self._mirrors(p, r) and self._mirrors(q, s)
            case _:
                return False

    def _mirror_by_blocks(self, a: Grid, b: Grid) -> bool | None:
        """The answer for matrices of blocks; None where they are not cut alike, or not cut at all."""
        if len(a) == len(a[0]) == 1 or len(a) != len(b[0]) or len(a[0]) != len(b):
            return None
        return all(self._mirrors(block, b[j][i]) for i, row in enumerate(a) for j, block in enumerate(row))

    def _mirror_by_terms(self, a: Expr, b: Expr) -> bool:
        ours, theirs = list(self._terms(a)), list(self._terms(b))
        if len(ours) != len(theirs) or (len(ours) == 1 and ours[0].factors == (a,) and theirs[0].factors == (b,)):
            return False
        for term in ours:
            fit = next((other for other in theirs if self._terms_mirror(term, other)), None)
            if fit is None:
                return False
            theirs.remove(fit)
        return True

    def _terms_mirror(self, a: Term, b: Term) -> bool:
        if (a.sign, a.scale, len(a.factors)) != (b.sign, b.scale, len(b.factors)):
            return False
        return all(self._mirrors(p, q) for p, q in zip(a.factors, reversed(b.factors), strict=True))

    def _terms(self, expr: Expr) -> Iterator[Term]:
        """The summands of a matrix, each taken apart into its sign, its numbers and its factors."""
        pending: list[tuple[int, Expr]] = [(1, expr)]
        while pending:
            sign, matrix = pending.pop()
            match unnamed(matrix):
                case Apply(atom="add" | "subtract" as atom, arguments=(left, right)) if left.shape and right.shape:
                    pending += [(-sign if atom == "subtract" else sign, right), (sign, left)]
                case Apply(atom="negate", arguments=(inner,)):
                    pending.append((-sign, inner))
                case other:
                    yield self._term(sign, other)

    def _term(self, sign: int, matrix: Expr) -> Term:
        scale: list[int] = []
        factors: list[Expr] = []
        pending = [matrix]
        while pending:
            part = unnamed(pending.pop())
            match part:
                case Apply(atom="matmul", arguments=(left, right)) if len(left.shape) == len(right.shape) == 2:
                    pending += [right, left]
                case Apply(atom="negate", arguments=(inner,)):
                    sign = -sign
                    pending.append(inner)
                case Apply(atom="multiply", arguments=(left, right)) if not (left.shape and right.shape):
                    inner, factor = (left, right) if left.shape else (right, left)
                    scale.append(self._same.key(factor))
                    pending.append(inner)
                case Apply(atom="divide", arguments=(left, right)) if not right.shape:
                    scale.append(-self._same.key(right) - 1)
                    pending.append(left)
                case _:
                    factors.append(part)
        return Term(sign, tuple(sorted(scale)), tuple(factors))


def unnamed(expr: Expr) -> Expr:
    """What a let stands for."""
    while isinstance(expr, Named):
        expr = expr.value
    return expr


def grid(expr: Expr) -> Grid:
    """The blocks of a matrix that ``concat`` puts together, by rows; a single one where it is no such matrix."""
    expr = unnamed(expr)
    match expr:
        case Apply(atom="transpose", arguments=(inner,)) if len(inner.shape) == 2:
            below = grid(inner)
            return tuple(tuple(turned(row[j]) for row in below) for j in range(len(below[0])))
        case Apply(atom="concat", arguments=parts):
            rows = [row for part in parts for row in grid(part)]
            return tuple(rows) if len({len(row) for row in rows}) == 1 else ((expr,),)
        case Apply(atom="stack", arguments=(vector,)):
            pieces = unnamed(vector)
            if isinstance(pieces, Apply) and pieces.atom == "concat":
                return (tuple(row_of(piece) for piece in pieces.arguments),)
        case _:
            pass
    return ((expr,),)


def turned(matrix: Expr) -> Expr:
    """The transpose."""
    if isinstance(matrix, Apply) and matrix.atom == "transpose":
        return matrix.arguments[0]
    return Apply("transpose", (matrix,), shape=matrix.shape[::-1], span=matrix.span)


def row_of(vector: Expr) -> Expr:
    """A vector as a matrix of one row."""
    return Apply("stack", (vector,), shape=(Size.constant(1), *vector.shape), span=vector.span)
