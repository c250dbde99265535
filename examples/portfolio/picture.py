"""Draw the efficient frontier (one vmap over risk aversions) and how each weight answers each expected return."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

import karush

HERE = Path(__file__).parent


def main() -> None:
    """Solve the model for 60 risk aversions at once, differentiate the weights, write ``portfolio.png``."""
    jax.config.update("jax_enable_x64", True)
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    data = json.loads((HERE / "data.json").read_text())
    names = list(data["mu"])
    given = {
        "mu": jnp.array(list(data["mu"].values())),
        "Sigma": jnp.array([list(row.values()) for row in data["Sigma"].values()]),
        "held": jnp.array(list(data["held"].values())),
        "budget": 2.0,
    }
    model = karush.load(HERE / "portfolio.opt")
    aversions = jnp.geomspace(0.3, 300.0, 60)
    frontier = jax.vmap(lambda gamma: model(**given, gamma=gamma))(aversions)
    response = jax.jacobian(lambda mu: model(**{**given, "mu": mu}, gamma=6.0).w)(given["mu"])

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
    left.plot(100 * np.sqrt(frontier.risk), 100 * frontier.ret, color="tab:blue")
    left.scatter(100 * np.sqrt(np.diag(given["Sigma"])), 100 * given["mu"], color="tab:gray", s=18)
    for name, x, y in zip(names, np.sqrt(np.diag(given["Sigma"])), given["mu"], strict=True):
        left.annotate(name, (100 * x, 100 * y), fontsize=7, xytext=(3, 3), textcoords="offset points")
    left.set(xlabel="standard deviation, % a year", ylabel="expected return, % a year", title="Efficient frontier")
    middle.stackplot(aversions, frontier.w.T, labels=names)
    middle.set(xscale="log", xlabel="risk aversion γ", ylabel="share", title="Weights along the frontier", ylim=(0, 1))
    middle.legend(fontsize=6, loc="lower left")
    bound = float(jnp.max(jnp.abs(response)))
    image = right.imshow(response, cmap="RdBu", vmin=-bound, vmax=bound)
    right.set_xticks(range(len(names)), names, rotation=60, fontsize=7)
    right.set_yticks(range(len(names)), names, fontsize=7)
    right.set(title="∂ weight / ∂ expected return at γ = 6")
    figure.colorbar(image, ax=right)
    figure.savefig(HERE / "portfolio.png", dpi=110)


if __name__ == "__main__":
    main()
