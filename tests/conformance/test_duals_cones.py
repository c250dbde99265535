"""The sign of every dual of rows in cones: multipliers against differences of the optimal value.

Every model below has rows ``e + shift in K`` (or ``e <= r + shift``) with a param for the shift. The dual of such rows
is the gain per unit: the derivative of the optimal value in the shift, for ``maximize``, its negative for ``minimize``.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from tests.conformance.cone_oracle import Answer

STEP = 1e-3

SETS = {
    "soc": ("[n + 1]", "minimize x[0] + x[1] + 2 * x[2]", "concat([2], x) + shift in soc"),
    "soc, maximized": ("[n + 1]", "maximize x[0] - x[2]", "concat([2 + x[1] / 2], x) + shift in soc"),
    "ball": ("", "minimize x[0] - x[1] + 2 * x[2]", "x in ball(1.5 + shift)"),
    "exp_cone": ("[3]", "minimize sumsq(x - 1) + 3 * x[1]", "[x[0] + 1, 1, 2 * x[1]] + shift in exp_cone"),
    "pow_cone": ("[3]", "maximize x[2] - sumsq(x) / 2", "[x[0], x[1], x[2]] + shift in pow_cone(0.3)"),
    "clause": ("[2, 3]", "minimize sumsq(x - 2)", "[1 + i, x[i], x[i + 1] - 1] + shift[i] in soc for i in range(2)"),
    "filter": ("[3, 2]", "minimize sumsq(x - 2)", "[1, x[i]] + shift[i] in soc for i in range(3) if i != 1"),
    "quadratic row": ("", "minimize sumsq(x - 2) + x[1]", "sumsq(x) + x[0] <= 2 + shift"),
    "quadratic rows": ("[n]", "maximize sum(x)", "2 * x^2 - x <= 1 + shift"),
    "curved row": ("", "minimize sumsq(x - 2)", "exp(x[0]) + max(x[1]^2, x[2]) <= 2 + shift"),
    "psd": ("[2, 2]", "minimize sumsq(x + 1) + x[1]", "[[x[0], x[1]], [x[1], x[2]]] + shift in psd"),
}
SHAPES = {"": (), "[n]": (3,), "[3]": (3,), "[n + 1]": (4,), "[2, 3]": (2, 3), "[3, 2]": (3, 2), "[2, 2]": (2, 2)}


def model(name: str) -> tuple[str, tuple[int, ...]]:
    sizes, objective, row = SETS[name]
    return f"dim n\nparam shift{sizes}\nvar x[n]\n{objective}\nsubject to\n  row: {row}\n", SHAPES[sizes]


def answer(text: str, shift: np.ndarray) -> Answer:
    return Answer(text, {"n": 3}, {"shift": shift})


@pytest.mark.parametrize("name", SETS)
def test_a_dual_is_the_gain_per_shift(name: str) -> None:
    text, shape = model(name)
    at_zero = answer(text, np.zeros(shape))
    dual = np.asarray(at_zero.duals["row"])
    assert dual.shape == shape
    assert np.max(np.abs(dual)) > 0.1
    for place in product(*map(range, shape)):
        both = {place, place[::-1]} if name == "psd" else {place}
        step = np.zeros(shape)
        for entry in both:
            step[entry] = STEP
        ahead, back = answer(text, step).objective, answer(text, -step).objective
        gain = (ahead - back) / (2 * STEP)
        expected = gain if "maximize" in text else -gain
        np.testing.assert_allclose(sum(dual[entry] for entry in both), expected, rtol=1e-4, atol=1e-4)
