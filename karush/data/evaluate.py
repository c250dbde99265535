"""The value, in NumPy, of an expression in params alone: an argument of a set such as ``box(-u, u)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from karush.compiler.model import Apply, Constant, Expr, Named, ParamValue, SizeValue

FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
    "negate": np.negative, "power": np.power, "maximum": np.maximum, "minimum": np.minimum,
    "matmul": np.matmul, "transpose": np.transpose,
    "abs": np.abs, "sqrt": np.sqrt, "square": np.square, "exp": np.exp, "log": np.log,
}  # fmt: skip


def evaluate(expr: Expr, params: Mapping[str, np.ndarray], dims: Mapping[str, int]) -> np.ndarray | None:
    """The value, or None where a param in it is not known here or an operation is beyond this evaluator."""
    if isinstance(expr, Constant):
        return np.asarray(expr.value)
    if isinstance(expr, SizeValue):
        return np.asarray(expr.size.evaluate(dims))
    if isinstance(expr, ParamValue):
        return params.get(expr.name)
    if isinstance(expr, Named):
        return evaluate(expr.value, params, dims)
    if isinstance(expr, Apply) and expr.atom in ("zeros", "ones"):
        shape = [size.evaluate(dims) for size in expr.shape]
        return np.zeros(shape) if expr.atom == "zeros" else np.ones(shape)
    if isinstance(expr, Apply) and expr.atom in FUNCTIONS:
        arguments = [evaluate(argument, params, dims) for argument in expr.arguments]
        known = [a for a in arguments if a is not None]
        if len(known) < len(arguments):
            return None
        with np.errstate(all="ignore"):
            return np.asarray(FUNCTIONS[expr.atom](*known))
    return None
