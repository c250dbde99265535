"""The functions that are tuned by gradients: each is a JAX function of its parameters around one layer.

A layer is a function of the params of its .opt file to the solution of one problem. karush gives one, and moreau's JAX
interface does on the cone form, assembled within JAX from the same params.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

import karush
from benchmarks.cone_cases import Case
from benchmarks.layers import relative_error
from benchmarks.tuning_cases import (
    ADP,
    ASSETS,
    COST,
    ELASTIC,
    FOLDS,
    INPUTS,
    MARKOWITZ,
    POINTS,
    STATES,
    TRAINED,
    market,
    points,
)

Layer = Callable[..., jax.Array]
Tuned = Callable[[jax.Array], jax.Array]
STEPS, DAYS = 1000, 520
STEP = 1e-6


@dataclass(frozen=True)
class Loop:
    """``tuned(layer)`` is the function of one vector, differentiated at ``start``; ``case`` states the layer."""

    name: str
    case: Case
    tuned: Callable[[Layer], Tuned]
    start: np.ndarray


# ---------------------------------------------------------------- cross-validation


def _validation(layer: Layer) -> Tuned:
    """Mean over the folds of the root mean square error, of (thresholds of the features, log λ, log ω)."""
    G, h = (jnp.asarray(part) for part in points())
    order = np.array([np.roll(np.arange(POINTS), -fold * (POINTS - TRAINED)) for fold in range(FOLDS)])

    def tuned(theta: jax.Array) -> jax.Array:
        limit, la, om = theta[:-2], 10 ** theta[-2], 10 ** theta[-1]
        clipped = jnp.maximum(jnp.minimum(G, limit), -limit)

        def fold(rows: jax.Array) -> jax.Array:
            held, kept = rows[: POINTS - TRAINED], rows[POINTS - TRAINED :]
            x = layer(G=clipped[kept], h=h[kept], la=la, om=om)
            return jnp.sqrt(jnp.mean((clipped[held] @ x - h[held]) ** 2))

        return jnp.mean(jax.vmap(fold)(order))

    return tuned


# ---------------------------------------------------------------- a closed loop


def _closed_loop(layer: Layer) -> Tuned:
    """Mean cost of 1000 steps of x' = Ax + Bu + noise with the controller of the value function ‖Rx‖²; of R."""
    rng = np.random.default_rng(0)
    A = np.diag(np.where(np.isin(np.arange(STATES), [0, 1, 3]), 1.0, rng.uniform(0.99, 1.0, STATES)))
    B = rng.uniform(-0.01, 0.01, size=(STATES, INPUTS))
    noise = 0.1 * rng.normal(size=(STEPS, STATES))

    def tuned(theta: jax.Array) -> jax.Array:
        root = theta.reshape(STATES, STATES)

        def step(x: jax.Array, w: jax.Array) -> tuple[jax.Array, jax.Array]:
            u = layer(g=root @ (A @ x), H=root @ B)
            return A @ x + B @ u + w, x @ x + u @ u

        return jnp.mean(jax.lax.scan(step, jnp.zeros(STATES), noise)[1])

    return tuned


# ---------------------------------------------------------------- a back-test


