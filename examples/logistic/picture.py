"""Draw the coefficients along the penalty, and a descent of the held-out loss by its own gradient in the penalty."""

from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

import karush

HERE = Path(__file__).parent
STEPS, RATE = 10, 8.0


def main() -> None:
    """Solve along the path, descend the held-out loss in log λ with one compiled function; write ``logistic.png``."""
    jax.config.update("jax_enable_x64", True)
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    data = np.load(HERE / "data.npz")
    given = {name: jnp.array(data[name]) for name in ("X", "y", "Z", "t")}
    model = karush.load(HERE / "logistic.opt")

    @jax.jit
    def fit(log_lam: jax.Array) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        """((held-out loss, coefficients), derivative of the loss in log λ)."""

        def loss(log_lam: jax.Array) -> tuple[jax.Array, jax.Array]:
            found = model(**given, lam=jnp.exp(log_lam))
            return found.held_out, found.b

        return jax.value_and_grad(loss, has_aux=True)(log_lam)

    path = jnp.linspace(jnp.log(2e-3), jnp.log(0.25), 30)
    fits = [fit(log_lam)[0] for log_lam in path]
    trail, here = [], jnp.log(0.12)
    for _ in range(STEPS):
        (value, _), slope = fit(here)
        trail.append((float(here), float(value)))
        here = here - RATE * slope

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4.2), layout="constrained")
    left.plot(path, [b for _, b in fits])
    left.set(xlabel="log λ", ylabel="coefficient", title="Coefficients along the penalty")
    right.plot(path, [value for value, _ in fits], color="tab:blue", label="held-out loss")
    right.plot(*zip(*trail, strict=True), "o-", color="tab:red", markersize=4, linewidth=1, label="descent in log λ")
    right.set(xlabel="log λ", ylabel="logistic loss on 80 held-out rows", title="The penalty chosen by its gradient")
    right.legend(fontsize=8)
    figure.savefig(HERE / "logistic.png", dpi=110)


if __name__ == "__main__":
    main()
