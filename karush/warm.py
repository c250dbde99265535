"""Where a solver may begin: a point put together from the output of an earlier run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.families import Bound, Family
from karush.compiler.lowering.symmetric import order_of
from karush.data.array_file import READ_ERRORS
from karush.solvers.forms.quadratic import Point


def read_output(path: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """Values and duals (dotted names) of an output file, JSON or NPZ; None if it is none."""
    try:
        if Path(path).suffix == ".npz":
            with np.load(path, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
            return under(arrays, "values."), under(arrays, "duals.")
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        duals: dict[str, Any] = {}
        for label, value in record["duals"].items():
            duals |= {f"{label}.{side}": v for side, v in value.items()} if isinstance(value, dict) else {label: value}
        return dict(record["values"]), duals
    except (*READ_ERRORS, AttributeError, TypeError, RecursionError):
        return None


def read_warm(path: str, compiled: Compiled) -> Point | None:
    """The point in an output file; None where the file holds none."""
    found = read_output(path)
    return None if found is None else warm_point(compiled, *found)


def under(arrays: Mapping[str, Any], prefix: str) -> dict[str, Any]:
    """The entries under a prefix, without it."""
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}


def warm_point(compiled: Compiled, values: Mapping[str, Any], duals: Mapping[str, Any]) -> Point | None:
    """The point of the quadratic program; what the output does not hold begins at 0.

    That is unlabelled rows and graph forms; multipliers of rows in cones begin at 0 as well.
    """
    form = compiled.form
    if form is None:
        return None
    sign = form.sign

    def entries(source: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> np.ndarray:
        try:
            found = np.asarray(source.get(name), float)
        except (TypeError, ValueError):
            found = np.zeros(0)
        whole = found.shape == shape and bool(np.isfinite(found).all())
        return (found if whole else np.zeros(shape)).ravel()

    def signed(item: Family | Bound, name: str, shape: tuple[int, ...]) -> np.ndarray:
        if item.lower is not None and item.upper is not None:
            return entries(duals, f"{name}.lower", shape) - entries(duals, f"{name}.upper", shape)
        part = item.entry if isinstance(item, Family) else None
        values = entries(duals, f"{name}.{part}" if part else name, shape)
        return values if item.lower is not None else -values

    def kept(name: str, shape: tuple[int, ...]) -> np.ndarray:
        """What the program keeps of a var: of a symmetric matrix the entries on and below its diagonal."""
        if name not in form.layout.symmetric:
            return entries(values, name, shape)
        order = order_of(shape[0])
        return entries(values, name, (order, order)).reshape(order, order)[np.tril_indices(order)]

    x = [kept(name, shape) for name, shape in form.layout.shapes.items()]
    y = [sign * f.direction * entries(duals, f.label or "", form.shape(f.shape)) for f in form.equalities]
    y += [np.zeros(form.skew_rows(family)) for family in form.skew]
    z = [signed(f, f.label or "", form.shape(f.shape)) for f in form.inequalities]
    sides = {bound.var.name: bound for bound in form.bounds}
    w = [
        signed(sides[name], name, shape) if name in sides else np.zeros(int(np.prod(shape)))
        for name, shape in form.layout.shapes.items()
    ]

    def joined(parts: list[np.ndarray]) -> Any:
        return jnp.asarray(np.concatenate([np.zeros(0), *parts]), compiled.dtype)

    rows = sum(stack.dimension * sum(stack.counts) for stack in form.stacks)
    u = jnp.zeros(rows, compiled.dtype) if rows else None
    return Point(joined(x), joined(y), joined(z), joined(w) if form.bounds else None, u)
