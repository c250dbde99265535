"""Networks as models, and the same in plain JAX and in torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Weights = Mapping[str, Any]
CLASSES = 10


def perceptron(layers: int) -> str:
    """A ReLU network with so many hidden layers and its cross-entropy."""
    hidden = [f"W{k}[h, {'d' if k == 1 else 'h'}], b{k}[h]" for k in range(1, layers + 1)]
    body = "x"
    for k in range(1, layers + 1):
        body = f"relu(W{k} @ {body} + b{k})"
    return f"""dim m, d, h, k
param X[m, d], label[m] in index(k)
param {", ".join([*hidden, "V[k, h], a[k]"])}
fn network(x[d]) = V @ {body} + a
let loss = mean(cross_entropy(network(X[i]), label[i]) for i in m)
"""


def weight_names(layers: int) -> list[str]:
    """The params of `perceptron` that are trained."""
    return [*(f"{letter}{k}" for k in range(1, layers + 1) for letter in "Wb"), "V", "a"]


def weights(layers: int, pixels: int, neurons: int, seed: int = 0, classes: int = CLASSES) -> dict[str, np.ndarray]:
    """Normal weights of variance 2 / inputs (He et al. 2015), no biases."""
    random = np.random.default_rng(seed)
    widths = [pixels, *[neurons] * layers]
    found: dict[str, np.ndarray] = {}
    for k in range(1, layers + 1):
        found[f"W{k}"] = random.normal(size=(neurons, widths[k - 1])) * np.sqrt(2 / widths[k - 1])
        found[f"b{k}"] = np.zeros(neurons)
    return {**found, "V": random.normal(size=(classes, neurons)) / np.sqrt(neurons), "a": np.zeros(classes)}


def by_hand(layers: int) -> Callable[[Weights, Weights], jax.Array]:
    """The loss of `perceptron` as one writes it in JAX: (weights, images) ↦ loss."""

    def loss(moving: Weights, fixed: Weights) -> jax.Array:
        x = fixed["X"]
        for k in range(1, layers + 1):
            x = jax.nn.relu(x @ moving[f"W{k}"].T + moving[f"b{k}"])
        logits = x @ moving["V"].T + moving["a"]
        scores = jax.nn.log_softmax(logits)
        return -jnp.mean(jnp.take_along_axis(scores, fixed["label"][:, None], axis=1))

    return loss


def in_torch(
    torch: Any, layers: int, weights: Mapping[str, np.ndarray], pixels: np.ndarray, label: np.ndarray
) -> tuple[Callable[[], Any], Callable[[], Any]]:
    """The loss, and the loss with its gradient, as one writes them in torch."""
    leaves = {name: torch.tensor(np.asarray(w, np.float32), requires_grad=True) for name, w in weights.items()}
    images, target = torch.tensor(np.asarray(pixels, np.float32)), torch.tensor(np.asarray(label, np.int64))

    def loss() -> Any:
        x = images
        for k in range(1, layers + 1):
            x = torch.relu(x @ leaves[f"W{k}"].T + leaves[f"b{k}"])
        return torch.nn.functional.cross_entropy(x @ leaves["V"].T + leaves["a"], target)

    def forward() -> Any:
        with torch.no_grad():
            return loss()

    def both() -> Any:
        return torch.autograd.grad(loss(), list(leaves.values()))

    return forward, both