def _back_test(layer: Layer) -> Tuned:
    """Sharpe ratio over 520 days, of (log risk aversion, log weight of holding, log weight of trading, leverage)."""
    rng = np.random.default_rng(1)
    F, D = market()
    drift = 0.05 + 0.05 * rng.normal(size=ASSETS)
    noise = rng.normal(size=(DAYS, F.shape[1])) @ F.T + D * rng.normal(size=(DAYS, ASSETS))
    returns = (drift + noise) / 100
    forecast = drift + 0.02 * np.cumsum(rng.normal(size=(DAYS, ASSETS)), axis=0) / np.sqrt(DAYS)

    def tuned(theta: jax.Array) -> jax.Array:
        sizes = {"risk": 10 ** theta[0], "hold": 10 ** theta[1], "trade": 10 ** theta[2], "L": theta[3]}

        def day(before: jax.Array, given: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            mu, growth = given
            w = layer(mu=mu, F=F, D=D, before=before, **sizes)
            costs = COST * (jnp.sum(jnp.maximum(-w, 0)) + jnp.sum(jnp.abs(w - before)))
            gain = w @ growth - costs
            return w * (1 + growth) / (1 + gain), gain

        gains = jax.lax.scan(day, jnp.full(ASSETS, 1 / ASSETS), (jnp.asarray(forecast), jnp.asarray(returns)))[1]
        return jnp.sqrt(250.0) * jnp.mean(gains) / jnp.std(gains)

    return tuned


LOOPS = {
    "elastic": Loop(
        "cross-validation, 10 folds, 22 parameters",
        ELASTIC,
        _validation,
        np.concatenate([np.full(ELASTIC.unknowns, 2.9), [0.1, 1.0]]),
    ),
    "adp": Loop("closed loop, 1000 steps, 36 parameters", ADP, _closed_loop, 10 * np.eye(STATES).ravel()),
    "portfolio": Loop("back-test, 520 days, 4 parameters", MARKOWITZ, _back_test, np.array([0.1, 0.1, 0.1, 1.5])),
}

# ---------------------------------------------------------------- systems


def karush_layer(case: Case) -> Layer:
    """The .opt file of the case."""
    model = karush.loads(case.model)
    unknown = next(iter(model.model.vars))
    return lambda **params: getattr(model(**params), unknown)


def moreau_layer(case: Case) -> Layer:
    """moreau's JAX interface at its defaults, on dense rows and a dense P of the cone form."""
    import moreau.jax

    lane = case.conic({name: value[0] for name, value in case.draw(1).items()})
    rows, n = lane.A.shape
    pattern = lane.A != 0
    solver = moreau.jax.Solver(
        n=n,
        m=rows,
        P_row_offsets=np.arange(n + 1) * n,
        P_col_indices=np.tile(np.arange(n), n),
        A_row_offsets=np.concatenate([[0], np.cumsum(pattern.sum(axis=1))]),
        A_col_indices=np.nonzero(pattern)[1],
        cones=moreau.Cones(**lane.cones),
    )
    values = jnp.asarray(lane.A[pattern])
    forms = FORMS[case.name]

    def layer(**params: jax.Array) -> jax.Array:
        P, q, b = forms(params, n)
        return solver.solve(P.reshape(-1), values, q, b).x[: case.unknowns]

    return layer


def _elastic_form(data: Mapping[str, jax.Array], n: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    m = n // 2
    P = jnp.zeros((n, n)).at[:m, :m].set(2 * (data["G"].T @ data["G"] + data["la"] * jnp.eye(m)))
    return P, jnp.concatenate([-2 * data["G"].T @ data["h"], jnp.full(m, data["om"])]), jnp.zeros(2 * m)


def _controller_form(data: Mapping[str, jax.Array], n: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    return 2 * (data["H"].T @ data["H"] + jnp.eye(n)), 2 * data["H"].T @ data["g"], jnp.ones(2 * n)


def _portfolio_form(data: Mapping[str, jax.Array], n: int) -> tuple[jax.Array, jax.Array, jax.Array]:
    m = ASSETS
    P = jnp.zeros((n, n)).at[:m, :m].set(2 * data["risk"] * (data["F"] @ data["F"].T + jnp.diag(data["D"] ** 2)))
    half = COST * data["hold"] / 2
    q = jnp.concatenate([-data["mu"] - half, jnp.full(m, half), jnp.full(m, COST * data["trade"])])
    sums = jnp.stack([jnp.ones(()), data["L"]])
    return P, q, jnp.concatenate([sums, jnp.zeros(2 * m), data["before"], -data["before"]])


FORMS = {ELASTIC.name: _elastic_form, ADP.name: _controller_form, MARKOWITZ.name: _portfolio_form}
SYSTEMS: Mapping[str, Callable[[Case], Layer]] = {"karush": karush_layer, "moreau (JAX)": moreau_layer}

# ---------------------------------------------------------------- times


def differences(function: Callable[[jax.Array], jax.Array], at: np.ndarray, most: int = 6) -> np.ndarray:
    """Central differences in the last parameters; the step is short, for the functions have kinks."""
    found = []
    for i in range(len(at) - min(most, len(at)), len(at)):
        unit = STEP * np.eye(len(at))[i]
        found.append(float(function(at + unit) - function(at - unit)) / (2 * STEP))
    return np.array(found)


def timed(loop: Loop, rounds: int, names: list[str]) -> list[dict]:
    """One row a system: median ms of the value and of value and gradient, their errors, the ratio.

    The value's is relative to that of the first system, the gradient's to differences of the first system's value.
    """
    start, calls, want = jnp.asarray(loop.start), {}, np.zeros(0)
    for name in names:
        tuned = loop.tuned(SYSTEMS[name](loop.case))
        calls[name] = (jax.jit(tuned), jax.jit(jax.value_and_grad(tuned)))
        if name == names[0]:
            want = differences(calls[name][0], loop.start)
    results = {name: pair[1](start) for name, pair in calls.items()}
    first = float(results[names[0]][0])
    seconds: dict[str, list[list[float]]] = {name: [[], []] for name in names}
    for _ in range(rounds):
        for name, pair in calls.items():
            for kind, call in enumerate(pair):
                begin = time.perf_counter()
                jax.block_until_ready(call(start))
                seconds[name][kind].append(time.perf_counter() - begin)
    rows = []
    for name in names:
        value, both = (1000 * float(np.median(times)) for times in seconds[name])
        found, slope = float(results[name][0]), np.asarray(results[name][1])[-len(want) :]
        errors = {"off": abs(found - first) / abs(first), "gradient": relative_error(slope, want)}
        rows.append({"loop": loop.name, "system": name, "value": value, "both": both, **errors})
    return [{**row, "ratio": row["both"] / rows[0]["both"]} for row in rows]


def loop_table(rows: list[dict]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| function | system | value ms | value + gradient ms | ratio to karush | value off by | error of gradient |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {r['loop']} | {r['system']} | {r['value']:.2f} | {r['both']:.2f} | {r['ratio']:.2f} | {r['off']:.0e} "
        f"| {r['gradient']:.0e} |"
        for r in rows
    ]
    return "\n".join(lines)
