"""What one primitive operation costs.

    + − * neg abs sign min max, compare, select, logic on bits      1 an entry of the result
    division and remainder                                          2
    exp, log, √, sin, … (nonlinear)                                 2
    xⁿ for a whole n                                                its multiplications by squaring, and 2 if n < 0
    moves, casts, broadcasts, gathers                               0
    a reduction of n entries to one, a cumulative one               n − 1
    scatter-add                                                     1 an entry that is added
    matrix product (m × k by k × n)                                 2mnk
    sort of n                                                       n log₂ n, for each key
    factorisations and triangular solves                            the leading terms of Golub and Van Loan

A primitive that stands in none of these is an `UnknownCostError` by name: never 0 in silence. Operations with programs
within (loops, choices, calls) are counted in count.py.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from jax.extend.core import JaxprEqn

DIVISION = NONLINEAR = 2.0


class UnknownCostError(Exception):
    """A primitive without a cost."""

    def __init__(self, name: str):
        self.name = name
        super().__init__(f"the cost of the operation `{name}` is not known")


def size(variable: Any) -> int:
    """How many entries a variable of a jaxpr has."""
    return math.prod(getattr(variable.aval, "shape", ()))


def _shape(variable: Any) -> tuple[int, ...]:
    return tuple(variable.aval.shape)


def _results(eqn: JaxprEqn) -> int:
    return sum(size(v) for v in eqn.outvars)


def _per_entry(cost: float) -> Callable[[JaxprEqn], float]:
    return lambda eqn: cost * _results(eqn)


# ---------------------------------------------------------------- arithmetic


def multiplications(n: int) -> int:
    """How many multiplications xⁿ takes by repeated squaring, for n >= 1."""
    return n.bit_length() + n.bit_count() - 2


def _integer_power(eqn: JaxprEqn) -> float:
    exponent = int(eqn.params["y"])
    inverse = DIVISION if exponent < 0 else 0
    return _results(eqn) * (multiplications(max(abs(exponent), 1)) + inverse)


def _clamp(eqn: JaxprEqn) -> float:
    return 2.0 * _results(eqn)


def _selection(eqn: JaxprEqn) -> float:
    return float(_results(eqn) * (len(eqn.invars) - 2))


# ---------------------------------------------------------------- sums, products, order


def _reduction(eqn: JaxprEqn) -> float:
    return float(max(size(eqn.invars[0]) - size(eqn.outvars[0]), 0))


def _cumulative(eqn: JaxprEqn) -> float:
    shape = _shape(eqn.invars[0])
    length = shape[eqn.params["axis"]]
    return float(size(eqn.invars[0]) * max(length - 1, 0) / max(length, 1))


def _window(eqn: JaxprEqn) -> float:
    within = math.prod(eqn.params["window_dimensions"])
    return float(_results(eqn) * max(within - 1, 0))


def _updates(eqn: JaxprEqn) -> float:
    return float(size(eqn.invars[-1]))


def _sort(eqn: JaxprEqn) -> float:
    shape = _shape(eqn.invars[0])
    length = shape[eqn.params["dimension"]]
    return size(eqn.invars[0]) * math.log2(max(length, 1)) * eqn.params["num_keys"]


def _top(eqn: JaxprEqn) -> float:
    length = _shape(eqn.invars[0])[-1]
    return size(eqn.invars[0]) * math.log2(max(length, 1))


# ---------------------------------------------------------------- linear algebra


def _product(eqn: JaxprEqn) -> float:
    (contracted, _), _ = eqn.params["dimension_numbers"]
    left = _shape(eqn.invars[0])
    return 2.0 * _results(eqn) * math.prod(left[axis] for axis in contracted)


def _convolution(eqn: JaxprEqn) -> float:
    kernel = eqn.params["dimension_numbers"].rhs_spec
    shape = _shape(eqn.invars[1])
    return 2.0 * _results(eqn) * math.prod(shape[axis] for axis in kernel[1:])


def _of_matrix(flops: Callable[[int, int], float]) -> Callable[[JaxprEqn], float]:
    """For each m × n matrix of the first argument."""

    def cost(eqn: JaxprEqn) -> float:
        *batch, m, n = _shape(eqn.invars[0])
        return math.prod(batch) * flops(max(m, n), min(m, n))

    return cost


def _triangular(eqn: JaxprEqn) -> float:
    n = _shape(eqn.invars[0])[-1]
    return float(size(eqn.invars[1]) * n)


def _eigen(eqn: JaxprEqn) -> float:
    *batch, n, _ = _shape(eqn.invars[0])
    return math.prod(batch) * (9.0 if len(eqn.outvars) > 1 else 4 / 3) * n**3


def _singular(eqn: JaxprEqn) -> float:
    *batch, rows, columns = _shape(eqn.invars[0])
    m, n = max(rows, columns), min(rows, columns)
    whole = 4 * m * m * n + 22 * n**3 if eqn.params.get("compute_uv", True) else 4 * m * n * n - 4 / 3 * n**3
    return math.prod(batch) * whole


def _tridiagonal(eqn: JaxprEqn) -> float:
    return 8.0 * size(eqn.invars[-1])


def _fourier(eqn: JaxprEqn) -> float:
    length = math.prod(eqn.params["fft_lengths"])
    return 5.0 * max(map(size, (*eqn.invars, *eqn.outvars))) * math.log2(max(length, 1))


# ---------------------------------------------------------------- the table


def _words(text: str) -> list[str]:
    return text.split()


FREE = _words("""
    broadcast_in_dim reshape squeeze expand_dims transpose rev slice dynamic_slice dynamic_update_slice concatenate pad
    gather scatter split tile copy copy_p convert_element_type bitcast_convert_type reduce_precision real imag complex
    stop_gradient iota empty empty2 zeros_like create_token optimization_barrier device_put sharding_constraint
    mesh_cast layout_constraint lu_pivots_to_permutation pvary mul_by_one symbolic_zeros name unstack stack axis_index
    platform_index
