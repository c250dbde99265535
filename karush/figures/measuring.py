"""Exact counts of a function, and times of several in turn."""

from __future__ import annotations

import importlib
import importlib.util
import math
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from karush.compiler.cost.count import count
from karush.compiler.cost.programs import trace

Function = Callable[..., Any]


@dataclass(frozen=True)
class Built:
    """A compiled function with its arguments: XLA's own counts, and the bytes it needs for intermediate values."""

    call: Callable[[], Any]
    flops: float
    instructions: int
    temporary: int


def build(function: Function, *arguments: Any) -> Built:
    """Compile a function for these arguments."""
    compiled = jax.jit(function).lower(*arguments).compile()
    analysis = compiled.cost_analysis() or {}
    memory = compiled.memory_analysis()
    text = compiled.as_text() or ""
    instructions = sum(" = " in line for line in text.splitlines())
    return Built(
        lambda: jax.block_until_ready(compiled(*arguments)),
        float(analysis.get("flops", math.nan)),
        instructions,
        int(memory.temp_size_in_bytes) if memory is not None else 0,
    )


def operations(function: Function, *arguments: Any) -> float:
    """The operations of a function by the table of costs (compiler/cost/table.py)."""
    return count(trace(function, *arguments))


def in_turn(calls: Mapping[str, Callable[[], Any]], rounds: int) -> dict[str, float | None]:
    """Median processor seconds (of all threads) of each call, in turns after a warm-up; None for no rounds.

    A short call is repeated within its turn; every second turn goes backwards.
    """
    if rounds == 0:
        return dict.fromkeys(calls)
    for call in calls.values():
        call()
    often = {name: max(1, min(MOST_REPEATS, int(SHORT / max(spent(call, 1), 1e-6)))) for name, call in calls.items()}
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(rounds):
        for name in list(calls)[:: -1 if turn % 2 else 1]:
            seconds[name].append(spent(calls[name], often[name]))
    return {name: statistics.median(taken) for name, taken in seconds.items()}


SHORT, MOST_REPEATS = 5e-3, 100
"""Calls that take fewer seconds are repeated, so many times at most."""


def spent(call: Callable[[], Any], times: int) -> float:
    """Processor seconds of one call, by so many."""
    begin = time.process_time()
    for _ in range(times):
        call()
    return (time.process_time() - begin) / times


def quotient(above: float | None, below: float | None) -> float | None:
    """Their ratio; None where one was not measured, or there is nothing below."""
    return above / below if above is not None and below else None


def slope(sizes: Sequence[float], values: Sequence[float]) -> float:
    """The exponent of the power law that fits best: least squares on logarithms; NaN for a single size."""
    if len(set(sizes)) < 2:
        return math.nan
    return float(np.polyfit(np.log(np.asarray(sizes, float)), np.log(np.asarray(values, float)), 1)[0])


def optional(module: str) -> Any:
    """A module that need not be installed; None where it is not."""
    return importlib.import_module(module) if importlib.util.find_spec(module) is not None else None


# ---------------------------------------------------------------- data

DIGITS = "digits"
PIXELS = 784


@dataclass(frozen=True)
class Images:
    """Images as rows of numbers between 0 and 1, and their classes 0 … 9."""

    pixels: np.ndarray
    label: np.ndarray


def images(name: str, count: int) -> Images:
    """So many images, repeated where there are fewer: scikit-learn's 8 × 8 digits, or 784 normal numbers each."""
    if name == DIGITS:
        sklearn = optional("sklearn.datasets")
        if sklearn is None:
            raise ModuleNotFoundError('the digits are those of scikit-learn: pip install "karush[bench]"')
        found = sklearn.load_digits()
        order = np.resize(np.random.default_rng(0).permutation(len(found.target)), count)
        return Images(found.data[order] / 16, found.target[order])
    random = np.random.default_rng(0)
    return Images(random.normal(size=(count, PIXELS)), random.integers(0, 10, count))


def as_single(arrays: Mapping[str, np.ndarray]) -> dict[str, jax.Array]:
    """Arrays in single precision, indices as they are."""
    return {name: jnp.asarray(a, jnp.float32 if a.dtype.kind == "f" else jnp.int32) for name, a in arrays.items()}
