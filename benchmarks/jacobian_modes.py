"""Jacobians by rows, by columns, and by colours: a banded residual, and a network from a few inputs to many outputs.

usage: python -m benchmarks.jacobian_modes [--rounds 7] [--write FILE]

Each derivative is compiled once and run in turn with the others after a warm-up; medians. Setting up a colouring, from
the model's function to the colours, is timed apart: it is done once for a model and its sizes. Errors are relative to
the greatest entry of the Jacobian by rows.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

import karush
from benchmarks.layers import machine
from karush.derivative import Differentiated, differentiated
from karush.jacobian import choose_mode, find_colouring, jacobian

RESIDUAL = """
dim n
param u[n], h
let inner = [(u[i - 1] - 2 * u[i] + u[i + 1]) / h^2 + exp(u[i]) for i in range(1, n - 1)]
let output = concat([u[0]], inner, [u[n - 1]])
"""
HEAVY = """
dim n, q
param u[n], h, a[q], c[q]
let inner = [(u[i - 1] - 2 * u[i] + u[i + 1]) / h^2 + sum(c[k] * tanh(a[k] * (u[i + 1] - u[i - 1]) + u[i]) for k in q)
             for i in range(1, n - 1)]
let output = concat([u[0]], inner, [u[n - 1]])
"""
NETWORK = """
dim p, q, k
param u[p], A[k, p], B[k, k], C[q, k]
let output = C @ tanh(B @ tanh(A @ u))
"""
HIDDEN = 512
Way = Callable[..., Any]


def function_of(text: str, data: Mapping[str, Any]) -> tuple[Differentiated, dict[str, Any]]:
    """The output of a model as a function of u, and its data."""
    model = karush.loads(text)
    prepared = model.prepare(data)
    return differentiated(model, prepared.compiled, "output", ("u",)), dict(prepared.arrays)


@dataclass(frozen=True)
class Measured:
    """Milliseconds, megabytes of intermediate values, and the Jacobian."""

    time: float
    memory: float
    result: np.ndarray


def measured(ways: Mapping[str, Way], arrays: Mapping[str, Any], rounds: int) -> dict[str, Measured]:
    """Several programs, run in turn."""
    programs = {name: jax.jit(way).lower(arrays).compile() for name, way in ways.items()}
    found = {name: np.asarray(jax.block_until_ready(program(arrays))) for name, program in programs.items()}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, program in programs.items():
            begin = time.perf_counter()
            jax.block_until_ready(program(arrays))
            times[name].append(1e3 * (time.perf_counter() - begin))
    memory = {name: program.memory_analysis().temp_size_in_bytes / 1e6 for name, program in programs.items()}
    return {name: Measured(float(np.median(times[name])), memory[name], found[name]) for name in ways}


def ways_of(function: Differentiated) -> dict[str, Way]:
    """The whole Jacobian by rows and by columns."""

    def way(mode: str) -> Way:
        return lambda given: jacobian(function, mode, given).gradients["u"]

    return {mode: way(mode) for mode in ("vjp", "jvp")}


def banded(name: str, size: int, rounds: int) -> list[str]:
    """A line of the first table."""
    nodes = np.linspace(-1, 1, 32)
    data = {"u": np.linspace(0, 1, size), "h": 1 / size, **({"a": nodes, "c": nodes**2} if name == "heavy" else {})}
    function, arrays = function_of(HEAVY if name == "heavy" else RESIDUAL, data)
    begin = time.perf_counter()
    colouring, _ = find_colouring(function, arrays, ("jvp", "vjp"))
    setup = time.perf_counter() - begin
    assert colouring is not None
    few = partial(jacobian, function, colouring.mode, colouring=colouring)
    found = measured({**ways_of(function), "colours": lambda g: few(g).gradients["u"]}, arrays, rounds)
    rows, columns, ours = (found[way] for way in ("vjp", "jvp", "colours"))
    error = np.max(np.abs(ours.result - rows.result)) / np.max(np.abs(rows.result))
    times = (f"{found[way].time:.2f} ({found[way].memory:.1f})" for way in ("vjp", "jvp", "colours"))
    rate = min(rows.time, columns.time) / ours.time
    return [name, str(size), f"{colouring.count}", *times, f"{rate:.1f}", f"{error:.0e}", f"{setup:.2f}"]


def network(inputs: int, outputs: int, rounds: int) -> list[str]:
    """A line of the second table."""
    random = np.random.default_rng(0)
    shapes = {"A": (HIDDEN, inputs), "B": (HIDDEN, HIDDEN), "C": (outputs, HIDDEN)}
    data = {name: random.normal(size=shape) / shape[1] ** 0.5 for name, shape in shapes.items()}
    function, arrays = function_of(NETWORK, {**data, "u": random.normal(size=inputs)})
    found = measured(ways_of(function), arrays, rounds)
    forward, reverse = found["jvp"], found["vjp"]
    mode, _, _ = choose_mode(function, arrays, "auto")
    error = np.max(np.abs(forward.result - reverse.result)) / np.max(np.abs(reverse.result))
    return [str(inputs), str(outputs), f"{forward.time:.2f}", f"{reverse.time:.2f}", mode, f"{error:.0e}"]


def rows(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    return "\n".join("| " + " | ".join(line) + " |" for line in (header, ["---"] * len(header), *lines))


PAGE = """# Jacobians by rows, columns and colours

Made by `python -m benchmarks.jacobian_modes --rounds {rounds} --write docs/jacobian_modes.md` on {machine}.
Times are milliseconds of compiled programs.

## A banded Jacobian

Residuals of boundary value problems at n points: n × n with three entries in a row. The light one has ten operations a
point, the heavy one a sum of 32 terms. Times, and in brackets megabytes of intermediate values beside the result. By
colours there are three tangents, and one for the check of the pattern. All return the whole matrix with its zeros, 8 MB
at n = 1000. To write these is most of what the light one takes, by rows too: XLA does not store the zeros that a unit
cotangent carries along.

{banded}

The ratio is that of the better of rows and columns to colours. The set-up is the search for pattern and colours, once
for a model and its sizes; the first one loads and compiles the package that does it. A colouring pays where a function
is dear or its Jacobian is taken often, not for one Jacobian of a cheap function.

## Few inputs or few outputs

A network with two hidden layers of {hidden}, its outputs in its inputs: a full Jacobian.

{network}
"""


def page(rounds: int) -> str:
    """Both tables."""
    banded_head = [
        "residual",
        "n",
        "colours",
        "by rows",
        "by columns",
        "by colours",
        "ratio",
        "difference",
        "set-up, s",
    ]
    network_head = ["inputs", "outputs", "forward", "reverse", "`auto` takes", "difference"]
    pairs = ((4, 1024), (32, 1024), (256, 256), (1024, 32), (1024, 4))
    return PAGE.format(
        rounds=rounds,
        machine=machine(),
        hidden=HIDDEN,
        banded=rows(banded_head, [banded(n, size, rounds) for n in ("light", "heavy") for size in (64, 250, 1000)]),
        network=rows(network_head, [network(*pair, rounds) for pair in pairs]),
    )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    text = page(options.rounds)
    if options.write is None:
        print(text)
    else:
        options.write.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
