"""What is printed of a model: mathematics, interface, and the derived optimality conditions."""

import pytest

from karush.compiler.analyse import analyse_text
from karush.compiler.show.kkt import show_kkt
from karush.compiler.show.stages import interface_schema, show_interface, show_ir, show_math

PORTFOLIO = """## Mean and variance.
dim n
param mu[n], Sigma[n, n] in psd   ## returns, covariance
param gamma in pos = 1.0
var w[n] in simplex
let ret = mu @ w
maximize ret - gamma / 2 * (w @ Sigma @ w)
subject to
  cap: w <= 0.3
"""
CONTROL = """dim T = 20, nx, nu
param A[nx, nx], B[nx, nu], x0[nx], Q[nx, nx] in psd, u1 in pos
var x[T + 1, nx], u[T, nu] in box(-u1, u1)
minimize sum(quad(x[t], Q) for t in T) + sumsq(u)
subject to
  start: x[0] == x0
  dynamics: x[t + 1] == A @ x[t] + B @ u[t] for t in T
  rate: -1 <= u[t, 0] - u[t - 1, 0] <= 1 for t in range(1, T)
"""


def model_of(text):
    analysis = analyse_text(text, "m.opt")
    assert analysis.model is not None, analysis.diagnostics
    return analysis.model


def kkt_of(text):
    return [line.strip() for line in show_kkt(model_of(text)).splitlines()]


def test_stationarity_of_a_quadratic_objective_with_signs_for_maximize():
    assert "∇_w:  μ − γ Σ w − λ_cap + λ_w − ν_w.sum = 0" in kkt_of(PORTFOLIO)


def test_conditions_are_complete():
    lines = kkt_of(PORTFOLIO)
    for line in ("w ≤ 0.3", "0 ≤ w", "λ_cap ≥ 0", "λ_cap ∘ (0.3 − w) = 0", "λ_w ∘ w = 0"):
        assert line in lines


def test_clauses_are_brought_to_one_index():
    (line,) = [line for line in kkt_of(CONTROL) if line.startswith("∇_x")]
    assert line == (
        "∇_x[t]:  [t ≤ T − 1] 2 Q x[t] − [t = 0] ν_start − [t ≥ 1] ν_dynamics[t − 1] "
        "+ [t ≤ T − 1] Aᵀ ν_dynamics[t] = 0   for t ∈ 0..T"
    )


def test_bounds_with_two_sides_have_two_multipliers():
    text = "\n".join(kkt_of(CONTROL))
    assert "λ_u.lower ∘ (u + u1) = 0" in text
    assert "λ_rate.upper[t]" in text


def test_a_subgradient_has_a_name_and_a_meaning():
    lines = kkt_of("dim n\nparam c[n], lam in nonneg\nvar x[n]\nminimize sumsq(x - c) / 2 + lam * norm1(x)\n")
    assert "∇_x:  x − c + λ s1 = 0" in lines
    assert "s1 ∈ ∂‖x‖₁" in lines


@pytest.mark.parametrize(
    ("objective", "gradient"),
    [
        ("c @ x", "c"),
        ("quad(x, P) / 2", "P x"),
        ("quad(x, A)", "(A + Aᵀ) x"),
        ("x @ P @ x", "2 P x"),
        ("sumsq(A @ x - c) / (2 * n)", "Aᵀ (A x − c)/n"),
        ("sum(x)", "1"),
        ("sum((x - c)^2)", "2 (x − c)"),
        ("k * sum(c[i] * x[i] for i in n)", None),
        ("exp(k) * (c @ x) + 3", "exp(k) c"),
    ],
)
def test_gradients_of_the_vocabulary(objective, gradient):
    text = f"dim n\nparam c[n], A[n, n], P[n, n] in psd, k in pos\nvar x[n]\nminimize {objective}\n"
    (line,) = [line for line in kkt_of(text) if line.startswith("∇_x")]
    if gradient is None:
        assert line == "∇_x[i]:  k c[i] = 0   for i ∈ 0..n − 1"
    else:
        assert line == f"∇_x:  {gradient} = 0"


def test_mathematics_reads_as_on_paper():
    text = show_math(model_of(PORTFOLIO))
    for part in ("maximize over w", "ret − γ/2 · wᵀ Σ w", "w ∈ simplex ⊂ ℝ^n", "Σ ∈ 𝕊₊^{n×n}", "by default 1"):
        assert part in text


def test_the_interface_names_shapes_sets_defaults_and_documentation():
    text = show_interface(model_of(PORTFOLIO))
    for part in ("[n, n], in psd   returns, covariance", "in pos, default 1.0", "objective", "cap"):
        assert part in text


def test_the_schema_is_one_of_the_data():
    schema = interface_schema(model_of(PORTFOLIO))
    assert schema["required"] == ["mu", "Sigma"]
    assert set(schema["properties"]) == {"mu", "Sigma", "gamma", "n"}
    assert schema["properties"]["gamma"]["default"] == 1.0


def test_a_shared_node_is_shown_once_in_the_typed_form():
    text = show_ir(model_of(PORTFOLIO))
    assert text.count("lets") == 0 and "let ret: Apply" in text
    assert "value: #" in text
