"""The overhead of a gradient: cost(value and gradient) / cost(value) of ReLU networks, whatever their size.

The theorem: at most ω, the worst ratio among the operations of the program, independent of the number of params
(J. Bolte, R. Boustany, E. Pauwels, B. Pesquet-Popescu, On the complexity of nonsmooth automatic differentiation,
ICLR 2023, whose experiment this is).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jax

from karush.cost import Program, price, price_of
from karush.figures.figure import Figure, Panel
from karush.figures.measuring import DIGITS, as_single, build, images, in_turn, optional, quotient
from karush.figures.networks import CLASSES, by_hand, in_torch, perceptron, weight_names, weights
from karush.problem import loads

LAYERS, NEURONS, BATCH = (1, 3, 6), (32, 128, 256), (16, 64, 256)


@dataclass(frozen=True)
class Size:
    """A network and a batch, and which of the three numbers this one varies."""

    varied: str
    layers: int
    neurons: int
    batch: int


def sizes(layers: Sequence[int], neurons: Sequence[int], batch: Sequence[int]) -> Iterator[Size]:
    """Each number in turn, the others as in the middle of their lists."""
    middle = [found[len(found) // 2] for found in (layers, neurons, batch)]
    yield from (Size("layers", n, middle[1], middle[2]) for n in layers)
    yield from (Size("neurons", middle[0], n, middle[2]) for n in neurons)
    yield from (Size("batch", middle[0], middle[1], n) for n in batch)


def overhead(
    layers: Sequence[int] = LAYERS,
    neurons: Sequence[int] = NEURONS,
    batch: Sequence[int] = BATCH,
    data: str = DIGITS,
    rounds: int = 7,
) -> Figure:
    """The figure; without rounds nothing is compiled or timed."""
    rows = [measured(size, data, rounds) for size in sizes(layers, neurons, batch)]
    notes = [
        "`ratio`: operations of value and gradient over those of the value, by the table of costs; `ω`: the proven "
        "bound for the operations of this program; `JAX ratio`: the same count for the network written in JAX.",
    ]
    if rounds:
        notes += [
            "`flops`: the ratio by XLA's own count. `time`: the ratio of processor times (medians in turns).",
            "`value / JAX`, `gradient / JAX`: processor time of the compiled model over that of the network written in "
            "JAX; `HLO / JAX`: optimised instructions of value and gradient over its.",
        ]
        if optional("torch") is None:
            notes.append("torch is not installed: it is not in the table.")
    drawn = ("ratio", "ω", *(("flops", "time", "JAX time", "torch time") if rounds else ()))
    panels = tuple(
        Panel(f"against {name}", name, drawn, where=(("varied", name),), from_zero=True)
        for name in ("layers", "neurons", "batch")
    )
    return Figure("overhead", "The overhead of a gradient", tuple(rows), tuple(notes), panels)


def measured(size: Size, data: str, rounds: int) -> dict[str, Any]:
    """One row."""
    found = images(data, size.batch)
    pixels = found.pixels.shape[1]
    start = weights(size.layers, pixels, size.neurons)
    problem = loads(perceptron(size.layers)).with_options(dtype="f32")
    dims = {"m": size.batch, "d": pixels, "h": size.neurons, "k": CLASSES}
    cost = price(problem, "loss", weight_names(size.layers), dims)
    moving, fixed = as_single(start), as_single({"X": found.pixels, "label": found.label})
    own = Program(lambda m, f: cost.program.function(m, {**f, **m}), moving, fixed)
    hand = Program(by_hand(size.layers), moving, fixed)
    row = {
        "data": data,
        "varied": size.varied,
        "layers": size.layers,
        "neurons": size.neurons,
        "batch": size.batch,
        "params": sum(array.size for array in moving.values()),
        "ratio": cost.whole.ratio("vjp"),
        "ω": cost.whole.bound("vjp"),
        "JAX ratio": price_of(hand).ratio("vjp"),
    }
    return {**row, **(timed(own, hand, rounds) if rounds else {}), **peer(size, start, found, rounds)}


def timed(own: Program, hand: Program, rounds: int) -> dict[str, Any]:
    """What XLA counts, and the times of the model and of the network written in JAX."""
    built = {
        (kind, name): build(make(program.function), program.moving, program.fixed)
        for name, program in (("own", own), ("hand", hand))
        for kind, make in (("value", lambda f: f), ("gradient", jax.value_and_grad))
    }
    taken = in_turn({f"{kind} {name}": one.call for (kind, name), one in built.items()}, rounds)
    return {
        "flops": quotient(built["gradient", "own"].flops, built["value", "own"].flops),
        "time": quotient(taken["gradient own"], taken["value own"]),
        "JAX time": quotient(taken["gradient hand"], taken["value hand"]),
        "value / JAX": quotient(taken["value own"], taken["value hand"]),
        "gradient / JAX": quotient(taken["gradient own"], taken["gradient hand"]),
        "HLO / JAX": quotient(built["gradient", "own"].instructions, built["gradient", "hand"].instructions),
    }


def peer(size: Size, start: Any, found: Any, rounds: int) -> dict[str, Any]:
    """The ratio of times in torch, where it is installed."""
    torch = optional("torch") if rounds else None
    if torch is None:
        return {}
    value, both = in_torch(torch, size.layers, start, found.pixels, found.label)
    taken = in_turn({"value": value, "both": both}, rounds)
    return {"torch time": quotient(taken["both"], taken["value"])}
