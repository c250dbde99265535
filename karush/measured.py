"""How long a program and its derivative programs take, beside their operation counts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from karush.cost import Cost
from karush.report import versions

ROUNDS = 21
LONGEST = 2.0
"""A program is run so many times, or for so many seconds, whichever ends first."""


@dataclass(frozen=True)
class Run:
    """Seconds of a run (median), XLA's own count of floating-point operations, and how often it ran."""

    seconds: float
    flops: float | None
    rounds: int


@dataclass(frozen=True)
class Measured:
    """The program and its derivative programs as they ran; ``on`` says on what."""

    program: Run
    reverse: Run
    forward: Run
    on: str


def measure(cost: Cost, params: Mapping[str, Any]) -> Measured:
    """Compile and run the programs of a price on these params (all of them, as arrays)."""
    program = cost.program
    moving, fixed = {name: params[name] for name in cost.wrt}, dict(params)
    ones = jax.tree.map(lambda s: jnp.ones(s.shape, s.dtype), program.cotangents())
    return Measured(
        timed(program.value, moving, fixed),
        timed(program.reverse, moving, fixed, ones),
        timed(program.forward, moving, fixed, jax.tree.map(jnp.ones_like, moving)),
        surroundings(cost),
    )


def timed(function: Callable[..., Any], *arguments: Any) -> Run:
    """The median time of a compiled function, after one run that does not count."""
    compiled = jax.jit(function).lower(*arguments).compile()
    jax.block_until_ready(compiled(*arguments))
    seconds: list[float] = []
    while len(seconds) < ROUNDS and (not seconds or sum(seconds) < LONGEST):
        begin = time.perf_counter()
        jax.block_until_ready(compiled(*arguments))
        seconds.append(time.perf_counter() - begin)
    analysis = compiled.cost_analysis() or {}
    return Run(statistics.median(seconds), analysis.get("flops"), len(seconds))


def surroundings(cost: Cost) -> str:
    """The device, the precision and the version that times belong to."""
    device = jax.devices()[0]
    kind = device.platform if device.platform == device.device_kind else f"{device.platform} ({device.device_kind})"
    return f"{kind}, {np.dtype(cost.compiled.dtype).name}, jax {versions()['jax']}"
