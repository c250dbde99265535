"""Whether an array lies in a set of the language, within the tolerances that the language fixes.

Relative 1e-6 for bounds, sums and symmetry (relative to what is compared); λ_min ≥ −1e-8·max|S| for psd.
Each test returns None, or (index of the offending entry, what it is, what was expected).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

RELATIVE = 1e-6
PSD_RELATIVE = 1e-8

Violation = tuple[tuple[int, ...], str, str]
Arguments = Sequence[np.ndarray]
Bound = np.ndarray | float


def largest(value: np.ndarray) -> float:
    """The largest finite magnitude, 0 where there is none."""
    finite = value[np.isfinite(value)]
    return float(np.max(np.abs(finite), initial=0.0))


def first_where(bad: np.ndarray, value: np.ndarray, expected: str) -> Violation | None:
    """The violation at the first True of ``bad``."""
    if not bad.any():
        return None
    index = tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), bad.shape)) if bad.ndim else ()
    return index, f"is {show(value[index])}", expected


def show(number: float) -> str:
    """A number for a message."""
    return f"{number:.6g}"


def within(lower: Bound, upper: Bound, value: np.ndarray, expected: str) -> Violation | None:
    """lower ≤ value ≤ upper, entry by entry, with 1e-6 of the larger of the compared magnitudes."""
    with np.errstate(invalid="ignore"):
        scale = np.maximum(largest(value), np.maximum(np.abs(finite(lower)), np.abs(finite(upper))))
        slack = RELATIVE * scale
        return first_where((value < lower - slack) | (value > upper + slack), value, expected)


def finite(bound: Bound) -> np.ndarray:
    """A bound with its infinities replaced by zero."""
    array = np.asarray(bound, float)
    return np.where(np.isfinite(array), array, 0.0)


def nonneg(value: np.ndarray, arguments: Arguments) -> Violation | None:
    """X ≥ 0."""
    return within(0.0, math.inf, value, ">= 0 is expected")


def nonpos(value: np.ndarray, arguments: Arguments) -> Violation | None:
    """X ≤ 0."""
    return within(-math.inf, 0.0, value, "<= 0 is expected")


def pos(value: np.ndarray, arguments: Arguments) -> Violation | None:
    """X > 0."""
    return first_where(~(value > 0), value, "> 0 is expected")


def neg(value: np.ndarray, arguments: Arguments) -> Violation | None:
    """X < 0."""
    return first_where(~(value < 0), value, "< 0 is expected")


def box(value: np.ndarray, arguments: Arguments) -> Violation | None:
    """A ≤ x ≤ b."""
    lower, upper = np.broadcast_to(arguments[0], value.shape), np.broadcast_to(arguments[1], value.shape)
    violation = within(lower, upper, value, "")
    if violation is None:
        return None
    low, high = show(float(lower[violation[0]])), show(float(upper[violation[0]]))
    return violation[0], violation[1], f"a value between {low} and {high} is expected"


def simplex(value: np.ndarray, arguments: Arguments) -> Violation | None:
    """X ≥ 0 with Σ x = 1."""
    negative = within(0.0, math.inf, value, "entries >= 0 are expected")
    total = float(value.sum())
    if negative is None and abs(total - 1) > RELATIVE:
        return (), f"sums to {total:.9g}", "entries >= 0 that sum to 1 are expected"
    return negative


def norm_ball(order: float) -> Callable[[np.ndarray, Arguments], Violation | None]:
    """‖x‖ ≤ r in the norm of that order."""

    def test(value: np.ndarray, arguments: Arguments) -> Violation | None:
        radius, norm = float(arguments[0]), float(np.linalg.norm(value.ravel(), order))
        if norm <= radius * (1 + RELATIVE):
            return None
        return (), f"has the norm {show(norm)}", f"a norm of at most {show(radius)} is expected"

    return test


def symmetric(value: np.ndarray, arguments: Arguments) -> Violation | None:
    """S = Sᵀ."""
    if value.shape[0] != value.shape[1]:
        return (), f"has the shape {value.shape}", "a symmetric matrix is expected"
    gap = np.abs(value - value.T)
    if np.max(gap, initial=0.0) <= RELATIVE * largest(value):
        return None
    i, j = (int(k) for k in np.unravel_index(int(np.argmax(gap)), gap.shape))
    said = f"is {show(value[i, j])}, but the entry [{j}, {i}] is {show(value[j, i])}"
    return (i, j), said, "a symmetric matrix is expected"


def least_eigenvalue(value: np.ndarray) -> float:
    """The smallest eigenvalue of the symmetric part; +∞ for an empty matrix."""
    return float(np.linalg.eigvalsh((value + value.T) / 2)[0]) if value.size else math.inf


def psd(value: np.ndarray, arguments: Arguments) -> Violation | None:
    """S = Sᵀ with λ_min ≥ −1e-8·max|S|."""
    least = least_eigenvalue(value) if symmetric(value, ()) is None else 0.0
    if least >= -PSD_RELATIVE * largest(value):
        return symmetric(value, ())
    expected = "a symmetric matrix with eigenvalues >= 0 is expected"
    return (), f"has the eigenvalue {show(least)}", expected


def pd(value: np.ndarray, arguments: Arguments) -> Violation | None:
    """S = Sᵀ with λ_min > 0."""
    asymmetric = symmetric(value, ())
    if asymmetric is not None:
        return asymmetric
    least = least_eigenvalue(value)
    if least > 0:
        return None
    return (), f"has the eigenvalue {show(least)}", "a symmetric matrix with eigenvalues > 0 is expected"


def second_order(value: np.ndarray, arguments: Arguments) -> Violation | None:
    """‖x‖₂ ≤ t for (t, x)."""
    norm = float(np.linalg.norm(value[1:]))
    if norm <= float(value[0]) + RELATIVE * norm:
        return None
    return (0,), f"is {show(value[0])}", f"at least {show(norm)}, the norm of the other entries, is expected"


def exponential(value: np.ndarray, arguments: Arguments) -> Violation | None:
    """y·exp(x/y) ≤ z with y > 0, or its closure x ≤ 0, y = 0, z ≥ 0."""
    x, y, z = (float(v) for v in value)
    slack = RELATIVE * largest(value)
    with np.errstate(over="ignore", divide="ignore"):
        inside = bool(y * np.exp(x / y) <= z + slack) if y > 0 else x <= slack and y >= -slack and z >= -slack
    return None if inside else ((), f"is ({show(x)}, {show(y)}, {show(z)})", "y * exp(x / y) <= z is wanted")


def power(value: np.ndarray, arguments: Arguments) -> Violation | None:
    """X^α·y^(1−α) ≥ |z| with x, y ≥ 0."""
    x, y, z = (float(v) for v in value)
    alpha, slack = float(arguments[0]), RELATIVE * largest(value)
    inside = min(x, y) >= -slack and max(x, 0) ** alpha * max(y, 0) ** (1 - alpha) >= abs(z) - slack
    return None if inside else ((), f"is ({show(x)}, {show(y)}, {show(z)})", "x^a * y^(1-a) >= |z| is wanted")


def anything(value: np.ndarray, arguments: Arguments) -> Violation | None:
    """No condition."""
    return None


TESTS: dict[str, Callable[[np.ndarray, Arguments], Violation | None]] = {
    "nonneg": nonneg, "nonpos": nonpos, "pos": pos, "neg": neg, "box": box, "simplex": simplex,
    "ball": norm_ball(2), "l1_ball": norm_ball(1), "linf_ball": norm_ball(math.inf),
    "sym": symmetric, "psd": psd, "pd": pd, "soc": second_order, "exp_cone": exponential, "pow_cone": power,
    "free": anything, "int": anything, "bool": anything, "index": anything,
}  # fmt: skip
