"""Measure the figures of the papers on nonsmooth derivatives, beside JAX, torch and jaxopt, and write their page.

usage: taskset -c 1 python -m benchmarks.nonsmooth [--small] [--write docs/nonsmooth.md]

One run writes every table, and the pictures into the folder ``pictures`` beside the page. Times are processor times.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import jax

from benchmarks.layers import machine
from benchmarks.tie_table import installed, map_rows, tie_rows
from benchmarks.tie_table import markdown as table
from karush.figures.clarke import clarke
from karush.figures.figure import Figure, markdown
from karush.figures.memory import memory
from karush.figures.overhead import overhead
from karush.figures.plot import draw
from karush.figures.pool_tie import pool_tie
from karush.figures.relu_matmul import relu_matmul
from karush.figures.relu_tie import relu_tie

VERBS = {"maxpool-tie": "relu-tie"}
"""Figures that the verb shows under the name of another."""
PEERS = ("jax", "torch", "jaxopt", "scikit-learn")

TEXTS = {
    "overhead": "The gradient of a ReLU network with cross-entropy, against the number of hidden layers, their neurons "
    "and the images in a batch. The cheap conservative gradient principle says that value and gradient cost at most ω "
    "times the value, whatever the number of params, ω being the worst ratio among the operations of the program; for "
    "networks of this kind 4 by the table of costs. [From model to StableHLO](stages.md) and `karush cost` show the "
    "same count for any model.",
    "relu-matmul": "F(x) = M₃ relu(M₂ relu(M₁ x)) is positively homogeneous: its directional derivatives at 0 are its "
    "values, and those along p directions contain a product of p × p matrices. Methods that take p directional "
    "derivatives (vector forward mode, lexicographic derivatives, Clarke elements by columns) pay that; a gradient "
    "does not.",
    "clarke": "Two programs, of x and of 0, whose plain derivatives at 0 are 0 and 1: elements of a conservative "
    "field, and of no Clarke derivative. `karush grad --mode clarke` follows a random direction through every tie and "
    "is right, at no more than six programs; `--mode ld` is right without randomness at the price of p. The networks "
    "have weights −1, 0, 1 and stand with every relu at its tie.",
    "relu-tie": "Ties have probability 0 among real numbers and not among floating ones. Networks are trained with "
    "relu'(0) = 0, and in every step the gradient with relu'(0) = 1 is compared. On data of this size ties are rare; "
    "the published experiments (MNIST, CIFAR10, networks of 10 times the size) find more.",
    "maxpool-tie": "J_β = β J_min + (1 − β) J_first at ties of the maximum: all are elements of a conservative field, "
    "their norm grows with β. Equal patches of an image make exact ties, where all elements give the same gradient up "
    "to rounding; a large β multiplies the rounding. The default of karush is the element of least norm (β = 1).",
    "memory": "A sum over T terms, each a chain of matrix products, and its gradient in reverse; in blocks of "
    "about √T terms with `derivative unroll(checkpoint = sqrt)`; and one forward derivative.",
}


def figures(is_small: bool) -> Iterator[tuple[str, list[Figure]]]:
    """Name of the picture, and figures drawn in it."""
    if is_small:
        yield "overhead", [overhead((1, 2), (16,), (8,), rounds=1)]
        yield "relu_matmul", [relu_matmul((8, 16), rounds=1)]
        yield "clarke", [clarke((2, 4), rounds=1)]
        yield "ties", [relu_tie((1,), (8,), 8, draws=2, steps=2), pool_tie((0.0, 1.0), draws=1, steps=2)]
        yield "memory", [memory((64, 256), 16, rounds=1)]
        return
    yield "overhead", [overhead((1, 2, 3, 5, 10), (32, 128, 512), (16, 128, 1024))]
    yield "overhead_784", [overhead((1, 3, 10), (64, 256), (16, 256), "synthetic")]
    yield "relu_matmul", [relu_matmul((64, 256, 1024), rounds=5)]
    yield "clarke", [clarke((3, 8, 32, 128))]
    yield "ties", [relu_tie((1, 3), (64, 128)), pool_tie()]
    yield "memory", [memory((256, 1024, 4096, 16384))]


def ties() -> str:
    """What everyone takes at ties."""
    heads = ["operation", "at", "set", "least norm", "left", "right", "`jax`", "JAX", "`torch`", "PyTorch"]
    return (
        "## What is taken at a tie\n\n"
        "The derivative at a tie is one element of a set: in karush the one of least norm, or by `--tie` and "
        "`derivative rule(…)` another. An empty cell: that package has no such operation, or is not installed. "
        "[Derivatives at ties](rules.md) says more.\n\n"
        f"{table(heads, tie_rows(installed('torch')))}\n\n"
        "Projections and proximal maps: the gradient of Σ cos(i) P(v)_i; by vectors: by `eigh` or `svd` in JAX.\n\n"
        f"{table(['map', 'karush', 'JAXopt; by vectors'], map_rows(installed('jaxopt')))}\n"
    )


def versions() -> str:
    """The peers that are installed, with their versions, and those that are not."""
    there = {name for name in PEERS if importlib.util.find_spec(name.replace("scikit-learn", "sklearn"))}
    said = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in PEERS if name in there)
    missing = [name for name in PEERS if name not in there]
    return said + (f"; not installed, and so not in the tables: {', '.join(missing)}" if missing else "")


def main() -> None:
    """Measure everything, print the tables, write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--small", action="store_true", help="tiny sizes, to see that everything runs")
    parser.add_argument("--write", type=Path)
    options = parser.parse_args()
    jax.config.update("jax_enable_x64", True)
    parts = []
    for name, found in figures(options.small):
        for figure in found:
            parts.append(section(figure))
            print(markdown(figure), flush=True)
        if options.write:
            pictures = options.write.parent / "pictures"
            pictures.mkdir(exist_ok=True)
            (pictures / f"{name}.svg").write_bytes(draw(found, "svg"))
            parts.append(f"![{found[0].title}](pictures/{name}.svg)\n")
    page = "\n".join([head(options.write), ties(), *parts])
    print(page if options.small else "")
    if options.write:
        options.write.write_text(page, encoding="utf-8")


def section(figure: Figure) -> str:
    """A figure with its text."""
    data = f" ({figure.rows[0]['data']})" if figure.name == "overhead" else ""
    verb = VERBS.get(figure.name, figure.name)
    return f"## {figure.title}{data}\n\n`karush bench {verb}`\n\n{TEXTS[figure.name]}\n\n{markdown(figure)}"


def head(path: Path | None) -> str:
    """What is measured, by what, on what."""
    return (
        "# What derivatives of nonsmooth programs cost\n\n"
        f"Made by `python -m benchmarks.nonsmooth --write {path}` on {machine()}, with {versions()}. Operation counts "
        "are exact and the same everywhere. Times are medians of processor time in one run, on a machine that does "
        "other work too: their ratios are rough, and single ones mean little. Networks, products and sums are in "
        "single precision, Clarke elements and ties in double.\n"
    )


if __name__ == "__main__":
    main()
