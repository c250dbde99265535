"""Atoms with rules: the partial derivatives that a file states for its own atoms, in place of those of the value.

    f(x, y),  rule x = g(x, y)      df = g(x, y) dx + ∂f/∂y dy

An argument without a rule has the derivative of the value in it. The primitives of the library carry their rules with
them (karush/stdlib/primitives), where the rules of their declarations are tested against them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_derivatives import SymbolicZero

from karush.compiler.lowering.evaluate_operators import is_number
from karush.compiler.lowering.scope import Inputs, Scope
from karush.compiler.model import Expr, Kind, ParamValue

Value = Callable[[Expr, Scope], Array]
"""Evaluates an expression as an array of its shape."""


@dataclass(frozen=True, eq=False)
class RuledAtom:
    """An application of an atom with rules: its value and its slopes as expressions in leaves for the arguments.

    ``slopes`` has None for an argument without a rule. A slope of an ``elementwise`` atom broadcasts against the
    value; any other is a scalar or has the axes of the value, then those of its argument.
    """

    leaves: tuple[ParamValue, ...]
    value: Expr
    slopes: tuple[Expr | None, ...]
    elementwise: bool


def apply_with_rules(atom: RuledAtom, arguments: Sequence[Any], scope: Scope, evaluate: Value) -> Array:
    """The value at these arguments, whose derivative is as the rules say."""
    moving = [k for k, (a, leaf) in enumerate(zip(arguments, atom.leaves, strict=True)) if _moves(a, leaf)]

    def at(arrays: Sequence[Array]) -> Scope:
        params = {leaf.name: a for leaf, a in zip(atom.leaves, arguments, strict=True)}
        params.update({atom.leaves[k].name: a for k, a in zip(moving, arrays, strict=True)})
        inputs = scope.inputs
        return Scope(Inputs(inputs.dims, params, {}, inputs.dtype), scope.dependence)

    def plain(*arrays: Array) -> Array:
        return evaluate(atom.value, at(arrays))

    if not moving:
        return plain()
    function = jax.custom_jvp(plain)

    def derivative(primals: Sequence[Array], tangents: Sequence[Any]) -> tuple[Array, Array]:
        value, here = function(*primals), at(primals)
        total = jnp.zeros_like(value)
        for place, (k, tangent) in enumerate(zip(moving, tangents, strict=True)):
            slope = atom.slopes[k]
            if isinstance(tangent, SymbolicZero):
                continue
            if slope is None:
                total += _along(plain, primals, place, tangent)
            else:
                total += _moved(evaluate(slope, here), tangent, value, atom.elementwise)
        return value, total

    function.defjvp(derivative, symbolic_zeros=True)
    dtype = scope.inputs.dtype
    return function(*(jnp.asarray(arguments[k], dtype) for k in moving))


def _moves(argument: Any, leaf: ParamValue) -> bool:
    return leaf.kind is Kind.REAL and not is_number(argument)


def _moved(slope: Array, tangent: Array, value: Array, elementwise: bool) -> Array:
    """How the value moves with an argument."""
    if elementwise:
        return jnp.broadcast_to(slope * tangent, value.shape)
    whole = jnp.broadcast_to(slope, value.shape + tangent.shape)
    return jnp.tensordot(whole, tangent, axes=tangent.ndim)


def _along(function: Callable[..., Array], primals: Sequence[Array], place: int, tangent: Array) -> Array:
    """The derivative of a function in one of its arguments."""

    def of_one(array: Array) -> Array:
        return function(*primals[:place], array, *primals[place + 1 :])

    return jax.jvp(of_one, (primals[place],), (tangent,))[1]
