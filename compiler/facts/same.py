"""Are two expressions the same? Structurally: through lets, up to the order of sums, products and transposes."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from karush.compiler.dependence import walk
from karush.compiler.model import (
    Apply,
    At,
    BinderValue,
    Comprehension,
    Constant,
    Expr,
    Named,
    ParamValue,
    Reduce,
    SizeValue,
    Subscript,
    VarValue,
)

COMMUTATIVE = frozenset({"add", "multiply"})


class Sameness:
    """Keys of expressions: equal keys mean equal values. ``is_symmetric`` says which matrices are their transposes."""

    def __init__(self, is_symmetric: Callable[[Expr], bool]) -> None:
        self._is_symmetric = is_symmetric
        self._keys: dict[Expr, int] = {}
        self._transposed: dict[Expr, int] = {}
        self._interned: dict[Hashable, int] = {}

    def same(self, a: Expr, b: Expr) -> bool:
        """Do both always have one value?"""
        return a is b or self.key(a) == self.key(b)

    def transposes(self, a: Expr, b: Expr) -> bool:
        """Is ``a`` the transpose of ``b``?"""
        return self.transposed(a) == self.key(b)

    def key(self, expr: Expr) -> int:
        """The key of an expression."""
        if expr not in self._keys:
            for node in walk(expr, known=self._keys):
                self._keys[node] = self._make(node)
        return self._keys[expr]

    def transposed(self, expr: Expr) -> int:
        """The key of the transpose; factors come before products, with a loop."""
        pending = [expr]
        while pending:
            node = pending[-1]
            missing = [factor for factor in self._factors(node) if factor not in self._transposed]
            if missing:
                pending += missing
            else:
                self._transposed[node] = self._transpose(node)
                pending.pop()
        return self._transposed[expr]

    def _factors(self, expr: Expr) -> tuple[Expr, ...]:
        """The matrices whose transposes make up that of an expression."""
        match _unnamed(expr):
            case Apply(atom="matmul", arguments=(left, right)) as inner if len(left.shape) == len(right.shape) == 2:
                return () if self._is_symmetric(inner) else (left, right)
            case _:
                return ()

    def _transpose(self, expr: Expr) -> int:
        inner = _unnamed(expr)
        if len(inner.shape) < 2 or self._is_symmetric(inner):
            return self.key(inner)
        match inner:
            case Apply(atom="transpose", arguments=(below,)):
                return self.key(below)
            case Apply(atom="matmul", arguments=(left, right)) if len(left.shape) == len(right.shape) == 2:
                return self._intern(("matmul", self._transposed[right], self._transposed[left]))
            case _:
                return self._intern(("transpose", self.key(inner)))

    def _intern(self, form: Hashable) -> int:
        return self._interned.setdefault(form, len(self._interned))

    def _make(self, node: Expr) -> int:
        match node:
            case Named():
                return self._keys[node.value]
            case Constant():
                return self._intern(("constant", float(node.value)))
            case SizeValue():
                return self._intern(("size", node.size))
            case BinderValue():
                return self._intern(("binder", node.binder))
            case ParamValue() | VarValue():
                return self._intern(("name", node.name))
            case Apply():
                return self._application(node)
            case Subscript():
                items = tuple(
                    self._keys[i.index] if isinstance(i, At) else ("range", i.start, i.stop) for i in node.items
                )
                return self._intern(("subscript", self._keys[node.value], items))
            case Comprehension():
                return self._intern(("comprehension", node.binders, self._keys[node.body]))
            case Reduce():
                condition = None if node.condition is None else self._keys[node.condition]
                return self._intern(("reduce", node.operator, node.binders, condition, self._keys[node.body]))
            case _:
                return self._intern(("node", node))

    def _application(self, node: Apply) -> int:
        if node.atom == "transpose":
            return self.transposed(node.arguments[0])
        if node.atom == "matmul":
            left, right = node.arguments
            if len(left.shape) == 1 and len(right.shape) == 2:  # xᵀA = (Aᵀx)ᵀ
                return self._intern(("matmul", self.transposed(right), self._keys[left]))
        keys = tuple(self._keys[argument] for argument in node.arguments)
        if node.atom in COMMUTATIVE or (node.atom == "matmul" and not node.shape):
            keys = tuple(sorted(keys))
        return self._intern((node.atom, keys if keys else node.shape))


def _unnamed(expr: Expr) -> Expr:
    """What a let stands for."""
    while isinstance(expr, Named):
        expr = expr.value
    return expr
