"""Whether the element at ties matters: relu'(0) = 0 or 1 while a network is trained, in three precisions.

Exact zeros have probability 0 among real numbers and not among floating ones, the fewer of these the more often
(D. Bertoin, J. Bolte, S. Gerchinovitz, E. Pauwels, Numerical influence of ReLU'(0) on backpropagation, NeurIPS 2021).
A draw is a start of the weights; it differs if in any step of an epoch the gradients with 0 and with 1 do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.lower import lower
from karush.figures.figure import Figure, Panel
from karush.figures.measuring import DIGITS, images
from karush.figures.networks import CLASSES, perceptron, weight_names, weights
from karush.problem import Problem, loads
from karush.tie_counts import tie_counts

PRECISIONS = {"f16": jnp.float16, "f32": jnp.float32, "f64": jnp.float64}
LAYERS, NEURONS, BATCH = (1, 3), (64,), 64
RATE = 0.1
STRICT = {"xla_allow_excess_precision": False}
"""Every intermediate value is rounded to its precision, also where XLA fuses operations."""

Arrays = dict[str, Array]


def relu_tie(
    layers: Sequence[int] = LAYERS,
    neurons: Sequence[int] = NEURONS,
    batch: int = BATCH,
    data: str = DIGITS,
    draws: int = 16,
    steps: int = 28,
    precisions: Sequence[str] = tuple(PRECISIONS),
) -> Figure:
    """The figure; double precision needs JAX's 64-bit types."""
    rows = [
        measured(depth, width, batch, data, draws, steps, precision)
        for depth in layers
        for width in neurons
        for precision in precisions
    ]
    notes = (
        f"{draws} draws of weights, {steps} steps of {batch} images with rate {RATE} each, gradients with relu'(0) = 0 "
        "and 1 at the same weights, the former applied. `differ`: the share of draws in which any of them differs.",
        "`zeros per relu`: exact zeros at which a relu was evaluated, of all its evaluations; `loss`: the mean at the "
        "end of the training with relu'(0) = 0.",
        "Half precision is no precision of the language: the model is lowered to it by the library, and "
        "XLA rounds every intermediate value (`xla_allow_excess_precision` off).",
    )
    panels = tuple(
        Panel(f"share of draws that differ, {width} neurons", "layers", ("differ",), "precision", False,
              (("neurons", width),), from_zero=True)
        for width in neurons
    )  # fmt: skip
    return Figure("relu-tie", "The influence of relu'(0)", tuple(rows), notes, panels)


def in_precision(problem: Problem, dims: Mapping[str, int], precision: str, tie: Any) -> Compiled:
    """A model compiled in a precision, also in one that the language does not have."""
    analysis = problem.analysis
    ties = problem.with_options(tie=tie).ties
    return lower(analysis.whole, analysis.parts, dims, problem.settings, PRECISIONS[precision], ties)


def measured(
    layers: int, neurons: int, batch: int, data: str, draws: int, steps: int, precision: str
) -> dict[str, Any]:
    """One row."""
    found = images(data, batch * steps)
    pixels = found.pixels.shape[1]
    dtype = PRECISIONS[precision]
    dims = {"m": batch, "d": pixels, "h": neurons, "k": CLASSES}
    problem = loads(perceptron(layers))
    low, high = (in_precision(problem, dims, precision, {"relu": tie}) for tie in (0.0, 1.0))
    starts = [weights(layers, pixels, neurons, seed) for seed in range(draws)]
    stacked = {name: jnp.asarray(np.stack([start[name] for start in starts]), dtype) for name in weight_names(layers)}
    batches = {
        "X": jnp.asarray(found.pixels.reshape(steps, batch, pixels), dtype),
        "label": jnp.asarray(found.label.reshape(steps, batch), jnp.int32),
    }
    differ, zeros, losses = jax.jit(jax.vmap(training(low, high), in_axes=(0, None)), compiler_options=STRICT)(
        stacked, batches
    )
    return {
        "layers": layers,
        "neurons": neurons,
        "precision": precision,
        "draws": draws,
        "differ": float(jnp.mean(jnp.any(differ, axis=1))),
        "steps that differ": float(jnp.mean(differ)),
        "zeros per relu": float(jnp.sum(zeros)) / (draws * steps * batch * neurons * layers),
        "loss": float(jnp.mean(losses[:, -1].astype(jnp.float32))),
    }


def training(low: Compiled, high: Compiled) -> Callable[[Arrays, Arrays], tuple[Array, Array, Array]]:
    """(weights, batches) ↦ in each step: do the gradients differ, how many ties are there, the loss."""

    def loss(compiled: Compiled) -> Callable[[Arrays, Arrays], Array]:
        return lambda moving, rows: compiled.function({**moving, **rows}).values["loss"]

    def step(moving: Arrays, rows: Arrays) -> tuple[Arrays, tuple[Array, Array, Array]]:
        value, slopes = jax.value_and_grad(loss(low))(moving, rows)
        others = jax.grad(loss(high))(moving, rows)
        unlike = jnp.any(jnp.stack([jnp.any(slopes[name] != others[name]) for name in slopes]))
        zeros = jnp.sum(tie_counts(low, "loss", {**moving, **rows})[:, 0].astype(jnp.float32))
        moved = {name: array - jnp.asarray(RATE, array.dtype) * slopes[name] for name, array in moving.items()}
        return moved, (unlike & (zeros > 0), zeros, value)

    def train(moving: Arrays, batches: Arrays) -> tuple[Array, Array, Array]:
        return jax.lax.scan(step, moving, batches)[1]

    return train
