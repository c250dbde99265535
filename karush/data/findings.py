"""Findings about data: each points at the declaration in the model and names file and key of the value."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from karush.compiler.model import Dim, Model, Param
from karush.data.given import Given, Refused
from karush.dsl.diagnostics import Diagnostic, Fix, Label
from karush.dsl.source import Span
from karush.dsl.spelling import closest
from karush.stdlib.shape import Size, show_shape

SHOWN = 8

Notes = tuple[tuple[str, str], ...]


def top_of(model: Model) -> Span:
    """A place for what has no declaration of its own: the first param, or the start of the file."""
    first = next(iter(model.params.values()), None)
    return first.span if first is not None else Span(model.source, 0, min(1, len(model.source.text)))


def listed(names: Sequence[str]) -> str:
    """Names with commas, cut where there are many."""
    more = f", … ({len(names)} in all)" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def missing_param(param: Param) -> Diagnostic:
    """E0401: a param without default has no value."""
    doc = f" ({param.doc})" if param.doc else ""
    return Diagnostic(
        "E0401",
        f"no value for `{param.name}`{doc}",
        (Label(param.span, f"{show_shape(param.shape)}, has no default"),),
        fixes=(Fix(f'-d data.json with a key "{param.name}"     or: -p {param.name}=…'),),
    )


def missing_dim(dim: Dim) -> Diagnostic:
    """E0401: a size is neither given, nor in the data, nor has a default."""
    return Diagnostic(
        "E0401",
        f"no value for the size `{dim.name}`",
        (Label(dim.span, "no data say how large it is, and it has no default"),),
        fixes=(Fix(f"-p {dim.name}=10 (compile: --sizes {dim.name}=10)     or a default: dim {dim.name} = 10"),),
    )


def open_size(dim: Dim) -> Diagnostic:
    """E0401: a size is left open in a program that could not learn it from its inputs."""
    return Diagnostic(
        "E0401",
        f"the size `{dim.name}` cannot be left open: no param has it in its shape",
        (Label(dim.span, "the compiled program would never learn how large it is"),),
        fixes=(Fix(f"--sizes {dim.name}=20     or a param with that size: param p[{dim.name}]"),),
    )


def open_size_of_cones(dim: Dim, problem_class: str) -> Diagnostic:
    """E0401: a size is left open in a program with rows in cones, whose shapes depend on it."""
    return Diagnostic(
        "E0401",
        f"the size `{dim.name}` cannot be left open in a problem of class {problem_class}",
        (Label(dim.span, "a program with rows in cones is compiled for known sizes"),),
        fixes=(Fix(f"--sizes {dim.name}=20"),),
    )


def bad_size(dim: Dim, given: Given) -> Diagnostic:
    """E0406: an explicit size is no whole number."""
    return Diagnostic(
        "E0406",
        f"the size `{dim.name}` must be a whole number >= 0",
        (Label(dim.span),),
        (("note", f"the value is from {given.origin}"),),
    )


def unknown_name(model: Model, given: Given | Refused) -> Diagnostic:
    """E0403: a value for something that is no param of the model."""
    known = [*model.params, *model.dims]
    near = closest(given.name, known)
    fixes: tuple[Fix, ...] = ()
    if near is not None:
        declared = model.params.get(near) or model.dims[near]
        label, fixes = Label(declared.span, f"did you mean `{near}`?"), (Fix(near),)
    else:
        label = Label(top_of(model), "the params begin here")
    what = "a let" if given.name in model.lets else "a var" if given.name in model.vars else None
    notes = [("note", f"from {given.origin}")]
    if what is not None:
        notes.append(("note", f"`{given.name}` is {what}; only params and sizes take values"))
    notes.append(("help", f"the params are: {listed(list(model.params))}"))
    return Diagnostic("E0403", f"`{given.name}` is not a param of this model", (label,), tuple(notes), fixes)


def given_twice(span: Span, name: str, first: str, second: str) -> Diagnostic:
    """E0405: two sources give a value for one param."""
    return Diagnostic(
        "E0405",
        f"`{name}` is given twice",
        (Label(span, f"first by {first}, then by {second}"),),
        fixes=(Fix("leave one out     or: -p, which wins over -d"),),
    )


def refused(span: Span, given: Refused) -> Diagnostic:
    """A value that could not be read: shape, labels or entries."""
    notes = (("note", f"from {given.origin}"), *given.trouble.notes)
    return Diagnostic(given.trouble.code, f"`{given.name}`: {given.trouble.message}", (Label(span),), notes)


def wrong_shape(param: Param, given: Given, detail: str, fixes: tuple[Fix, ...] = ()) -> Diagnostic:
    """E0404: the value has not the shape that the declaration asks for."""
    return Diagnostic(
        "E0404",
        f"`{param.name}` has the wrong shape: {detail}",
        (Label(param.span, f"declared with the shape {show_shape(param.shape)}"),),
        (("note", f"the value is from {given.origin}, shape {show_numbers(given.shape)}"),),
        fixes or (Fix(f"give {show_shape(param.shape)}, or declare `{param.name}` with the shape of the data"),),
    )


def two_sizes(dim: Dim, first: tuple[Span, int, str], second: tuple[Span, int, str], notes: Notes = ()) -> Diagnostic:
    """E0402: two sources give a size different values; each source is (place, value, where from)."""
    return Diagnostic(
        "E0402",
        f"size `{dim.name}` has two values in the data",
        tuple(Label(span, f"{dim.name} = {value}, from {origin}") for span, value, origin in (first, second)),
        notes,
    )


def label_clash(size: Size, first: tuple[Span, str], second: tuple[Span, str], notes: Notes) -> Diagnostic:
    """E0402: two params label one size differently; each side is (place, where from)."""
    return Diagnostic(
        "E0402",
        f"the labels of size `{size}` differ between two params",
        tuple(Label(span, f"labels from {origin}") for span, origin in (first, second)),
        notes,
    )


def entry_name(name: str, index: Sequence[int], labels: Sequence[tuple[str, ...] | None] = ()) -> str:
    """An entry as the user would write it: ``Sigma[3, 3]``, with labels where the axes carry them."""
    if not len(index):
        return f"`{name}`"
    known = [*labels, *(None for _ in index)]
    parts = (str(i) if names is None else f'"{names[i]}"' for i, names in zip(index, known, strict=False))
    return f"`{name}[{', '.join(parts)}]`"


def bad_entry(code: str, param: Param, given: Given, index: Sequence[int], *, said: str, expected: str) -> Diagnostic:
    """E0406, E0407, E0408: one entry is not what the declaration or the arithmetic asks for."""
    where = entry_name(param.name, given.place(index), given.labels)
    return Diagnostic(
        code,
        f"{where} {said}",
        (Label(param.span, expected),),
        (("note", f"the value is from {given.origin}"),),
    )


def too_large(span: Span, shape: Sequence[int]) -> Diagnostic:
    """E0410: an operation without a sparse rule meets a matrix that may not be made dense."""
    return Diagnostic(
        "E0410",
        f"the matrix of `{span.text}`, {' × '.join(map(str, shape))}, is too large to be made dense",
        (Label(span, "needs all of its entries here"),),
        fixes=(Fix("products `A @ x`, `A.T @ y`, sums, multiples, brackets, clauses"),),
    )


def show_numbers(shape: Sequence[int]) -> str:
    """A shape in numbers: ``(12, 10)``, or ``a scalar``."""
    return f"({', '.join(map(str, shape))}{',' if len(shape) == 1 else ''})" if len(shape) else "a scalar"


def show_entry(value: object) -> str:
    """An entry for a message."""
    if isinstance(value, np.floating | float):
        return f"{value:.6g}"
    return f'"{value}"' if isinstance(value, str) else str(value)
