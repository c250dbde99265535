"""The proven bound on the price of derivatives is never exceeded: by any model, nor by any program at random."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import karush
from karush.cost import compiled_for, parts_of, price, price_of
from karush.derivative import differentiated
from karush.dsl.diagnostics import Severity
from karush.template import sizes_for

ROOT = Path(__file__).parents[2]
SYNTAX = ROOT / "tests" / "models" / "every_statement.opt"  # parses, and is no model
FILES = sorted({*ROOT.glob("examples/*/*.opt"), *ROOT.glob("tests/models/*.opt")} - {SYNTAX})
ROUNDING = 1 + 1e-12


def check(found):
    """Both derivative programs within their bounds."""
    assert found.reverse <= found.book.reverse_limit() * ROUNDING
    assert found.forward <= found.book.forward_limit() * ROUNDING
    return found


def opened(path):
    """The model, where it can be solved."""
    try:
        return karush.load(path)
    except karush.ModelError as error:
        codes = {found.code for found in error.diagnostics if found.severity is Severity.ERROR}
        if codes != {"E0190"}:  # anything else is a fault of the file
            raise
        pytest.skip("it is of a class without a solver")


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_no_model_exceeds_its_bound(path):
    """A plain function as a whole; of a model with a solver the way from its params to the form."""
    problem = opened(path)
    sizes = sizes_for(problem.model, {})
    if problem.model.objective is None:
        check(price(problem, sizes=sizes).whole)
        return
    function = differentiated(problem, compiled_for(problem, sizes), "objective", None)
    if not function.request.wrt:
        pytest.skip("it has no real param")
    check(price_of(parts_of(function)["params to form"]))


@pytest.mark.parametrize("name", ["deep", "wide", "flat", "batch"])
def test_networks_cost_at_most_four_times_with_their_gradient(name):
    """The ratio is that of matrix products, at every depth, width and batch."""
    depth, width, batch = {"deep": (12, 8, 4), "wide": (2, 256, 4), "flat": (1, 1, 1), "batch": (3, 8, 512)}[name]
    layers = range(depth)
    weights = "".join(f"param W{k}[h, h], b{k}[h]\n" for k in layers)
    body = "x"
    for k in layers:
        body = f"relu(W{k} @ {body} + b{k})"
    text = f"dim m, h\nparam X[m, h], y[m] in index(h)\n{weights}fn net(x[h]) = {body}\n"
    text += "let loss = mean(cross_entropy(net(X[i]), y[i]) for i in m)\n"
    found = check(price(karush.loads(text), sizes={"m": batch, "h": width}).whole)
    assert found.ratio("vjp") <= 4 and found.bound("vjp") <= 4.5
    assert found.book.collecting == 0


# ---------------------------------------------------------------- programs at random

BASIC = ["{a} + {b}", "{a} * {b}", "1 / {a}", "exp({a})", "log({a})", "relu({a})", "{a} + 2", "3 * {a}"]
SHAPED = ["sum({v})", "A @ {v}", "{v} * {s}", "{v} @ {v}", "[{v}[i] * {s} for i in n]"]
WIDER = [
    *BASIC, "{a} - {b}", "-{a}", "{a} / {b}", "{a}^2", "{a}^3", "{a}^{b}", "{a}^0.3", "max({a}, {b})", "min({a}, {b})",
    "max({a}, {b}, {c})", "abs({a})", "sqrt({a})", "sigmoid({a})", "softplus({a})", "tanh({a})", "atan2({a}, {b})",
    "huber({a})", "xlogx({a})", "rel_entr({a}, {b})", "clip({a}, 0, 1)", "leaky_relu({a})", "elu({a})", "gelu({a})",
    "if {a} > 0 then {b} else {c}", "sin({a})", "asin({a})", "log1p({a})", "inv_pos({a})", "square({a})",
]  # fmt: skip
WIDER_SHAPED = [
    *SHAPED, "norm2({v})", "norm1({v})", "max({v})", "logsumexp({v})", "softmax({v})", "sort({v})", "cumsum({v})",
    "prod({v})", "mean({v})", "median({v})", "{v}[1]", "{v}[0] * {v}[2]", "sum({v}[i] for i in n if i > 1)",
    "det(A)", "logdet(A @ A.T)", "solve(A, {v})", "quad({v}, A)", "diff({v})[0]", "tv({v})", "A.T @ {v}",
]  # fmt: skip


@st.composite
def programs(draw, entrywise, shaped):
    """A file of lets, each an operation on the ones before it, scalars and vectors."""
    scalars, vectors, lines = ["s", "t"], ["v", "w"], []
    for k in range(draw(st.integers(1, 8))):
        pattern = draw(st.sampled_from(entrywise + shaped))
        on_vector = draw(st.booleans())
        pool = vectors if on_vector else scalars
        names = {name: draw(st.sampled_from(pool)) for name in "abc"}
        names |= {"v": draw(st.sampled_from(vectors)), "s": draw(st.sampled_from(scalars))}
        lines.append(f"let r{k} = {pattern.format(**names)}")
        is_vector = on_vector if pattern in entrywise else gives_vector(pattern)
        (vectors if is_vector else scalars).append(f"r{k}")
    end = " + ".join([*draw(st.lists(st.sampled_from(scalars), max_size=3)), f"sum({vectors[-1]})", scalars[-1]])
    return "\n".join(["dim n = 4", "param s, t, v[n], w[n], A[n, n]", *lines, f"let out = {end}"]) + "\n"


def gives_vector(pattern):
    """Whether an operation on a vector gives a vector."""
    return pattern.startswith(("A", "[", "{v} *", "softmax", "sort", "cumsum", "solve"))


@settings(max_examples=60)
@given(programs(BASIC, SHAPED))
def test_programs_of_the_basic_dictionary_cost_at_most_five_times(text):
    found = check(price(karush.loads(text), of="out").whole)
    assert found.book.reverse_ratio <= 5 and found.book.collecting == 0
    assert not found.program or found.ratio("vjp") <= 5


@settings(max_examples=60)
@given(programs(WIDER, WIDER_SHAPED))
def test_no_program_exceeds_the_bound_that_is_printed(text):
    check(price(karush.loads(text), of="out").whole)
