"""Cone programs through the language and JAX: batches, derivatives, inner models, artefacts, open sizes."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest

import karush
from karush.errors import ModelError
from karush.export import export_model
from karush.runtime import open_artifact
from karush.warm import warm_point

ROBUST = """dim n, m
param c[n], A[m, n], r[m], on[m], size in pos
var x[n]
minimize c @ x + sumsq(x) / 2
subject to
  cone: concat([r[i]], A[i] * x) in soc  for i in m if on[i] > 0
  ring: sumsq(x - 1) <= size
"""
RANDOM = np.random.default_rng(4)
DATA = {
    "c": np.array([3.0, -2.0]),
    "A": RANDOM.normal(size=(3, 2)),
    "r": np.array([0.4, 0.01, 0.9]),
    "on": np.array([1.0, 0.0, 1.0]),
}


def test_batches_and_derivatives_of_cone_programs() -> None:
    model = karush.loads(ROBUST)

    def of(size: jax.Array) -> jax.Array:
        found = model(**DATA, size=size)
        return jnp.concatenate([found.x, jnp.ravel(found.dual.cone), found.dual.ring[None], found.objective[None]])

    sizes = jnp.array([1.3, 2.5])
    values = jax.jit(jax.vmap(of))(sizes)
    assert np.all(np.isfinite(values))
    np.testing.assert_allclose(values[:, 5:8], 0, atol=1e-9)  # the dual of the row that the filter leaves out
    assert np.max(np.abs(values[:, 2:5])) > 0.1 and np.max(values[:, 11]) > 0.1
    step = 1e-5
    forward, reverse = (jax.jit(jax.vmap(kind(of)))(sizes) for kind in (jax.jacfwd, jax.jacrev))
    batch = jax.jit(jax.vmap(of))
    differences = (batch(sizes + step) - batch(sizes - step)) / (2 * step)
    np.testing.assert_allclose(forward, differences, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(reverse, forward, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(forward[:, -1], -values[:, 11], rtol=1e-7)  # minus the gain per unit of slack


INNER = """dim n
param a[n], t in pos
let near = argmin(sumsq(y - a) for y[n] in ball(t))
let far = sum(near)
"""


def test_a_cone_program_within_a_function_is_differentiated() -> None:
    model = karush.loads(INNER)
    a = jnp.array([3.0, 4.0])
    found = model(a=a, t=2.0)
    np.testing.assert_allclose(found.near, 2 * a / 5, atol=1e-8)
    slope = jax.grad(lambda t: model(a=a, t=t).far)(2.0)
    np.testing.assert_allclose(slope, 7 / 5, atol=1e-7)


def test_an_artefact_of_a_cone_program_gives_the_same(tmp_path: Path) -> None:
    model = karush.loads(ROBUST)
    path = tmp_path / "robust.karush"
    export_model(model, {"n": 2, "m": 3}).save(path)
    again, direct = open_artifact(path)(**DATA, size=1.3), model(**DATA, size=1.3)
    np.testing.assert_allclose(again.x, direct.x, atol=1e-9)
    np.testing.assert_allclose(again.dual.cone, direct.dual.cone, atol=1e-9)


def test_open_sizes_are_refused() -> None:
    (size,) = jax.export.symbolic_shape("n")
    with pytest.raises(ModelError) as refused:
        karush.loads(ROBUST).compile_for({"n": size, "m": 3})
    assert [finding.code for finding in refused.value.diagnostics] == ["E0401"]
    assert "SOCP" in refused.value.diagnostics[0].message


def test_the_conditions_name_the_dual_cone() -> None:
    shown = karush.loads(ROBUST).show("kkt")
    assert "λ_cone[i] ∈ soc" in shown and "⟨λ_cone[i], " in shown and "λ_ring ≥ 0" in shown


def test_an_earlier_output_gives_a_point_of_the_program() -> None:
    rows = "  up: X - S in psd\n  y: X[0, 0] == 3\n"
    text = f"dim n\nparam S[n, n]\nvar X[n, n] in psd\nminimize trace(X)\nsubject to\n{rows}"
    compiled = karush.loads(text).compile_for({"n": 2})
    point = warm_point(compiled, {"X": [[3.0, 1.0], [1.0, 2.0]]}, {"y": 0.5})
    assert point is not None and point.u is not None and compiled.form is not None
    np.testing.assert_allclose(point.x, [3, 1, 2])
    np.testing.assert_allclose(point.y, [0.5, 0])
    program = jax.eval_shape(compiled.template, compiled.specification())
    assert program.cone_rows is not None and point.u.shape == program.cone_rows.offset.shape
    assert point.y.shape == program.equality_rhs.shape