""")

ONE = _words("""
    add add_any sub mul neg abs sign max min conj eq ne lt le gt ge eq_to ne_to lt_to le_to gt_to ge_to
    and or xor not is_finite square shift_left shift_right_logical shift_right_arithmetic population_count clz
    floor ceil round nextafter
""")

TWO = _words("""
    div rem exp exp2 expm1 log log1p sqrt rsqrt cbrt pow logistic sin cos tan asin acos atan atan2 sinh cosh tanh
    asinh acosh atanh erf erfc erf_inv lgamma digamma polygamma igamma igammac igamma_grad_a random_gamma_grad
    regularized_incomplete_beta bessel_i0e bessel_i1e zeta
""")

SUMS = _words("""
    reduce_sum reduce_prod reduce_max reduce_min reduce_and reduce_or reduce_xor argmax argmin
""")

COSTS: Mapping[str, Callable[[JaxprEqn], float]] = {
    **dict.fromkeys(FREE, lambda eqn: 0.0),
    **dict.fromkeys(ONE, _per_entry(1.0)),
    **dict.fromkeys(TWO, _per_entry(NONLINEAR)),
    **dict.fromkeys(SUMS, _reduction),
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin"), _cumulative),
    "cumlogsumexp": lambda eqn: 5 * _cumulative(eqn),
    **dict.fromkeys(("reduce_window", "reduce_window_sum", "reduce_window_max", "reduce_window_min"), _window),
    **dict.fromkeys(("scatter-add", "scatter-mul", "scatter-min", "scatter-max", "scatter-sub"), _updates),
    "scatter_add": _updates,
    "integer_pow": _integer_power,
    "clamp": _clamp,
    "select_n": _selection,
    "sort": _sort,
    "top_k": _top,
    "dot_general": _product,
    "conv_general_dilated": _convolution,
    "cholesky": _of_matrix(lambda m, n: n**3 / 3),
    "lu": _of_matrix(lambda m, n: m * n * n - n**3 / 3),
    "qr": _of_matrix(lambda m, n: 4 * (m * n * n - n**3 / 3)),
    "geqrf": _of_matrix(lambda m, n: 2 * (m * n * n - n**3 / 3)),
    "householder_product": _of_matrix(lambda m, n: 2 * (m * n * n - n**3 / 3)),
    "triangular_solve": _triangular,
    "eigh": _eigen,
    "svd": _singular,
    "tridiagonal_solve": _tridiagonal,
    "fft": _fourier,
}
"""The cost of a primitive that holds no program, by its name in a jaxpr."""


def cost_of(eqn: JaxprEqn) -> float:
    """The cost of one operation without a program within."""
    name = eqn.primitive.name
    if name not in COSTS:
        raise UnknownCostError(name)
    return COSTS[name](eqn)
