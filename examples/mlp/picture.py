"""Train the network of ``mlp.opt`` by gradient descent on gradients of the file itself, and draw what it learned."""

from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np

import karush

HERE = Path(__file__).parent
WEIGHTS = ("W1", "b1", "W2", "b2")


def main() -> None:
    """300 steps of gradient descent on 450 digits, accuracy on the other 150, write ``mlp.png``."""
    jax.config.update("jax_enable_x64", True)
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    data = {name: jnp.array(value) for name, value in np.load(HERE / "data.npz").items()}
    model = karush.load(HERE / "mlp.opt")
    train = {"X": data["X"][:450], "label": data["label"][:450]}
    test = {"X": data["X"][450:], "label": data["label"][450:]}

    def accuracy(weights: dict[str, jax.Array], rows: dict[str, jax.Array]) -> jax.Array:
        return jnp.mean(jnp.argmax(model(**rows, **weights).logits, axis=1) == rows["label"])

    @jax.jit
    def step(weights: dict[str, jax.Array]) -> tuple[dict[str, jax.Array], jax.Array, jax.Array]:
        loss, slope = jax.value_and_grad(lambda w: model(**train, **w).loss)(weights)
        return jax.tree.map(lambda w, g: w - 0.5 * g, weights, slope), loss, accuracy(weights, test)

    weights = {name: data[name] for name in WEIGHTS}
    losses, accuracies = [], []
    for _ in range(300):
        weights, loss, right = step(weights)
        losses.append(float(loss))
        accuracies.append(float(right))

    figure, (left, right_axis) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    left.plot(losses, label="training loss")
    left.plot(accuracies, label="accuracy on 150 other digits")
    left.set(xlabel="step", title=f"Training the file: {accuracies[-1]:.1%} right")
    left.legend()
    bound = float(jnp.max(jnp.abs(weights["W1"])))
    tiles = np.asarray(weights["W1"]).reshape(4, 8, 8, 8).transpose(0, 2, 1, 3).reshape(32, 64)
    right_axis.imshow(tiles, cmap="RdBu", vmin=-bound, vmax=bound)
    right_axis.set(title="The 32 hidden units", xticks=[], yticks=[])
    figure.savefig(HERE / "mlp.png", dpi=110)


if __name__ == "__main__":
    main()
