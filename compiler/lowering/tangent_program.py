"""The tangent program t ↦ J(x) t of a function as a jaxpr, made fit for the search for a pattern."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

INLINED = {"jit": "jaxpr", "pjit": "jaxpr", "closed_call": "call_jaxpr", "core_call": "call_jaxpr", "remat2": "jaxpr",
           "checkpoint": "jaxpr", "custom_jvp_call": "call_jaxpr", "custom_vjp_call": "call_jaxpr"}  # fmt: skip
"""Calls of another jaxpr, and the parameter that holds it."""


@dataclass(frozen=True, eq=False)
class TangentProgram:
    """(t, x, rest) ↦ J(x; rest) t, for every x and rest: ``shapes`` are those of all arguments, t first.

    ``tangent`` may be called with tracers; real numbers that the function holds on to are arguments as well.
    """

    tangent: Callable[..., Array]
    shapes: tuple[jax.ShapeDtypeStruct, ...]
    rows: int
    work: float

    @property
    def columns(self) -> int:
        """The number of entries of x."""
        return self.shapes[0].size


def tangent_program(function: Callable[..., Array], point: Array, rest: Sequence[Array] = ()) -> TangentProgram:
    """The tangent program of ``function(x, *rest)`` in the vector x, from shapes alone."""

    def tangent(t: Array, x: Array, *others: Array) -> Array:
        return jax.jvp(lambda p: function(p, *others).ravel(), (x,), (t,))[1]

    shapes = [_shape_of(array) for array in (point, point, *rest)]
    closed = jax.make_jaxpr(tangent)(*shapes)
    held = [k for k, value in enumerate(closed.consts) if _is_unknown(value)]

    def of_unknowns(*arguments: Array) -> Array:
        own, others = arguments[: len(shapes)], arguments[len(shapes) :]
        consts = list(closed.consts)
        for k, value in zip(held, others, strict=True):
            consts[k] = value
        (found,) = evaluate_inline(closed.jaxpr, consts, own)
        result: Array = found
        return result

    unknowns = (*shapes, *(_shape_of(closed.consts[k]) for k in held))
    return TangentProgram(of_unknowns, unknowns, closed.out_avals[0].size, work_of(closed.jaxpr))


def _shape_of(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(jnp.shape(array), jnp.result_type(array))


def _is_unknown(value: Any) -> bool:
    """Whether a constant of the jaxpr is an input of the program: traced, or a real number."""
    return isinstance(value, jax.core.Tracer) or jnp.issubdtype(jnp.result_type(value), jnp.inexact)


def evaluate_inline(jaxpr: Jaxpr, consts: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
    """The values of a jaxpr, calls evaluated in place and a linear solve by its own solving function.

    The slopes at singular points are written as such solves (stdlib/primitives/tangents.py).
    """
    values = dict(zip((*jaxpr.constvars, *jaxpr.invars), (*consts, *arguments), strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else values[atom]

    for equation in jaxpr.eqns:
        found = _evaluate(equation, [read(atom) for atom in equation.invars])
        values.update(zip(equation.outvars, found, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _evaluate(equation: Any, inputs: list[Any]) -> list[Any]:
    name, params = equation.primitive.name, equation.params
    if name == "custom_linear_solve":
        lengths = params["const_lengths"]
        first = lengths.matvec + lengths.vecmat
        right = inputs[sum(lengths) :]
        return _call(params["jaxprs"].solve, [*inputs[first : first + lengths.solve], *right])
    if name in INLINED:
        return _call(params[INLINED[name]], inputs)
    found = equation.primitive.bind(*inputs, **params)
    return list(found) if equation.primitive.multiple_results else [found]


def _call(inner: ClosedJaxpr | Jaxpr, inputs: Sequence[Any]) -> list[Any]:
    if isinstance(inner, ClosedJaxpr):
        return evaluate_inline(inner.jaxpr, inner.consts, inputs)
    return evaluate_inline(inner, (), inputs)


# ---------------------------------------------------------------- how much there is to go through


def work_of(jaxpr: Jaxpr) -> float:
    """Entries of all values, and products in products of matrices; infinite with a loop of unknown length."""
    return sum(map(_work, jaxpr.eqns))


def _work(equation: Any) -> float:
    name, params = equation.primitive.name, equation.params
    if name == "while":
        return math.inf
    inner = sum(map(work_of, _within(tuple(params.values()))))
    if name == "scan":
        return params["length"] * inner
    own = sum(math.prod(variable.aval.shape) for variable in equation.outvars)
    if name == "dot_general":
        ((contracted, _), _) = params["dimension_numbers"]
        return own * math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)
    return own + inner


def _within(values: Sequence[Any]) -> list[Jaxpr]:
    """The jaxprs among the parameters of an equation."""
    found: list[Jaxpr] = []
    for value in values:
        if isinstance(value, ClosedJaxpr):
            found.append(value.jaxpr)
        elif isinstance(value, Jaxpr):
            found.append(value)
        elif isinstance(value, tuple):
            found += _within(value)
    return found
