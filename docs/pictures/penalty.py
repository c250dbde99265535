"""Draw the tutorial's own problem: coefficients along the penalty, the held-out error and its slope.

Run from the root of the repository: ``python -m docs.pictures.penalty``.
"""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib

import karush
from docs.pages import blocks_of

HERE = Path(__file__).parent


def main() -> None:
    """Read model and data from the tutorial, solve for 120 penalties at once, write ``penalty.png``."""
    jax.config.update("jax_enable_x64", True)
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    page = (HERE.parent / "tutorial.md").read_text(encoding="utf-8")
    files = {block.word("title"): block.text for block in blocks_of(page)}
    lasso = karush.loads(files["lasso.opt"], "lasso")
    train, test = (
        {name: jnp.array(value) for name, value in json.loads(files[f"{part}.json"]).items()}
        for part in ("train", "test")
    )

    def held_out(log_lam: jax.Array) -> tuple[jax.Array, jax.Array]:
        b = lasso(**train, lam=jnp.exp(log_lam)).b
        return jnp.mean((test["X"] @ b - test["y"]) ** 2), b

    logs = jnp.linspace(jnp.log(0.01), jnp.log(1.5), 120)
    (errors, path), slopes = jax.vmap(jax.value_and_grad(held_out, has_aux=True))(logs)
    best = jnp.exp(logs[jnp.argmin(errors)])

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(12, 3.4), layout="constrained")
    left.plot(jnp.exp(logs), path)
    left.set(title="coefficients")
    middle.plot(jnp.exp(logs), errors, color="tab:blue")
    middle.set(title="held-out error")
    right.plot(jnp.exp(logs), slopes, color="tab:orange")
    right.axhline(0, color="gray", linewidth=0.8)
    right.set(title="its slope in log λ, through the solution")
    for axes in (left, middle, right):
        axes.set(xscale="log", xlabel="λ")
        axes.axvline(best, color="gray", linestyle=":", linewidth=1)
    figure.savefig(HERE / "penalty.png", dpi=110)


if __name__ == "__main__":
    main()
