"""Atoms of the library and of the file: arguments by the header, the shape of the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from karush.compiler import shape_messages
from karush.compiler.arguments import bind_arguments, bind_sizes, bound_scope, check_index_arguments
from karush.compiler.context import Context
from karush.compiler.model import Apply, Expr, Kind
from karush.compiler.operators import common_shape, is_number
from karush.compiler.symbols import Callee, Poison, Scope, poison
from karush.dsl import ast
from karush.stdlib.atom import Atom
from karush.stdlib.shape import SCALAR, Shape, Size

ONE = Size.constant(1)

WHOLE_ARRAY = frozenset({"sum", "mean", "prod", "max", "min", "sumsq"})
"""Primitives that take an array of any rank to a scalar."""

INTEGER_RESULT = frozenset({"sum", "prod", "max", "min", "abs", "sign", "maximum", "minimum", "square", "relu"})
"""Atoms that take whole numbers to whole numbers."""


def callee_of(atom: Atom) -> Callee:
    """The header of an atom, read in the empty scope: nothing outside the library is in sight of it."""
    return Callee("atom", atom.name, atom.declaration.header, Scope(None, kind="library"), is_elementwise(atom))


def has_shape_rule(atom: Atom) -> bool:
    """Whether the atom's primitive says which shapes it takes where the header says nothing."""
    return atom.primitive in WHOLE_ARRAY or atom.primitive in _ANY_RANK


def is_elementwise(atom: Atom) -> bool:
    """Whether an argument without sizes may be an array, taken entry by entry or by the primitive's own rule."""
    return has_shape_rule(atom) or all(p.sizes is None for p in atom.params)


def resolve_atom(context: Context, node: ast.Call, atom: Atom) -> Expr:
    """``atom(arguments)``."""
    callee = callee_of(atom)
    values = bind_arguments(context, node, callee)
    if values is None or not all(is_number(context, v) for v in values.values()):
        return poison(node.span)
    return apply_atom(context, node, atom, values)


def apply_atom(context: Context, node: ast.Expr, atom: Atom, values: Mapping[str, Expr]) -> Expr:
    """The application of an atom to values of all its arguments."""
    callee = callee_of(atom)
    sizes = bind_sizes(context, node, callee, values)
    if sizes is None:
        return poison(node.span)
    scope = bound_scope(callee, values, sizes)
    if not check_index_arguments(context, node, callee, values, scope):
        return poison(node.span)
    arguments = tuple(values[p.name] for p in atom.params)
    shape = _result_shape(context, node, atom, arguments, scope)
    if shape is None:
        return poison(node.span)
    return Apply(atom.name, arguments, shape=shape, kind=_kind(atom, arguments), span=node.span)


def _kind(atom: Atom, arguments: tuple[Expr, ...]) -> Kind:
    whole = atom.name in INTEGER_RESULT and all(a.kind is Kind.INTEGER for a in arguments)
    return Kind.INTEGER if whole else Kind.REAL


def _result_shape(
    context: Context, node: ast.Expr, atom: Atom, arguments: tuple[Expr, ...], scope: Scope
) -> Shape | None:
    if atom.primitive in WHOLE_ARRAY:
        return SCALAR
    if atom.primitive in _ANY_RANK:
        shape = _ANY_RANK[atom.primitive](*(a.shape for a in arguments))
        if shape is None:
            context.report(shape_messages.primitive_shape(node, atom.name, arguments))
        return shape
    if all(p.sizes is None for p in atom.params):
        return common_shape(context, node, arguments)
    if atom.value is not None:
        value = context.within(scope).expression(atom.value)
        return None if isinstance(value, Poison) else value.shape
    rule = _SIZED.get(atom.primitive or "")
    return rule(*(a.shape for a in arguments)) if rule is not None else SCALAR


# ---------------------------------------------------------------- shapes of primitives


def _diag(x: Shape) -> Shape | None:
    if len(x) == 1:
        return (x[0], x[0])
    return x[:1] if len(x) == 2 and x[0] == x[1] else None


def _vec(x: Shape) -> Shape:
    count = ONE
    for size in x:
        count = count * size
    return (count,)


def _solve(a: Shape, b: Shape) -> Shape | None:
    return b if len(b) in (1, 2) and b[0] == a[0] else None


_ANY_RANK: dict[str, Callable[..., Shape | None]] = {"diag": _diag, "vec": _vec, "solve": _solve}
"""Shape rules of primitives whose header leaves the rank of an argument open."""


def _first(x: Shape, *rest: Shape) -> Shape:
    return x


_SIZED: dict[str, Callable[..., Shape]] = {
    "inv": _first,
    "cholesky": _first,
    "softmax": _first,
    "sort": _first,
    "cumsum": _first,
    "diff": lambda x: (x[0] - ONE,),
    "kron": lambda a, b: (a[0] * b[0], a[1] * b[1]),
}
"""Shapes of results that are no scalars, for primitives whose header gives all sizes."""
