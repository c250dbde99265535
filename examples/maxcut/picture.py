"""Draw the best cut that a few hundred random planes find, and which edges the bound depends on."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

import karush

HERE = Path(__file__).parent
PLANES = 500


def cut_weight(W: np.ndarray, side: np.ndarray) -> float:
    """The weight of the edges between the sides, of which ``side`` holds 1 and -1."""
    return float(np.sum(W * (1 - np.outer(side, side))) / 4)


def main() -> None:
    """Solve the relaxation, round it, differentiate the bound in every edge; write ``maxcut.png``."""
    jax.config.update("jax_enable_x64", True)
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    W = np.array(json.loads((HERE / "data.json").read_text())["W"])
    place = np.array(json.loads((HERE / "places.json").read_text()))
    model = karush.load(HERE / "maxcut.opt")
    bound, slope = jax.value_and_grad(lambda W: model(W=W).objective)(jnp.array(W))
    X = np.asarray(model(W=W).X)
    values, vectors = np.linalg.eigh(X)
    directions = vectors * np.sqrt(np.maximum(values, 0))
    planes = np.random.default_rng(0).normal(size=(PLANES, len(W)))
    sides = np.where(directions @ planes.T >= 0, 1, -1).T
    best = max(sides, key=lambda side: cut_weight(W, side))

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.6), layout="constrained")
    for axes, title in (
        (left, f"Cut of weight {cut_weight(W, best):.2f}; no cut weighs more than {bound:.2f}"),
        (right, "∂ bound / ∂ weight of each edge"),
    ):
        axes.set(title=title, xticks=[], yticks=[])
    steep = float(jnp.max(slope))
    for i, j in zip(*np.nonzero(np.triu(W)), strict=True):
        across = best[i] != best[j]
        ends = place[[i, j]].T
        left.plot(*ends, color="tab:red" if across else "lightgray", linewidth=0.6 + 2 * W[i, j], zorder=1)
        right.plot(*ends, color=plt.get_cmap("viridis")(float(slope[i, j]) / steep), linewidth=2.5, zorder=1)
    for axes in (left, right):
        axes.scatter(*place.T, c=np.where(best > 0, "tab:blue", "white"), edgecolors="tab:blue", s=70, zorder=2)
    shades = plt.cm.ScalarMappable(plt.Normalize(0, 2 * steep), "viridis")
    figure.colorbar(shades, ax=right, label="both entries of the symmetric W")
    figure.savefig(HERE / "maxcut.png", dpi=110)


if __name__ == "__main__":
    main()
