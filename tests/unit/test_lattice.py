"""Interval arithmetic encloses, signs survive rounding, curvature composes as functions do."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from karush.stdlib import enclosure
from karush.stdlib.lattice import FREE, NEGATIVE, NONNEGATIVE, POSITIVE, UNIT, Curvature, Interval, Smoothness
from karush.stdlib.set import SET_FACTS
from karush.stdlib.set import enclosure as set_enclosure

NUMBERS = st.one_of(
    st.floats(-1e3, 1e3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.0, 1.0, -1.0, 0.1, 0.5, 5e-324, 1e-200, 1.7e308]),
)


@st.composite
def intervals_with_a_point(draw: st.DrawFn) -> tuple[Interval, float]:
    """An interval and a number in it."""
    a, b, x = sorted(draw(st.tuples(NUMBERS, NUMBERS, NUMBERS)))
    low = draw(st.sampled_from([a, -math.inf]))
    high = draw(st.sampled_from([x, math.inf]))
    return Interval(low, high, draw(st.booleans()) and low < b, draw(st.booleans()) and high > b), b


POINTED = intervals_with_a_point()

BINARY: dict[str, tuple[Callable[[Interval, Interval], Interval], Callable[[float, float], float]]] = {
    "add": (lambda a, b: a + b, lambda x, y: x + y),
    "subtract": (lambda a, b: a - b, lambda x, y: x - y),
    "multiply": (lambda a, b: a * b, lambda x, y: x * y),
    "maximum": (enclosure.maximum, max),
    "minimum": (enclosure.minimum, min),
    "hull": (lambda a, b: a.hull(b), lambda x, y: x),
}


def _encloses(interval: Interval, value: float) -> bool:
    return math.isinf(value) or interval.lower <= value <= interval.upper


@pytest.mark.parametrize("name", BINARY)
@given(POINTED, POINTED)
def test_arithmetic_encloses(name: str, first: tuple[Interval, float], second: tuple[Interval, float]) -> None:
    operate, evaluate = BINARY[name]
    (a, x), (b, y) = first, second
    assert x in a and y in b
    assert _encloses(operate(a, b), evaluate(x, y))


@given(POINTED, POINTED)
def test_division_encloses(first: tuple[Interval, float], second: tuple[Interval, float]) -> None:
    (a, x), (b, y) = first, second
    if y != 0 and not math.isinf(1 / y):
        quotient = a / b
        error = math.ulp(abs(x / y)) if not math.isinf(x / y) else 0.0
        assert math.isinf(x / y) or quotient.lower - 2 * error <= x / y <= quotient.upper + 2 * error


UNARY: dict[str, Callable[[float], float]] = {
    "exp": math.exp,
    "expm1": math.expm1,
    "log": math.log,
    "log1p": math.log1p,
    "sqrt": math.sqrt,
    "atan": math.atan,
    "asin": math.asin,
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "square": lambda x: x * x,
    "abs": abs,
    "relu": lambda x: max(x, 0.0),
    "neg_part": lambda x: max(-x, 0.0),
    "floor": math.floor,
    "ceil": math.ceil,
    "round": round,
    "sign": lambda x: math.copysign(1.0, x) if x else 0.0,
    "softplus": lambda x: max(x, 0.0) + math.log1p(math.exp(-abs(x))),
    "sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "inv_pos": lambda x: 1 / x if x > 0 else math.inf,
    "xlogx": lambda x: x * math.log(x) if x else 0.0,
    "entropy": lambda x: -x * math.log(x) if x else 0.0,
    "gelu": lambda x: x * (1 + math.erf(x / math.sqrt(2))) / 2,
    "silu": lambda x: x / (1 + math.exp(-x)),
}


@pytest.mark.parametrize("name", UNARY)
@given(POINTED)
def test_enclosures_enclose(name: str, pointed: tuple[Interval, float]) -> None:
    interval, x = pointed
    try:
        value = float(UNARY[name](x))
    except (OverflowError, ValueError):
        return
    assert _encloses(enclosure.ENCLOSURES[name](interval), value)


@pytest.mark.parametrize("exponent", [0.0, 1.0, 2.0, 3.0, 4.0, -1.0, -2.0, 0.5, 1.5])
@given(intervals_with_a_point())
@settings(max_examples=50)
def test_powers_enclose(exponent: float, pointed: tuple[Interval, float]) -> None:
    interval, x = pointed
    try:
        value = x**exponent
    except (OverflowError, ZeroDivisionError):
        return
    if isinstance(value, complex) or math.isinf(value):
        return
    found = enclosure.power(interval, exponent)
    slack = 4 * math.ulp(abs(value))
    assert found.lower - slack <= value <= found.upper + slack


def test_signs_survive() -> None:
    tiny = Interval(1e-200, 1.0)
    assert (tiny * tiny).is_positive
    assert (POSITIVE * NEGATIVE).is_negative
    assert (POSITIVE + NONNEGATIVE).is_positive
    assert POSITIVE.reciprocal().is_positive
    assert NEGATIVE.reciprocal().is_negative
    assert not NONNEGATIVE.is_positive


def test_one_minus_a_share_is_nonnegative() -> None:
    assert Interval.point(1.0) - UNIT == UNIT
    assert (Interval.point(1.0) - Interval(0.0, 1.0, upper_open=True)).is_positive
    assert not (Interval.point(1.0) - Interval(0.0, 1.1)).is_nonnegative


@given(POINTED, POINTED)
def test_within_is_inclusion(first: tuple[Interval, float], second: tuple[Interval, float]) -> None:
    (a, x), (b, _) = first, second
    if a.within(b):
        assert x in b
    assert a.within(a.hull(b)) and b.within(a.hull(b))
    assert a.intersect(b).within(a)


def test_intersection_of_contradictions_keeps_the_first() -> None:
    assert UNIT.intersect(Interval(2.0, 3.0)) == UNIT
    assert FREE.intersect(UNIT) == UNIT


def test_intervals_print_as_mathematics() -> None:
    assert str(NONNEGATIVE) == "[0, inf)"
    assert str(Interval(-0.5, 2.0, True)) == "(-0.5, 2]"


CURVES = list(Curvature)


@pytest.mark.parametrize("a", CURVES)
@pytest.mark.parametrize("b", CURVES)
def test_sum_is_the_join(a: Curvature, b: Curvature) -> None:
    total = a + b
    assert total is b + a
    assert total.is_convex == (a.is_convex and b.is_convex)
    assert total.is_concave == (a.is_concave and b.is_concave)
    assert (-a) + (-b) is -total


@pytest.mark.parametrize("a", CURVES)
def test_scaling_follows_the_sign(a: Curvature) -> None:
    assert a.scaled(NONNEGATIVE) is a
    assert a.scaled(Interval(upper=0.0)) is -a
    assert a.scaled(FREE) is (a if a.is_affine else Curvature.UNKNOWN)


def test_smoothness_joins_to_the_worse() -> None:
    assert Smoothness.SMOOTH.join(Smoothness.NONSMOOTH) is Smoothness.NONSMOOTH
    assert Smoothness.DISCONTINUOUS.join(Smoothness.SINGULAR) is Smoothness.DISCONTINUOUS


@given(st.floats(-5, 5), st.floats(0, 5), st.floats(0, 1))
def test_box_encloses_its_elements(low: float, width: float, share: float) -> None:
    box = set_enclosure(SET_FACTS["box"], (Interval(low - 1, low), Interval(low + width, low + width + 1)))
    assert low + share * width in Interval(box.lower, box.upper)
