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
    """± scale · matrix; ``scale`` are the keys of its numbers, in order."""

    sign: int
    scale: tuple[int, ...]
    matrix: Expr


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
            case Apply(atom="matmul"), Apply(atom="matmul"):
                ours, theirs = chain(a), chain(b)
                pairs = zip(ours, reversed(theirs), strict=False)
                return len(ours) == len(theirs) > 1 and all(self._mirrors(p, q) for p, q in pairs)
            case _:
                return False

    def _mirror_by_blocks(self, a: Grid, b: Grid) -> bool | None:
        """The answer for matrices of blocks; None where they are not cut alike, or not cut at all."""
        if len(a) == len(a[0]) == 1 or len(a) != len(b[0]) or len(a[0]) != len(b):
            return None
        return all(self._mirrors(block, b[j][i]) for i, row in enumerate(a) for j, block in enumerate(row))

    def _mirror_by_terms(self, a: Expr, b: Expr) -> bool:
        ours, theirs = list(self._terms(a)), list(self._terms(b))
        if len(ours) != len(theirs) or (len(ours) == 1 and ours[0].matrix is a and theirs[0].matrix is b):
            return False
        for term in ours:
            fit = next((other for other in theirs if self._terms_mirror(term, other)), None)
            if fit is None:
                return False
            theirs.remove(fit)
        return True

    def _terms_mirror(self, a: Term, b: Term) -> bool:
        return (a.sign, a.scale) == (b.sign, b.scale) and self._mirrors(a.matrix, b.matrix)

    def _terms(self, expr: Expr) -> Iterator[Term]:
        pending = [Term(1, (), expr)]
        while pending:
            term = pending.pop()
            matrix = unnamed(term.matrix)
            match matrix:
                case Apply(atom="add" | "subtract", arguments=(left, right)) if left.shape and right.shape:
                    turned = -term.sign if matrix.atom == "subtract" else term.sign
                    pending += [Term(turned, term.scale, right), Term(term.sign, term.scale, left)]
                case Apply(atom="negate", arguments=(inner,)):
                    pending.append(Term(-term.sign, term.scale, inner))
                case Apply(atom="multiply", arguments=(left, right)) if not (left.shape and right.shape):
                    inner, factor = (left, right) if left.shape else (right, left)
                    pending.append(Term(term.sign, self._scaled(term, "multiply", factor), inner))
                case Apply(atom="divide", arguments=(left, right)) if not right.shape:
                    pending.append(Term(term.sign, self._scaled(term, "divide", right), left))
                case _:
                    yield Term(term.sign, term.scale, matrix)

    def _scaled(self, term: Term, operation: str, factor: Expr) -> tuple[int, ...]:
        key = self._same.key(factor)
        return tuple(sorted((*term.scale, key if operation == "multiply" else -key - 1)))


def unnamed(expr: Expr) -> Expr:
    """What a let stands for."""
    while isinstance(expr, Named):
        expr = expr.value
    return expr


def chain(expr: Expr) -> list[Expr]:
    """The factors of a product of matrices."""
    factors: list[Expr] = []
    pending = [expr]
    while pending:
        part = unnamed(pending.pop())
        if isinstance(part, Apply) and part.atom == "matmul" and all(len(a.shape) == 2 for a in part.arguments):
            pending += part.arguments[::-1]
        else:
            factors.append(part)
    return factors


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
