"""The value, in NumPy, of an expression in params alone: an argument of a set such as ``box(-u, u)``."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from karush.compiler.dependence import walk
from karush.compiler.model import Apply, Constant, Expr, Named, ParamValue, SizeValue

FUNCTIONS: dict[str, Callable[..., np.ndarray]] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide,
    "negate": np.negative, "power": np.power, "maximum": np.maximum, "minimum": np.minimum,
    "matmul": np.matmul, "transpose": np.transpose,
    "sum": np.sum, "mean": np.mean, "max": np.max, "min": np.min, "cumsum": np.cumsum, "diff": np.diff,
    "norm1": lambda x: np.sum(np.abs(x)), "norm2": lambda x: np.sqrt(np.sum(x * x)), "trace": np.trace,
    "norminf": lambda x: np.max(np.abs(x)), "sumsq": lambda x: np.sum(x * x), "diag": np.diag,
    "abs": np.abs, "sqrt": np.sqrt, "square": np.square, "exp": np.exp, "log": np.log,
}  # fmt: skip


def evaluate(expr: Expr, params: Mapping[str, np.ndarray], dims: Mapping[str, int]) -> np.ndarray | None:
    """The value, or None where a param in it is not known here or an operation is beyond this evaluator."""
    known: dict[Expr, np.ndarray | None] = {}
    for node in walk(expr):
        known[node] = _value(node, known, params, dims)
    return known[expr]


def _value(
    expr: Expr, known: Mapping[Expr, np.ndarray | None], params: Mapping[str, np.ndarray], dims: Mapping[str, int]
) -> np.ndarray | None:
    """The value of a node whose parts have theirs."""
    match expr:
        case Constant():
            return np.asarray(expr.value)
        case SizeValue():
            return np.asarray(expr.size.evaluate(dims))
        case ParamValue():
            return params.get(expr.name)
        case Named():
            return known[expr.value]
        case Apply(atom="zeros" | "ones"):
            shape = [size.evaluate(dims) for size in expr.shape]
            return np.zeros(shape) if expr.atom == "zeros" else np.ones(shape)
        case Apply() if expr.atom in FUNCTIONS:
            arguments = [a for a in map(known.get, expr.arguments) if a is not None]
            if len(arguments) == len(expr.arguments):
                with np.errstate(all="ignore"):
                    return np.asarray(FUNCTIONS[expr.atom](*arguments))
    return None
