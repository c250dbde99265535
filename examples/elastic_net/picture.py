"""Draw the regularisation path with its exact derivative, and held-out error with its gradient in the penalty."""

import csv
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

import karush

HERE = Path(__file__).parent


def read(name: str) -> tuple[list[str], np.ndarray]:
    """Column names and numbers of a CSV file whose first column holds row names."""
    with (HERE / name).open(newline="") as file:
        head, *rows = list(csv.reader(file))
    return head[1:], np.array([[float(entry) for entry in row[1:]] for row in rows])


def main() -> None:
    """Solve along the path in one vmap, descend the held-out error, write ``elastic_net.png``."""
    jax.config.update("jax_enable_x64", True)
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    features, X = read("X.csv")
    y = read("y.csv")[1][:, 0]
    train, held_out = slice(0, 300), slice(300, None)
    model = karush.load(HERE / "elastic_net.opt")

    def coefficients(log_lam: jax.Array) -> tuple[jax.Array, jax.Array]:
        fit = model(X=X[train], y=y[train], lam=jnp.exp(log_lam))
        return fit.b, fit.b0

    def error(log_lam: jax.Array) -> jax.Array:
        b, b0 = coefficients(log_lam)
        return jnp.mean((X[held_out] @ b + b0 - y[held_out]) ** 2)

    path = jnp.linspace(jnp.log(1e-3), jnp.log(1.0), 60)
    weights = jax.vmap(lambda t: coefficients(t)[0])(path)
    slopes = jax.vmap(jax.jacfwd(lambda t: coefficients(t)[0]))(path)
    errors, gradients = jax.vmap(jax.value_and_grad(error))(path)

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    for j, name in enumerate(features):
        line = left.plot(path, weights[:, j], label=name)[0]
        for k in range(5, 60, 14):
            step = 0.25
            left.plot(
                [path[k] - step, path[k] + step],
                [weights[k, j] - step * slopes[k, j], weights[k, j] + step * slopes[k, j]],
                color=line.get_color(),
                linewidth=3,
                alpha=0.35,
            )
    left.set(xlabel="log λ", ylabel="coefficient", title="Path, with the derivative as tangents")
    left.legend(fontsize=7, ncol=2)
    error_line = right.plot(path, errors, color="tab:blue", label="held-out error")[0]
    below = right.twinx()
    slope_line = below.plot(path, gradients, color="tab:red", linewidth=1, label="its gradient")[0]
    below.axhline(0, color="black", linewidth=0.5)
    right.set(xlabel="log λ", ylabel="mean squared error on 142 patients", title="Choosing λ by its gradient")
    below.set(ylabel="d error / d log λ")
    right.legend(handles=[error_line, slope_line], fontsize=7, loc="upper left")
    figure.savefig(HERE / "elastic_net.png", dpi=110)


if __name__ == "__main__":
    main()
