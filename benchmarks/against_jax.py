"""A compiled plain function beside the same function written in JAX by hand: time, and size of the program.

    python -m benchmarks.against_jax [--seconds 3] [--write docs/against_jax.md]

A ReLU network with its cross-entropy loss, its value and its gradient in all weights, compiled alike and run in turn on
the same arrays. Printed are the ratios of the medians and of the shortest of their times, the instructions of the
optimised HLO, and the ratio of the operations of their jaxprs.
"""

from __future__ import annotations

import argparse
import re
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import karush
from karush.compiler.cost.count import count
from karush.compiler.cost.programs import trace
from karush.derivative import Differentiated, differentiated

Arrays = Mapping[str, Any]
FEWEST = 40
"""How often each program runs at least."""

SIZES = ((1, 64, 64), (1, 128, 256), (2, 128, 256), (3, 128, 512), (5, 64, 512), (1, 512, 512))
"""(hidden layers, batch, width); 64 inputs and 10 classes each."""


def model(layers: int) -> str:
    """The network in the language."""
    params = "".join(f"param W{k}[{'h, d' if k == 0 else 'h, h'}], b{k}[h]\n" for k in range(layers))
    hidden = "x"
    for k in range(layers):
        hidden = f"relu(W{k} @ {hidden} + b{k})"
    return (
        f"dim m, d, h, k\nparam X[m, d], y[m] in index(k)\n{params}param V[k, h], c[k]\n"
        f"fn net(x[d]) = V @ {hidden} + c\n"
        "let loss = mean(cross_entropy(net(X[i]), y[i]) for i in m)\n"
    )


def by_hand(layers: int) -> Callable[[Arrays, Arrays], Any]:
    """The same as one writes it in JAX: for one image, and mapped."""

    def net(weights: Arrays, x: Any) -> Any:
        for k in range(layers):
            x = jax.nn.relu(weights[f"W{k}"] @ x + weights[f"b{k}"])
        return weights["V"] @ x + weights["c"]

    def loss(weights: Arrays, data: Arrays) -> Any:
        logits = jax.vmap(lambda x: net(weights, x))(data["X"])
        own = jnp.take_along_axis(logits, data["y"][:, None], axis=1)[:, 0]
        return jnp.mean(jax.nn.logsumexp(logits, axis=1) - own)

    return loss


def compiled_model(layers: int, sizes: tuple[int, int]) -> Callable[[Arrays, Arrays], Any]:
    """The same as karush compiles it."""
    batch, width = sizes
    problem = karush.loads(model(layers))
    compiled = problem.compile_for({"m": batch, "d": 64, "h": width, "k": 10})
    wrt = [name for name in problem.model.params if name not in ("X", "y")]
    function: Differentiated = differentiated(problem, compiled, "loss", wrt)
    return lambda weights, data: function.value(dict(weights), {**weights, **data})[0]


def arrays(layers: int, batch: int, width: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Weights and data."""
    rng = np.random.default_rng(0)
    weights: dict[str, Any] = {"V": rng.normal(size=(10, width)) / width**0.5, "c": np.zeros(10)}
    for k in range(layers):
        inputs = 64 if k == 0 else width
        weights |= {f"W{k}": rng.normal(size=(width, inputs)) / inputs**0.5, f"b{k}": np.zeros(width)}
    data = {"X": rng.normal(size=(batch, 64)), "y": rng.integers(0, 10, batch)}
    return jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), weights), {
        "X": jnp.asarray(data["X"], jnp.float32),
        "y": jnp.asarray(data["y"]),
    }


# ---------------------------------------------------------------- measuring


@dataclass(frozen=True)
class Compiled:
    """A program compiled: what runs it, and its size."""

    run: Callable[..., Any]
    instructions: int
    operations: float


def compiled(function: Callable[..., Any], *arguments: Any) -> Compiled:
    """A function compiled for these arrays."""
    program = jax.jit(function).lower(*arguments).compile()
    return Compiled(program, instructions(program.as_text()), count(trace(function, *arguments)))


def instructions(hlo: str) -> int:
    """How many instructions stand in an optimised HLO module."""
    return len(re.findall(r"^\s+(?:ROOT )?%?[\w.\-]+ = ", hlo, re.MULTILINE))


def seconds(program: Compiled, arguments: tuple[Any, ...]) -> float:
    """The time of one run."""
    begin = time.perf_counter()
    jax.block_until_ready(program.run(*arguments))
    return time.perf_counter() - begin


@dataclass(frozen=True)
class Times:
    """Milliseconds of ours (median), and ours over theirs: of the medians, and of the shortest runs."""

    milliseconds: float
    median: float
    shortest: float


def in_turn(ours: Compiled, theirs: Compiled, arguments: tuple[Any, ...], longest: float) -> Times:
    """Both run by run in turn, so that they meet the same noise."""
    for program in (ours, theirs) * 3:
        seconds(program, arguments)
    own: list[float] = []
    other: list[float] = []
    begin = time.perf_counter()
    while len(own) < FEWEST or time.perf_counter() - begin < longest:
        pair = ((ours, own), (theirs, other))
        for program, times in pair if len(own) % 2 else pair[::-1]:
            times.append(seconds(program, arguments))
    median = statistics.median(own)
    return Times(1e3 * median, median / statistics.median(other), min(own) / min(other))


def rows(longest: float) -> Iterator[str]:
    """The lines of the table."""
    yield "| layers × batch × width | program | ms | medians | shortest | instructions | by hand | operations | error |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for layers, batch, width in SIZES:
        weights, data = arrays(layers, batch, width)
        ours, theirs = compiled_model(layers, (batch, width)), by_hand(layers)
        for name, change in (("forward", lambda f: f), ("gradient", jax.value_and_grad)):
            mine, other = (compiled(change(f), weights, data) for f in (ours, theirs))
            times = in_turn(mine, other, (weights, data), longest)
            error = difference(mine.run(weights, data), other.run(weights, data))
            yield (
                f"| {layers} × {batch} × {width} | {name} | {times.milliseconds:.3f} | {times.median:.3f} "
                f"| {times.shortest:.3f} | {mine.instructions} "
                f"| {other.instructions} | {mine.operations / other.operations:.4f} | {error:.0e} |"
            )


def difference(ours: Any, theirs: Any) -> float:
    """The largest relative difference of the results."""
    pairs = zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True)
    return max(float(jnp.max(jnp.abs(a - b)) / jnp.maximum(jnp.max(jnp.abs(b)), 1e-30)) for a, b in pairs)


HEAD = """# A function beside JAX

Made by `{command}`
on one core of a {machine} CPU, jax {version}, single precision.

A ReLU network with its cross-entropy loss, 64 inputs and 10 classes, in the language and written by hand in JAX; the
gradient is that in all weights, with the value. The times are ratios, the language over JAX, run by run in turn: of the
medians, and of the shortest runs, which the noise of a shared machine moves less. Instructions are those of the
optimised HLO. Operations are counted over the jaxpr, by the table of [the price of derivatives](cost.md), as a ratio.

"""


def main() -> None:
    """Measure, print, and write the page if asked to."""
    import platform

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each pair of programs")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    lines = []
    for line in rows(options.seconds):
        print(line, flush=True)
        lines.append(line)
    if options.write:
        command = f"python -m benchmarks.against_jax --seconds {options.seconds:g} --write {options.write}"
        head = HEAD.format(command=command, machine=platform.machine(), version=jax.__version__)
        options.write.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
