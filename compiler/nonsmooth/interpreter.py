"""A traced program with the derivatives of all its values, on one of its pieces at a point.

Every value x comes with its rates: the rows ∂x/∂d along the entries of the params. Smooth operations move them by their
derivative; |x|, max, min, sort and comparisons ask at a tie which of two rates is greater on the piece (cells.py), and
take that one. So the rates at the end are the derivative of the piece, a vertex of the Clarke derivative.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from karush.compiler.nonsmooth.cells import Decisions


class NoPiecesError(Exception):
    """An operation at a point where it has no pieces to choose from; the message names it."""


@dataclass(frozen=True)
class Moving:
    """A value of a shape, and its rates: one axis more, over the entries of the params."""

    value: np.ndarray
    rates: np.ndarray


def constant(value: Any, entries: int) -> Moving:
    """A value that does not move."""
    array = np.asarray(value)
    return Moving(array, np.zeros((*array.shape, entries)))


def run(closed: ClosedJaxpr, arguments: Sequence[Moving], decisions: Decisions) -> list[Moving]:
    """The outputs of a program on the piece that the decisions lead to."""
    entries = arguments[0].rates.shape[-1] if arguments else 0
    known: dict[Any, Moving] = {}
    jaxpr: Jaxpr = closed.jaxpr
    for variable, value in zip(jaxpr.constvars, closed.consts, strict=True):
        known[variable] = constant(value, entries)
    known.update(zip(jaxpr.invars, arguments, strict=True))

    def read(atom: Any) -> Moving:
        return constant(atom.val, entries) if isinstance(atom, Literal) else known[atom]

    for equation in jaxpr.eqns:
        outputs = _step(equation, [read(atom) for atom in equation.invars], decisions)
        known.update(zip(equation.outvars, outputs, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _step(equation: JaxprEqn, inputs: list[Moving], decisions: Decisions) -> Sequence[Moving]:
    name, params = equation.primitive.name, equation.params
    inner = params.get("jaxpr", params.get("call_jaxpr"))
    if name in ("jit", "pjit", "closed_call", "core_call", "custom_jvp_call", "custom_vjp_call") and inner is not None:
        return run(inner if isinstance(inner, ClosedJaxpr) else ClosedJaxpr(inner, ()), inputs, decisions)
    if name in CHOICES:
        return [CHOICES[name](inputs, params, decisions)]
    return _smooth(equation, inputs)


# ---------------------------------------------------------------- smooth operations


def _smooth(equation: JaxprEqn, inputs: list[Moving]) -> Sequence[Moving]:
    """An operation by its derivative; refused where that is not finite or where it jumps."""
    name = equation.primitive.name
    values = [jnp.asarray(moving.value) for moving in inputs]
    moved = [k for k, v in enumerate(inputs) if np.any(v.rates) and np.issubdtype(v.value.dtype, np.floating)]

    def function(*some: jax.Array) -> Any:
        whole = list(values)
        for k, value in zip(moved, some, strict=True):
            whole[k] = value
        return equation.primitive.bind(*whole, **equation.params)

    found = function(*(values[k] for k in moved))
    outputs = found if equation.primitive.multiple_results else [found]
    entries = inputs[0].rates.shape[-1] if inputs else 0
    if not moved:
        return [constant(value, entries) for value in outputs]
    if name not in SMOOTH:
        raise NoPiecesError(f"`{name}` jumps" if name in JUMPS else f"pieces are not followed through `{name}`")

    def along(*rates: jax.Array) -> Any:
        return jax.jvp(function, tuple(values[k] for k in moved), rates)[1]

    given = (jnp.asarray(inputs[k].rates, values[k].dtype) for k in moved)
    columns = jax.vmap(along, in_axes=-1, out_axes=-1)(*given)
    rates = [np.asarray(column) for column in (columns if equation.primitive.multiple_results else [columns])]
    for value, rate in zip(outputs, rates, strict=True):
        if np.issubdtype(np.asarray(value).dtype, np.floating) and not np.all(np.isfinite(rate)):
            raise NoPiecesError(f"`{name}` has no finite derivative here")
    return [
        Moving(np.asarray(v), r) if np.issubdtype(np.asarray(v).dtype, np.floating) else constant(v, entries)
        for v, r in zip(outputs, rates, strict=True)
    ]


JUMPS = frozenset({"sign", "floor", "ceil", "round", "argmax", "argmin"})

_SMOOTH = """
    add add_any sub mul div neg exp exp2 expm1 log log1p sqrt rsqrt cbrt square pow integer_pow logistic tanh sin cos
    tan asin acos atan atan2 sinh cosh asinh acosh atanh erf erfc erf_inv lgamma digamma
    dot_general conv_general_dilated reduce_sum reduce_prod cumsum cumprod cumlogsumexp cholesky triangular_solve lu
    custom_linear_solve
    broadcast_in_dim reshape transpose squeeze expand_dims rev concatenate stack split pad slice dynamic_slice
    dynamic_update_slice gather scatter scatter-add scatter_add select_n convert_element_type copy copy_p iota
    stop_gradient real imag reduce_precision optimization_barrier split_dims"""

SMOOTH = frozenset(_SMOOTH.split())
"""Operations that are taken by their derivative; any other through which something moves is refused by name."""


# ---------------------------------------------------------------- choices

Entry = tuple[float, np.ndarray]


def is_greater(first: Entry, second: Entry, decisions: Decisions) -> bool:
    """Is the first of two moving numbers the greater one on the piece?"""
    if first[0] != second[0]:
        return bool(first[0] > second[0])
    return decisions.is_positive(first[1] - second[1])


def _greater(first: Entry, second: Entry, decisions: Decisions) -> Entry:
    return first if is_greater(first, second, decisions) else second


def _lesser(first: Entry, second: Entry, decisions: Decisions) -> Entry:
    return second if is_greater(first, second, decisions) else first


def _entries(values: np.ndarray, rates: np.ndarray) -> list[Entry]:
    """The entries of a vector."""
    return [(float(value), rate) for value, rate in zip(values, rates, strict=True)]


Pick = Callable[[Entry, Entry, Decisions], Entry]
Choice = Callable[[list[Moving], Mapping[str, Any], Decisions], Moving]


def _of_pairs(pick: Pick) -> Choice:
    def choose(inputs: list[Moving], _: Mapping[str, Any], decisions: Decisions) -> Moving:
        return _each(_together(inputs), lambda entries: pick(entries[0], entries[1], decisions))

    return choose


def _absolute(inputs: list[Moving], _: Mapping[str, Any], decisions: Decisions) -> Moving:
    def one(entries: list[Entry]) -> Entry:
        (entry,) = entries
        zero = (0.0, np.zeros_like(entry[1]))
        return entry if is_greater(entry, zero, decisions) else (-entry[0], -entry[1])

    return _each(inputs, one)


def _over_axes(pick: Pick) -> Choice:
    def choose(inputs: list[Moving], params: Mapping[str, Any], decisions: Decisions) -> Moving:
        (x,), axes = inputs, tuple(int(axis) for axis in params["axes"])
        kept = [axis for axis in range(x.value.ndim) if axis not in axes]
        shape = tuple(x.value.shape[axis] for axis in kept)
        values = np.transpose(x.value, (*kept, *axes)).reshape((*shape, -1))
        rates = np.transpose(x.rates, (*kept, *axes, x.value.ndim)).reshape((*values.shape, -1))
        found = Moving(np.empty(shape, x.value.dtype), np.empty((*shape, x.rates.shape[-1])))
        for place in np.ndindex(*shape):
            entries = _entries(values[place], rates[place])
            found.value[place], found.rates[place] = reduce(lambda a, b: pick(a, b, decisions), entries)
        return found

    return choose


def _running(pick: Pick) -> Choice:
    def choose(inputs: list[Moving], params: Mapping[str, Any], decisions: Decisions) -> Moving:
        x, axis = inputs[0], int(params["axis"])
        step = -1 if params.get("reverse") else 1
        values = np.moveaxis(x.value, axis, -1)[..., ::step].copy()
        rates = np.moveaxis(x.rates, axis, -2)[..., ::step, :].copy()
        for place in np.ndindex(*values.shape[:-1]):
            entries = _entries(values[place], rates[place].copy())
            for k in range(1, len(entries)):
                entries[k] = pick(entries[k - 1], entries[k], decisions)
                values[place][k], rates[place][k] = entries[k]
        found = np.moveaxis(values[..., ::step], -1, axis), np.moveaxis(rates[..., ::step, :], -2, axis)
        return Moving(*found)

    return choose


def _sorted(inputs: list[Moving], params: Mapping[str, Any], decisions: Decisions) -> Moving:
    """Insertion sort along an axis: every comparison of equal entries is a decision."""
    if len(inputs) != 1:
        raise NoPiecesError("`sort` of several arrays")
    x, axis = inputs[0], int(params["dimension"])
    values, rates = np.moveaxis(x.value, axis, -1).copy(), np.moveaxis(x.rates, axis, -2).copy()
    for place in np.ndindex(*values.shape[:-1]):
        ordered: list[Entry] = []
        for entry in _entries(values[place], rates[place].copy()):
            at = len(ordered)
            while at > 0 and is_greater(ordered[at - 1], entry, decisions):
                at -= 1
            ordered.insert(at, entry)
        values[place] = np.array([entry[0] for entry in ordered])
        rates[place] = np.array([entry[1] for entry in ordered])
    return Moving(np.moveaxis(values, -1, axis), np.moveaxis(rates, -2, axis))


def _compared(name: str) -> Choice:
    """The truth of a comparison on the piece."""
    plain = getattr(np, name)

    def choose(inputs: list[Moving], _: Mapping[str, Any], decisions: Decisions) -> Moving:
        first, second = _together(inputs)
        truth = np.array(plain(first.value, second.value))
        for place in np.ndindex(*truth.shape):
            row = first.rates[place] - second.rates[place]
            if first.value[place] == second.value[place] and np.any(row):
                truth[place] = plain(1.0 if decisions.is_positive(row) else -1.0, 0.0)
        return constant(truth, first.rates.shape[-1])

    return choose


def _together(inputs: list[Moving]) -> list[Moving]:
    """Two operands of one shape."""
    shape = np.broadcast_shapes(*(x.value.shape for x in inputs))
    entries = inputs[0].rates.shape[-1]
    return [
        Moving(np.array(np.broadcast_to(x.value, shape)), np.array(np.broadcast_to(x.rates, (*shape, entries))))
        for x in inputs
    ]


def _each(inputs: list[Moving], function: Callable[[list[Entry]], Entry]) -> Moving:
    """A function of entries, elementwise."""
    first = inputs[0]
    found = Moving(np.empty(first.value.shape, first.value.dtype), np.empty(first.rates.shape))
    for place in np.ndindex(*first.value.shape):
        found.value[place], found.rates[place] = function([(x.value[place].item(), x.rates[place]) for x in inputs])
    return found


_COMPARED = {
    "gt": "greater",
    "ge": "greater_equal",
    "lt": "less",
    "le": "less_equal",
    "eq": "equal",
    "ne": "not_equal",
}
CHOICES: Mapping[str, Choice] = {
    "max": _of_pairs(_greater),
    "min": _of_pairs(_lesser),
    "abs": _absolute,
    "reduce_max": _over_axes(_greater),
    "reduce_min": _over_axes(_lesser),
    "sort": _sorted,
    "cummax": _running(_greater),
    "cummin": _running(_lesser),
    **{name: _compared(word) for name, word in _COMPARED.items()},
}
"""Operations that choose, by name."""
