"""The prover of index ranges against enumeration, and the arithmetic of sizes."""

from __future__ import annotations

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from karush.compiler.model import Binder
from karush.compiler.names.bounds import Bounds, last_value
from karush.compiler.names.sizes import ceiling_quotient, substitute
from karush.stdlib.shape import Size

N = Size.of("n")
small = st.integers(-3, 3)


def linear(a: int, b: int) -> Size:
    return Size.constant(a) * N + Size.constant(b)


@st.composite
def binders(draw: st.DrawFn) -> Binder:
    start, stop = linear(draw(st.integers(0, 1)), draw(small)), linear(draw(st.integers(0, 2)), draw(small))
    step = draw(st.sampled_from([1, 1, 2, 3, -1, -2]))
    gap = stop - start if step > 0 else start - stop
    return Binder("i", ceiling_quotient(gap, abs(step)), start, step)


@settings(max_examples=200, deadline=None)
@given(binders(), small, small, small)
def test_what_is_proved_nonnegative_is_so_for_every_dim_and_index(binder: Binder, p: int, q: int, r: int) -> None:
    bounds = Bounds({}, binders=(binder,))
    token = bounds._binder_token(binder)
    proved = bounds.nonnegative(token * Size.constant(p) + linear(q, r))
    for n in range(7):
        length = max(0, binder.length.evaluate({"n": n}))
        start = binder.start.evaluate({"n": n})
        values = [p * (start + binder.step * k) + q * n + r for k in range(length)]
        assert not proved or all(value >= 0 for value in values)


@settings(max_examples=100, deadline=None)
@given(binders())
def test_the_last_value_bounds_all_values(binder: Binder) -> None:
    last = last_value(binder)
    for n in range(7):
        length = max(0, binder.length.evaluate({"n": n}))
        end = last.evaluate({"n": n})
        for k in range(length):
            value = binder.start.evaluate({"n": n}) + binder.step * k
            assert value <= end if binder.step > 0 else value >= end


@given(st.integers(-2, 2), small, st.integers(1, 4), st.integers(0, 6))
def test_ceiling_quotients_have_the_value_of_their_name(a: int, b: int, divisor: int, n: int) -> None:
    numerator = linear(a, b)
    length = max(0, ceiling_quotient(numerator, divisor).evaluate({"n": n}))
    assert length == len(range(0, numerator.evaluate({"n": n}), divisor))


def test_substitution_commutes_with_evaluation() -> None:
    size = ceiling_quotient(N * Size.of("m") + Size.constant(1), 2) + Size.of("m")
    replaced = substitute(size, {"n": Size.of("m") + Size.constant(2)})
    for m in range(5):
        assert replaced.evaluate({"m": m}) == size.evaluate({"m": m, "n": m + 2})


def test_products_of_binders_are_bounded() -> None:
    i, j = Binder("i", N), Binder("j", Size.of("m"))
    bounds = Bounds({}, binders=(i, j))
    flat = bounds._binder_token(i) * Size.of("m") + bounds._binder_token(j)
    room = N * Size.of("m") - Size.constant(1) - flat
    assert bounds.nonnegative(flat)
    assert bounds.nonnegative(room)
    assert not bounds.nonnegative(room - Size.constant(1))
    for n, m in itertools.product(range(1, 4), repeat=2):
        assert max(a * m + b for a in range(n) for b in range(m)) == n * m - 1
