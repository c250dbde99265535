"""``grad``, ``jacobian``, ``hessian``, ``jvp`` and ``vjp`` as expressions: JAX's derivatives of the value.

The value is evaluated in a scope in which the param or var is another one; what inner problems compute from it follows
(``Inputs.move``), so that ``grad(fit.objective, lam)`` is the derivative through the solution.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from karush.compiler.lowering.compressed import jacobian
from karush.compiler.lowering.scope import Scope
from karush.compiler.model import DerivativeOf, Expr, ParamValue, VarValue

Value = Callable[[Expr, Scope], Array]


def derivative_of(expr: DerivativeOf, scope: Scope, array: Value) -> Array:
    """The derivative that an expression asks for; ``array`` evaluates an expression."""
    wrt = expr.wrt
    assert isinstance(wrt, ParamValue | VarValue)

    def function(point: Array) -> Array:
        return array(expr.value, scope.moved(wrt, point, expr.value))

    point = array(wrt, scope)
    if expr.direction is None:
        if expr.operator == "hessian":
            return jacobian(jax.grad(function), point, ("jvp",))
        return jax.jacrev(function)(point) if expr.operator == "grad" else jacobian(function, point)
    direction = array(expr.direction, scope)
    if expr.operator == "jvp":
        tangent: Array = jax.jvp(function, (point,), (jnp.asarray(direction, point.dtype),))[1]
        return tangent
    (cotangent,) = jax.vjp(function, point)[1](direction)
    found: Array = cotangent
    return found
