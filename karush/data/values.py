"""Entries of the params against their declarations: numbers, whole numbers, infinities, sets."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from karush.compiler.model import Constraint, InSet, Kind, Param, Relation, SetUse
from karush.data import findings
from karush.data.evaluate import evaluate
from karush.data.given import Given, SparseMatrix
from karush.data.membership import TESTS, Violation, within
from karush.data.sparse_membership import sparse_violation
from karush.dsl.diagnostics import Diagnostic

ONLY_A_BOUND = "only a side of an inequality, or an argument of `box`, may be infinite: it must serve as a bound alone"


def check_numbers(param: Param, given: Given, infinite: bool) -> Given | Diagnostic:
    """The value with entries of the param's kind; findings E0406 (no number), E0407 (NaN), E0408 (infinity).

    ``infinite`` says whether the param serves as a bound, so that ±infinity means "no bound".
    """
    value = given.value
    if value.dtype == object:
        return not_a_number(param, given)
    if value.dtype == bool and param.kind is not Kind.BOOLEAN:
        expected = f"{word(param)} is expected"
        return findings.bad_entry("E0406", param, given, (), said="holds truth values", expected=expected)
    if value.dtype.kind == "f":
        for code, bad, hint in (
            ("E0407", np.isnan(value), "a number is expected"),
            ("E0408", np.isinf(value) & (not infinite), ONLY_A_BOUND),
        ):
            if bad.any():
                index = first_index(bad)
                said = "is not a number (NaN)" if code == "E0407" else f"is {value[index]}"
                return findings.bad_entry(code, param, given, index, said=said, expected=hint)
    if param.kind is Kind.REAL:
        return replace(given, value=value.astype(np.float64))
    return whole_numbers(param, given)


def not_a_number(param: Param, given: Given) -> Diagnostic:
    """E0406 for text among the entries."""
    text = np.vectorize(lambda entry: isinstance(entry, str), otypes=[bool])(given.value)
    index = first_index(text)
    entry = given.value[index]
    said = f"is the text {findings.show_entry(entry)}"
    return findings.bad_entry("E0406", param, given, index, said=said, expected=f"{word(param)} is expected")


def whole_numbers(param: Param, given: Given) -> Given | Diagnostic:
    """Integers (integral floats too), or truth values 0 and 1 for a boolean param."""
    value = given.value
    if value.dtype.kind == "f":
        uneven = (value != np.round(value)) | (np.abs(value) > 2**53)
        if uneven.any():
            index = first_index(uneven)
            said = f"is {value[index]:.6g}"
            return findings.bad_entry("E0406", param, given, index, said=said, expected=f"{word(param)} is expected")
    if param.kind is Kind.BOOLEAN:
        wrong = (value != 0) & (value != 1)
        if wrong.any():
            index = first_index(wrong)
            said, expected = f"is {value[index]}", f"{word(param)} is expected"
            return findings.bad_entry("E0406", param, given, index, said=said, expected=expected)
        return replace(given, value=value.astype(bool))
    return replace(given, value=value.astype(np.int64))


def settled(param: Param, given: Given) -> Given | Diagnostic:
    """A checked value as the program takes it: a sparse matrix that is not of real numbers becomes dense."""
    pattern = given.pattern
    if pattern is None or param.kind is Kind.REAL:
        return given
    if not pattern.small:
        detail = f"a sparse matrix of {pattern.shape[0]} × {pattern.shape[1]} is taken for real numbers alone"
        return findings.wrong_shape(param, given, detail)
    return replace(given, value=pattern.dense(given.value), pattern=None)


def check_set(
    param: Param, given: Given, known: Mapping[str, np.ndarray], dims: Mapping[str, int]
) -> Diagnostic | None:
    """E0406 where a concrete value is not in the set of its declaration.

    ``known`` are the concrete dense params by name, for sets with arguments such as ``box(lower, upper)``; where an
    argument is not known here the value is trusted.
    """
    use = param.set
    if use is None or not math.prod(given.shape):
        return None
    if given.pattern is not None and not use.rows:
        arguments = known_arguments(use, known, dims)
        sparse = SparseMatrix(given.value, given.pattern)
        violation = None if arguments is None else sparse_violation(use.name, sparse, arguments)
    elif given.pattern is not None and not given.pattern.small:
        violation = None
    elif use.name == "index" and use.size is not None:
        violation = in_range(given.value, use.size.evaluate(dims), str(use.size))
    elif use.rows:
        own = given.value if given.pattern is None else given.pattern.dense(given.value)
        violation = outside_of_rows(use.rows, {**known, param.name: own}, dims)
    else:
        violation = outside(use, given.value, known, dims)
    if violation is None:
        return None
    index, said, expected = violation
    expected = f"`in {use.span.text}`: {expected}"
    return findings.bad_entry("E0406", param, given, index, said=said, expected=expected)


def outside(
    use: SetUse, value: np.ndarray, known: Mapping[str, np.ndarray], dims: Mapping[str, int]
) -> Violation | None:
    """How a value lies outside of a set of the library; None where it does not, or an argument is not known."""
    arguments = known_arguments(use, known, dims)
    return TESTS[use.name](value, arguments) if use.name in TESTS and arguments is not None else None


def known_arguments(use: SetUse, known: Mapping[str, np.ndarray], dims: Mapping[str, int]) -> list[np.ndarray] | None:
    """The arguments of a set; None where one is not known here."""
    arguments = [evaluate(argument, known, dims) for argument in use.arguments]
    concrete = [a for a in arguments if a is not None]
    return concrete if len(concrete) == len(arguments) else None


def outside_of_rows(
    rows: Sequence[Constraint], known: Mapping[str, np.ndarray], dims: Mapping[str, int]
) -> Violation | None:
    """How a value violates the condition of a declared set; a row that cannot be evaluated here is trusted."""
    for row in rows:
        found = None
        if isinstance(row, InSet):
            value = evaluate(row.value, known, dims)
            found = None if value is None else outside(row.set, value, known, dims)
        elif isinstance(row, Relation):
            sides = [evaluate(operand, known, dims) for operand in row.operands]
            for left, operator, right in zip(sides, row.operators, sides[1:], strict=False):
                if left is not None and right is not None:
                    found = found or compared(left, operator, right)
        if found is not None:
            _, said, expected = found
            return (), f"gives a side that {said}", expected
    return None


def compared(left: np.ndarray, operator: str, right: np.ndarray) -> Violation | None:
    """left <= right, left >= right or left == right within 1e-6 of the larger magnitude."""
    lower = right if operator in (">=", "==") else -np.inf
    upper = right if operator in ("<=", "==") else np.inf
    left, lower, upper = np.broadcast_arrays(left, lower, upper)
    place = first_index((left < lower) | (left > upper))
    said = f"{operator} {np.broadcast_to(right, left.shape)[place]:.6g} is expected"
    return within(lower, upper, left.astype(float), said)


def in_range(value: np.ndarray, size: int, name: str) -> Violation | None:
    """0 ≤ index < size."""
    outside = (value < 0) | (value >= size)
    if not outside.any():
        return None
    index = first_index(outside)
    return index, f"is {value[index]}", f"an index 0 .. {size - 1} is expected ({name} = {size})"


def first_index(bad: np.ndarray) -> tuple[int, ...]:
    """Where the first True stands."""
    return tuple(int(i) for i in np.unravel_index(int(np.argmax(bad)), bad.shape)) if bad.ndim else ()


def word(param: Param) -> str:
    """What the entries of a param are, in words."""
    if param.set is not None and param.set.name == "index":
        return f"a whole number or a label of `{param.set.size}`"
    return {Kind.REAL: "a number", Kind.INTEGER: "a whole number", Kind.BOOLEAN: "true or false"}[param.kind]
