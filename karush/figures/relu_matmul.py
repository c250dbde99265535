"""Why p directional derivatives cost as much as a product of p × p matrices, and a gradient does not.

F(x) = M_L relu(M_{L−1} … relu(M_1 x)) is positively homogeneous, so F'(0; d) = F(d): its directional derivatives along
d_1 … d_p contain the product M_1 [d_1 … d_p]. So their price over that of F grows as p by the usual product, whereas
that of a conservative gradient over F stays (J. Bolte, R. Boustany, E. Pauwels, B. Pesquet-Popescu, ICLR 2023).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from karush.derivative import Differentiated, differentiated
from karush.figures.figure import Figure, Panel
from karush.figures.measuring import build, in_turn, operations, quotient, slope
from karush.problem import loads
from karush.stdlib.primitives.ties import ALONG

SIZES = (16, 64, 256)
LAYERS = 3


def network(layers: int) -> str:
    """F and the sum of its entries, whose gradient is taken."""
    body = "x"
    for k in range(1, layers):
        body = f"relu(M{k} @ {body})"
    matrices = ", ".join(f"M{k}[p, p]" for k in range(1, layers + 1))
    return f"dim p\nparam x[p], {matrices}\nlet y = M{layers} @ {body}\nlet total = sum(y)\n"


def relu_matmul(p: Sequence[int] = SIZES, layers: int = LAYERS, rounds: int = 7) -> Figure:
    """The figure."""
    rows = [measured(size, layers, rounds) for size in p]
    grows = slope(p, [row["p directions / F"] for row in rows])
    notes = (
        "Operations by the table of costs; columns with `time` are ratios of processor times (medians in turns).",
        f"p directions / F grows as p^{grows:.2f} by count; gradient / F and p directions / product stay.",
        "`error`: the greatest |F'(0; d) − F(d)| over the p directions, relative to F(d).",
    )
    drawn = ("gradient / F", "p directions / F", "p directions / product")
    times = tuple(f"{name}, time" for name in drawn) if rounds else ()
    panels = (Panel("by count", "p", drawn), *((Panel("by processor time", "p", times),) if rounds else ()))
    return Figure("relu-matmul", "p directional derivatives against a product of matrices", tuple(rows), notes, panels)


def measured(p: int, layers: int, rounds: int) -> dict[str, Any]:
    """One row."""
    random = np.random.default_rng(0)
    data = {f"M{k}": random.normal(size=(p, p)) * np.sqrt(2 / p) for k in range(1, layers + 1)}
    problem = loads(network(layers)).with_options(dtype="f32")
    prepared = problem.prepare({"x": np.zeros(p), **data})
    arrays = dict(prepared.arrays)
    function = differentiated(problem, prepared.compiled, "total", ["x"])
    vector = differentiated(problem, prepared.compiled, "y", ["x"]).turned(ALONG)
    directions = jnp.asarray(random.normal(size=(p, p)), jnp.float32)
    programs = programs_of(function, vector)
    start = jnp.zeros(p, jnp.float32)
    inputs = {
        "F": (start, arrays),
        "gradient": (start, arrays),
        "directions": (start, directions, arrays),
        "product": (arrays["M1"], directions),
    }
    counts = {name: operations(program, *inputs[name]) for name, program in programs.items()}
    along = jax.jit(programs["directions"])(*inputs["directions"])
    values = jax.vmap(lambda d: vector.value({"x": d}, arrays)[0])(directions)
    built = {name: build(program, *inputs[name]) for name, program in programs.items()} if rounds else {}
    times = in_turn({name: one.call for name, one in built.items()}, rounds)
    pairs = [("gradient", "F"), ("directions", "F"), ("directions", "product")]
    words = {"directions": "p directions"}
    row: dict[str, Any] = {"p": p, "operations of F": counts["F"]}
    row |= {f"{words.get(a, a)} / {b}": counts[a] / counts[b] for a, b in pairs}
    row |= {f"{words.get(a, a)} / {b}, time": quotient(times.get(a), times.get(b)) for a, b in pairs}
    row["error"] = float(jnp.max(jnp.abs(along - values)) / jnp.max(jnp.abs(values)))
    return row


def programs_of(function: Differentiated, vector: Differentiated) -> dict[str, Any]:
    """F, its gradient, its directional derivatives along rows of a matrix, and a product of matrices."""

    def value(x: Array, given: Any) -> Array:
        return function.value({"x": x}, given)[0]

    def directions(x: Array, along: Array, given: Any) -> Array:
        def one(direction: Array) -> Array:
            rate: Array = jax.jvp(lambda q: vector.value({"x": q}, given)[0], (x,), (direction,))[1]
            return rate

        return jax.vmap(one)(along)

    def product(matrix: Array, along: Array) -> Array:
        return matrix @ along

    return {"F": value, "gradient": jax.value_and_grad(value), "directions": directions, "product": product}
