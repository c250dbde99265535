"""Memory of reverse mode with and without checkpoints: a long clause of a model, and a loop.

usage: python -m benchmarks.memory [--rounds 7] [--write FILE]

Bytes are those that XLA sets aside for intermediate values of the compiled gradient; the slope is that of log bytes
against log T. Times are medians, the programs run in turn after a warm-up.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

import karush
from benchmarks.layers import machine
from karush.solvers.checkpoint import checkpointed_scan

LENGTHS = (256, 1024, 4096, 10_000)
CLAUSE = """
dim T, d
param X[T, d], W[d, d], w[d]
let loss = {operator}((tanh(tanh(tanh(X[t] @ W) @ W) @ W) @ w)^2 for t in T)
"""
CHECKPOINT = "derivative unroll(checkpoint = sqrt)"
WIDTH = 32
Gradient = Callable[..., Array]


@dataclass(frozen=True)
class Line:
    """What one program takes at each length."""

    name: str
    bytes: tuple[int, ...]
    milliseconds: tuple[float, ...]

    @property
    def slope(self) -> float:
        """The power of T with which the bytes grow."""
        return float(np.polyfit(np.log(LENGTHS), np.log(self.bytes), 1)[0])


def clause(operator: str, head: str) -> Gradient:
    """The gradient of a reduction over T lanes in the weights W."""
    model = karush.loads(f"{CLAUSE.format(operator=operator)}{head}\n")
    return jax.grad(lambda W, X: model(X=X, W=W, w=jnp.ones(WIDTH)).loss)


def loop(scan: Callable[..., Any]) -> Gradient:
    """The gradient in W of the end of z ← tanh(W z + x_t), t < T."""

    def end(W: Array, X: Array) -> Array:
        return jnp.sum(scan(lambda z, x: (jnp.tanh(W @ z + x), None), jnp.zeros(WIDTH), X)[0])

    return jax.grad(end)


def programs() -> dict[str, Gradient]:
    """What is compared."""
    clauses = {
        f"`{operator}` over a clause{', in blocks' * bool(head)}": clause(operator, head)
        for operator in ("sum", "logsumexp")
        for head in ("", CHECKPOINT)
    }
    return {**clauses, "a loop": loop(lax.scan), "a loop, two levels of checkpoints": loop(checkpointed_scan)}


def lines(rounds: int) -> list[Line]:
    """Every program at every length."""
    random = np.random.default_rng(0)
    weights = jnp.asarray(random.normal(size=(WIDTH, WIDTH)) / WIDTH**0.5)
    taken: dict[str, list[tuple[int, float]]] = {name: [] for name in programs()}
    for length in LENGTHS:
        arguments = (weights, jnp.asarray(random.normal(size=(length, WIDTH))))
        compiled = {name: jax.jit(gradient).lower(*arguments).compile() for name, gradient in programs().items()}
        times = in_turn(compiled, arguments, rounds)
        for name, program in compiled.items():
            taken[name].append((program.memory_analysis().temp_size_in_bytes, times[name]))
    return [Line(name, tuple(b for b, _ in found), tuple(ms for _, ms in found)) for name, found in taken.items()]


def in_turn(compiled: dict[str, Any], arguments: Sequence[Array], rounds: int) -> dict[str, float]:
    """Milliseconds of several programs."""
    times: dict[str, list[float]] = {name: [] for name in compiled}
    for _ in range(rounds + 1):  # the first one warms up
        for name, program in compiled.items():
            begin = time.perf_counter()
            jax.block_until_ready(program(*arguments))
            times[name].append(1e3 * (time.perf_counter() - begin))
    return {name: float(np.median(taken[1:])) for name, taken in times.items()}


PAGE = """# Memory of reverse mode

Made by `python -m benchmarks.memory --rounds {rounds} --write docs/reverse_memory.md` on {machine}.
Bytes of intermediate values of the compiled gradient, and its time. The slope is that of log bytes against log T: 1 for
memory as T, ½ for memory as √T.

Each of T steps has matrices of {width} × {width}. The clauses are three layers deep; in blocks they are those of a
model with `{checkpoint}`.

{table}
"""


def page(rounds: int) -> str:
    """The table."""
    head = ["program", *(f"T = {length}" for length in LENGTHS), "slope"]
    found = []
    for line in lines(rounds):
        taken = zip(line.bytes, line.milliseconds, strict=True)
        found.append([line.name, *(f"{b / 1e3:.0f} kB, {ms:.2f} ms" for b, ms in taken), f"{line.slope:.2f}"])
    table = "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *found))
    return PAGE.format(rounds=rounds, machine=machine(), width=WIDTH, checkpoint=CHECKPOINT, table=table)


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
