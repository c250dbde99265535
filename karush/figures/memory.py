"""What reverse derivatives store: every step, or the roots of their number with `derivative unroll(checkpoint = sqrt)`.

A sum over T lanes, each a chain of matrix products, which XLA keeps (chains of operations on entries it may compute
again of its own accord). The reverse derivative keeps what each lane computed, T · width numbers; in blocks of about √T
lanes, each computed again when its derivative is taken, it keeps about √T of them (A. Griewank, Achieving logarithmic
growth of temporal and spatial complexity in reverse automatic differentiation, 1992, in its simplest form). A forward
derivative keeps nothing for later, and yields one direction; it works on all lanes at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from karush.derivative import Differentiated, differentiated
from karush.figures.figure import Figure, Panel
from karush.figures.measuring import Function, build, in_turn, operations, slope
from karush.problem import loads

LENGTHS = (256, 1024, 4096)
WIDTH = 32
CHAIN = """dim T, d
param X[T, d], W[d, d]
let total = sum(sumsq(tanh(tanh(tanh(X[i] @ W) @ W) @ W)) for i in T)
"""
BLOCKS = "derivative unroll(checkpoint = sqrt)\n"


def memory(T: Sequence[int] = LENGTHS, width: int = WIDTH, rounds: int = 7) -> Figure:
    """The figure; it is compiled also without rounds, as XLA says the bytes."""
    rows = [measured(length, width, rounds) for length in T]
    slopes = {kind: slope(T, [max(row[f"{kind} bytes"], 1) for row in rows]) for kind in ("reverse", "blocks")}
    notes = (
        "Bytes of intermediate values by XLA (`temp_size_in_bytes`); data and result are not among them.",
        f"They grow as T^{slopes['reverse']:.2f} in reverse, and as T^{slopes['blocks']:.2f} in blocks (`checkpoint = "
        "sqrt`), at the price of computing each block again: `operations` are those of blocks over those without.",
    )
    kinds = ("reverse bytes", "blocks bytes", "forward bytes")
    panels = (Panel("bytes of intermediate values", "T", kinds),)
    return Figure("memory", "What derivatives store", tuple(rows), notes, panels)


def measured(length: int, width: int, rounds: int) -> dict[str, Any]:
    """One row."""
    random = np.random.default_rng(0)
    data = {"X": random.normal(size=(length, width)), "W": random.normal(size=(width, width)) / width**0.5}
    functions: dict[str, Differentiated] = {}
    for name, text in (("reverse", CHAIN), ("blocks", BLOCKS + CHAIN)):
        problem = loads(text).with_options(dtype="f32")
        prepared = problem.prepare(data)
        functions[name] = differentiated(problem, prepared.compiled, "total", ["W"])
    arrays = dict(prepared.arrays)
    programs = {name: gradient_of(function) for name, function in functions.items()}
    programs["forward"] = tangent_of(functions["reverse"], jnp.ones((width, width), jnp.float32))
    counts = {name: operations(program, arrays) for name, program in programs.items()}
    built = {name: build(program, arrays) for name, program in programs.items()}
    times = in_turn({name: one.call for name, one in built.items()}, rounds)
    row: dict[str, Any] = {"T": length}
    row |= {f"{name} bytes": built[name].temporary for name in programs}
    row["operations"] = counts["blocks"] / counts["reverse"]
    if rounds:
        row |= {f"{name} ms": 1000 * (times[name] or 0.0) for name in programs}
    return row


def gradient_of(function: Differentiated) -> Function:
    """params ↦ value and gradient."""
    return lambda given: jax.value_and_grad(lambda m: function.value(m, given)[0])(function.start(given))


def tangent_of(function: Differentiated, tangent: jax.Array) -> Function:
    """params ↦ value and the derivative along a tangent."""

    def both(given: Any) -> Any:
        return jax.jvp(lambda m: function.value(m, given)[0], (function.start(given),), ({"W": tangent},))

    return both
