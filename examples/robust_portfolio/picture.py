"""Draw how the robust portfolio gives up what is poorly estimated, and what each estimate's error costs."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib

import karush

HERE = Path(__file__).parent
ONE = 16  # of 49 doubts from 0 to 3, the one that is 1


def main() -> None:
    """Solve for 49 sizes of the doubt and differentiate the worst case, in one vmap; write ``robust_portfolio.png``."""
    jax.config.update("jax_enable_x64", True)
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    data = json.loads((HERE / "data.json").read_text())
    names = list(data["mu"])
    given = {
        "mu": jnp.array(list(data["mu"].values())),
        "own": jnp.array(list(data["own"].values())),
        "exposure": jnp.array([[row[name] for name in names] for row in data["exposure"]]),
    }
    error = jnp.array(list(data["error"].values()))
    model = karush.load(HERE / "robust_portfolio.opt")

    def worst(kappa: jax.Array, error: jax.Array) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
        found = model(**given, kappa=kappa, error=error)
        return found.objective, (found.w, found.ret)

    doubts = jnp.linspace(0.0, 3.0, 49)
    solve = jax.vmap(jax.value_and_grad(worst, argnums=(0, 1), has_aux=True), in_axes=(0, None))
    (value, (w, ret)), (slope, price) = jax.jit(solve)(doubts, error)

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4.2), layout="constrained")
    left.stackplot(doubts, w.T, labels=names)
    left.set(xlabel="standard errors κ", ylabel="share", title="Shares as doubt grows", ylim=(0, 1))
    left.legend(fontsize=6, loc="lower left")
    middle.plot(doubts, 100 * ret, label="by the estimates")
    middle.plot(doubts, 100 * value, label="in the worst case")
    ends = jnp.array([-0.45, 0.45])
    for k in (8, 25, 40):
        middle.plot(doubts[k] + ends, 100 * (value[k] + ends * slope[k]), color="black", linewidth=0.9)
        middle.plot(doubts[k], 100 * value[k], "o", color="black", markersize=4)
    middle.set(xlabel="standard errors κ", ylabel="return, % a year", title="Return, with its derivative as tangents")
    middle.legend(fontsize=8)
    right.barh(names, price[ONE])
    right.set(title="∂ worst return / ∂ standard error, κ = 1")
    figure.savefig(HERE / "robust_portfolio.png", dpi=110)


if __name__ == "__main__":
    main()
