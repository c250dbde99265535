"""Draw the closed loop from several starts (one vmap a step), the plan, and the feedback gain along the way."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib

import karush

HERE = Path(__file__).parent


def main() -> None:
    """Run 40 steps of the controller from 5 starts, write ``mpc.png``."""
    jax.config.update("jax_enable_x64", True)
    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    data = {name: jnp.array(value) for name, value in json.loads((HERE / "data.json").read_text()).items()}
    model = karush.load(HERE / "mpc.opt")
    A, B = data["A"], data["B"]

    def policy(x0: jax.Array) -> jax.Array:
        return model(**{**data, "x0": x0}).first

    @jax.jit
    def advance(x: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
        u = jax.vmap(policy)(x)
        gain = jax.vmap(jax.jacobian(policy))(x)
        return x @ A.T + u @ B.T, u, gain[:, 0]

    x = jnp.array([[2.0, 0.0], [1.0, 1.0], [-1.5, 0.5], [0.5, -1.0], [-2.0, -0.3]])
    states, inputs, gains = [x], [], []
    for _ in range(40):
        x, u, gain = advance(x)
        states.append(x)
        inputs.append(u)
        gains.append(gain)
    trajectory, thrust, feedback = jnp.stack(states), jnp.stack(inputs), jnp.stack(gains)

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(14, 4), layout="constrained")
    left.plot(trajectory[..., 0], trajectory[..., 1])
    left.scatter(trajectory[0, :, 0], trajectory[0, :, 1], color="black", s=15)
    left.set(xlabel="position", ylabel="velocity", title="Closed loop from five starts")
    middle.step(range(40), thrust[..., 0], where="post")
    middle.set(xlabel="step", ylabel="thrust", title="Inputs: bounded by 1")
    right.plot(feedback[:, 0, 0], label="∂u/∂position")
    right.plot(feedback[:, 0, 1], label="∂u/∂velocity")
    right.set(xlabel="step", title="The controller's own gain, first start")
    right.legend()
    figure.savefig(HERE / "mpc.png", dpi=110)


if __name__ == "__main__":
    main()
