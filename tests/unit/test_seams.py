"""Branches of choices: where they are proved to agree they do, and others are not taken for it."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import karush
from karush.cli.app import run
from karush.compiler.analyse import analyse_text
from karush.compiler.facts import rational_polynomials as exact
from karush.compiler.facts.differentiability import refused_derivatives
from karush.compiler.facts.fact import Meeting, Seam
from karush.compiler.facts.pieces import AT_POINTS
from karush.outputs import DerivativeError
from karush.stdlib.primitives.table import PRIMITIVES

HEAD = "dim n\nparam x, y, a in pos, b, c in box(1, 2), v[n], k in int, M[n, n] in psd\n"


def seam(choice: str) -> Seam:
    """How the branches of the outermost choice meet."""
    analysis = analyse_text(f"{HEAD}let r = {choice}\n")
    assert analysis.model is not None and analysis.facts is not None, [d.message for d in analysis.diagnostics]
    return list(analysis.facts.seams.values())[-1]


MEET = {
    "if x > 0 then x else 0.01 * x": Meeting.CONTINUOUSLY,
    "if x > 0.3 then x - 0.1 else x - 0.2 + 1 / 10": Meeting.SMOOTHLY,
    "if x <= a then x^2 else a * x": Meeting.CONTINUOUSLY,
    "if abs(x) <= a then x^2 / 2 else a * (abs(x) - a / 2)": Meeting.SMOOTHLY,
    "if abs(x) < 1 then x^2 else 2 * abs(x) - 1": Meeting.SMOOTHLY,
    "if x > 1 then x^2 else 2 * x - 1": Meeting.SMOOTHLY,
    "if x * a >= b then x else b / a": Meeting.CONTINUOUSLY,
    "if x / c > y then x^2 else c^2 * y^2": Meeting.CONTINUOUSLY,
    "if x > y then exp(x) else exp(y)": Meeting.CONTINUOUSLY,
    "if x > 0 then x else exp(x) - 1": Meeting.CONTINUOUSLY,
    "if x > 0 then sqrt(x) else 0": Meeting.CONTINUOUSLY,
    "if x > 0.25 then sqrt(x) else 2 * x": Meeting.CONTINUOUSLY,
    "if x >= 0 and y >= 0 then x * y else 0": Meeting.CONTINUOUSLY,
    "if x < 0 or y < 0 then 0 else x * y": Meeting.CONTINUOUSLY,
    "if -1 <= x and x <= 1 then x^2 else abs(x)": Meeting.CONTINUOUSLY,
    "if not (x > 0) then 0 else x": Meeting.CONTINUOUSLY,
    "if norm2(v) <= 1 then sumsq(v) / 2 else norm2(v) - 1 / 2": Meeting.SMOOTHLY,
    "if norm2(v) <= 1 then v @ v else 1": Meeting.CONTINUOUSLY,
    "if v @ M @ v <= 1 then v @ M @ v else 1": Meeting.CONTINUOUSLY,
    "if max(v) > x then max(v) else x": Meeting.CONTINUOUSLY,
    "sum(if v > 0 then v^2 else 0)": Meeting.SMOOTHLY,
    "sum(if v[i] > x then v[i] else x for i in n)": Meeting.CONTINUOUSLY,
    "sum(v[i] for i in n if v[i] > 0)": Meeting.CONTINUOUSLY,
    "prod(v[i] for i in n if v[i] > 1)": Meeting.CONTINUOUSLY,
    "if clip(x, 0, 1) > y then clip(x, 0, 1) else y": Meeting.CONTINUOUSLY,
    "if huber(x, a) > 1 then huber(x, a) else 1": Meeting.CONTINUOUSLY,
    "if x > 1 then 2 * x - 1 else if x > 0 then x^2 else 0": Meeting.SMOOTHLY,
    "if x == 0 then 0 else x": Meeting.CONTINUOUSLY,
    "if k > 0 and x > 0 then x else 0": Meeting.CONTINUOUSLY,
    "if x > 0 then x * y else 0": Meeting.CONTINUOUSLY,
}


@pytest.mark.parametrize("choice", MEET)
def test_branches_that_are_proved_to_agree(choice: str) -> None:
    assert seam(choice).meeting is MEET[choice]


UNPROVED = [
    "if x > 0 then x else b * x^2 + exp(b) - exp(b) * exp(x) + 0 * y + log(a)",
    "if b * x <= 1 then x else 1 / b",
    "if 1 / x > 1 then 1 else 0",
    "if floor(x) > 0 then x else 0",
    "if x / x > 0 then 1 else 2",
    "if abs(x) > x then 0 else x",
    "if max(v) > 0 then sum(v) else 0",
    "if x > 0 then sqrt(x + b) else sqrt(b) + log(a)",
    "max(v[i] for i in n if v[i] > x)",
    "if x^2 > 1 then x else 1",
    "if x > 0 and y > 0 then 1 else 0",
]


@pytest.mark.parametrize("choice", UNPROVED)
def test_what_is_not_proved_is_not_accepted(choice: str) -> None:
    assert seam(choice).meeting is Meeting.UNPROVED


APART = {
    "if x > 0 then x else 2": ("0", "2"),
    "if x > 1 then x^2 else 2 * x": ("1", "2"),
    "if x > 0.5 then x / 3 else x": ("1/6", "0.5"),
    "if x > y then x else b": ("x", "b"),
    "if 2 * c > 3 then c else 0": ("1.5", "0"),
    "if x == 0 then 1 else x": ("1", "0"),
    "sum(1 for i in n if v[i] > 0)": ("1", "0"),
    "if abs(x) > 3 * y then exp(x) else 0": None,
}


@pytest.mark.parametrize("choice", APART)
def test_branches_that_are_shown_to_differ(choice: str) -> None:
    """Only where the switch is sure to exist, and to be met with different values."""
    found = seam(choice)
    assert (found.meeting is Meeting.APART) == (APART[choice] is not None)
    if APART[choice] is not None:
        assert found.limits in (APART[choice], ("y", "b"))


# ---------------------------------------------------------------- random pieces

NUMBERS = st.integers(-4, 4).map(lambda n: Fraction(n, 2))
MONOMIALS = st.dictionaries(
    st.sampled_from(["1", "x", "y", "x * y", "x^2", "b", "y^2"]), NUMBERS, min_size=1, max_size=4
)
SIDES = st.builds(lambda slope, rest: {"x": slope, **rest},
                  st.sampled_from([Fraction(1), Fraction(-2), Fraction(1, 2)]),
                  st.dictionaries(st.sampled_from(["1", "y", "b", "y^2"]), NUMBERS, max_size=3))  # fmt: skip


def text(terms: dict[str, Fraction]) -> str:
    """A sum of monomials as it would be typed."""
    return " + ".join(f"({float(c)}) * ({monomial})" for monomial, c in terms.items()) or "0"


def at(terms: dict[str, Fraction], x: float, y: float, b: float) -> float:
    """Its value."""
    values = {"1": 1.0, "x": x, "y": y, "b": b, "x * y": x * y, "x^2": x * x, "y^2": y * y}
    return sum(float(c) * values[m] for m, c in terms.items())


@settings(max_examples=60, deadline=None, derandomize=True)
@given(SIDES, MONOMIALS, MONOMIALS, st.sampled_from([Fraction(0), Fraction(1, 3), Fraction(-2)]))
def test_polynomial_pieces(side, first, factor, step) -> None:
    """f and f + q g + step at g = 0: proved to agree exactly where step = 0; then they do agree there."""
    g, f, q = text(side), text(first), text(factor)
    found = seam(f"if {g} <= 0 then {f} else {f} + ({q}) * ({g}) + {float(step)!r}")
    if step == 0:
        assert found.meeting in (Meeting.CONTINUOUSLY, Meeting.SMOOTHLY)
        y, b = 0.7, -1.3
        x = -at({m: c for m, c in side.items() if m != "x"}, 0.0, y, b) / float(side["x"])
        assert abs(at(factor, x, y, b) * at(side, x, y, b)) < 1e-9
        slope = np.hypot(*(at(side, x + dx, y + dy, b) - at(side, x, y, b) for dx, dy in ((1, 0), (0, 1))))
        assert found.meeting is Meeting.CONTINUOUSLY or abs(at(factor, x, y, b) * slope) < 1e-9
    else:
        assert found.meeting not in (Meeting.CONTINUOUSLY, Meeting.SMOOTHLY)


POLYNOMIALS = st.dictionaries(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 2)), max_size=2, unique_by=lambda pair: pair[0]).map(
        lambda pairs: tuple(sorted(pairs))
    ),
    st.integers(-3, 3).filter(bool).map(Fraction),
    max_size=4,
)


@settings(max_examples=80, deadline=None, derandomize=True)
@given(POLYNOMIALS, POLYNOMIALS.filter(bool))
def test_division_is_exact(p, g) -> None:
    """p = q g + r; multiples of g leave nothing."""
    quotient, rest = exact.divide(p, g)
    assert exact.add(exact.multiply(quotient, g), rest) == p
    assert not exact.remainder(exact.multiply(p, g), g)


LEAVES = st.sampled_from(["x", "y", "1", "2", "0.5"])
EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from("+-*"), inner, inner).map(lambda t: f"({t[1]} {t[0]} {t[2]})"),
        inner.map(lambda e: f"abs({e})"),
        st.tuples(st.sampled_from(["max", "min"]), inner, inner).map(lambda t: f"{t[0]}({t[1]}, {t[2]})"),
    ),
    max_leaves=4,
)
FACTORS = ["{q} * {g}", "{q} * abs({g})", "{q} * max({g}, 0)", "{q} * {g}^2", "{q}", "min({q}, {g})"]


@settings(max_examples=100, deadline=None, derandomize=True)
@given(EXPRESSIONS, EXPRESSIONS, EXPRESSIONS, st.sampled_from(FACTORS))
def test_pieces_of_pieces(g, f, q, factor) -> None:
    """What is proved to agree has no gap where the condition changes along lines, found by bisection."""
    other = f"{f} + {factor.format(g=g, q=q)}"
    analysis = analyse_text(f"param x, y\nlet r = if {g} <= 0 then {f} else {other}\n")
    assert analysis.facts is not None
    proved = all(s.meeting in (Meeting.CONTINUOUSLY, Meeting.SMOOTHLY) for s in analysis.facts.seams.values())
    for angle in np.linspace(0.2, 3.0, 4) if proved else ():
        direction = np.array([np.cos(angle), np.sin(angle)])
        for low, high in pairwise(np.linspace(-3.1, 3.3, 30)):
            gap = gap_at_switch(g, f, other, direction, low, high)
            assert gap is None or gap < 1e-9


def gap_at_switch(g: str, f: str, other: str, direction: np.ndarray, low: float, high: float) -> float | None:
    """How far the branches are apart where the condition changes between two points of a line."""

    def value(text: str, t: float) -> float:
        x, y = 0.3 + direction * t
        return float(eval(text.replace("^", "**"), {"abs": abs, "max": max, "min": min}, {"x": x, "y": y}))

    side = value(g, low) <= 0
    if (value(g, high) <= 0) == side:
        return None
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if (value(g, middle) <= 0) == side else (low, middle)
    return abs(value(f, low) - value(other, low)) / (1 + abs(value(f, low)))


@pytest.mark.parametrize("name, at", AT_POINTS)
def test_values_that_are_taken_as_known(name, at) -> None:
    assert float(PRIMITIVES[name](float(at))) == float(AT_POINTS[name, at])


# ---------------------------------------------------------------- on data

SWITCHES = """dim n
param a, b, x[n]
let open = if a * b <= 1 then a else 2 / b
let shut = if a * b <= 1 then a else 1 / b
let rows = sum(if x[i] * a > 1 then x[i] else 3 / a for i in n)
let far = if a * b <= 10000 then a else 1 / b
let step = if a > 1 then b else 2 * b + 1
"""
DATA = ("-p", "a=0.8", "-p", "b=1", "-p", "x=[0.5, 2, 1]")


@pytest.fixture
def switches(tmp_path: Path) -> str:
    path = tmp_path / "switches.opt"
    path.write_text(SWITCHES)
    return str(path)


@pytest.mark.parametrize(
    "of, jump, met", [("open", True, True), ("shut", False, True), ("rows", True, True), ("far", None, False)]
)
def test_branches_are_compared_on_data(switches, capsys, of, jump, met) -> None:
    assert run(["grad", switches, *DATA, "--of", of, "--check", "--json"]) == 0
    captured = capsys.readouterr()
    (entry,) = json.loads(captured.out)["check"]["if"]
    assert (entry["switches"] > 0) == met
    assert ("R0804" in captured.err) == bool(jump)
    assert ("no switch" in captured.err) == (not met)
    if jump is None:
        assert entry["jump"] is None
    else:
        assert (entry["jump"] > 0.1) == jump and (jump or entry["jump"] < 1e-12)


IMAGE = """param p, q, L in pos
var x
let near = round(x)
let far = x + p
minimize (x - p - L * round((x - p) / L))^2 + sign(q) * x
"""


@pytest.mark.parametrize(
    "of, wrt, places",
    [("x", ["p", "L"], []), ("x", ["q"], ["sign(q)"]), ("far", ["p"], []), ("near", ["p"], ["round(x)"]),
     ("objective", ["p", "q", "L"], ["sign(q)"])],
)  # fmt: skip
def test_jumps_within_a_problem(of, wrt, places) -> None:
    """Of unknowns they are meant; of params, and of an output itself, no derivative flows through them."""
    analysis = analyse_text(IMAGE)
    assert analysis.model is not None and analysis.facts is not None
    refused = refused_derivatives(analysis.model, analysis.facts, of, wrt)
    assert [finding.labels[0].span.text for finding in refused] == places


def test_a_derivative_through_a_jump_is_refused(switches, capsys) -> None:
    """Not one in a param that only the branches depend on."""
    assert run(["grad", switches, *DATA, "--of", "step"]) == 1
    assert "E0706" in capsys.readouterr().err
    assert run(["grad", switches, *DATA, "--of", "step", "--wrt", "b"]) == 0
    assert run(["grad", switches, *DATA, "--of", "shut"]) == 0
    model = karush.load(switches)
    given_here = {"a": 0.8, "b": 1.0, "x": np.ones(3)}
    with pytest.raises(DerivativeError, match=r"E0706.*line 7"):
        karush.vjp(model, of="step")(**given_here)
    value, pull = karush.vjp(model, of="step", wrt=("b",))(**given_here)
    assert float(pull(1.0).b) == 2.0 and float(value) == 3.0
