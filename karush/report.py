"""The JSON records of ``karush run`` and ``karush grad``, and the labels of their arrays."""

from __future__ import annotations

import importlib.metadata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from karush.compiler.dependence import walk
from karush.compiler.facts.classify import Classification
from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.outcome import Outcome
from karush.compiler.lowering.recover import Recovery
from karush.compiler.model import Comprehension, Expr, InSet, Model, Named, Relation
from karush.data.given import Binding
from karush.data.sizes import bare_name
from karush.output import Axes, Output
from karush.outputs import outputs
from karush.solvers.evidence import DerivativeStatus
from karush.solvers.result import Status
from karush.stdlib.shape import Shape

VERSION = 1
MOST_INNER = 20
"""How many inner problems without a solution are listed for each call."""


@dataclass(frozen=True)
class Times:
    """Seconds of compiling and of solving."""

    compile_s: float
    solve_s: float


def host(tree: Any) -> Any:
    """Arrays of the device as NumPy arrays."""
    return jax.tree.map(np.asarray, tree)


def run_output(compiled: Compiled, kind: Classification, binding: Binding, outcome: Outcome, times: Times) -> Output:
    """The record of a solve."""
    outcome = host(outcome)
    model = compiled.model
    status = Status(int(outcome.status))
    found = status not in (Status.INFEASIBLE, Status.UNBOUNDED, Status.FAILED)
    function = outcome.objective is None
    record: dict[str, Any] = {
        "v": VERSION,
        "model": model.name,
        "status": status.word,
        "objective": outcome.objective if found else None,
        "values": {name: outcome.values[name] if found else None for name in outputs(model)},
        "duals": in_order(model, outcome.duals) if found else {},
        "dims": dict(binding.dims),
        "labels": {dim: list(labels) for dim, labels in binding.labels.items()},
        "problem": {"class": kind.problem_class, "convex": kind.convex, **compiled.counts()},
        "solver": None if function else solver_record(compiled, outcome, times),
        "versions": versions(),
        "device": jax.devices()[0].platform,
        "dtype": dtype_word(compiled),
    }
    record |= inner_record(compiled, outcome)
    if status in (Status.INFEASIBLE, Status.UNBOUNDED) and "inner" not in record:
        record["certificate"] = certificate(compiled, outcome, status)
        record["conflict"] = [name for name, takes_part in outcome.conflict.items() if takes_part]
    return Output(record, dict(axes_of(model, binding)))


def in_order(model: Model, duals: Mapping[str, Any]) -> dict[str, Any]:
    """Duals as their rows stand in the file, those of vars behind."""
    names = [constraint.label for constraint in model.constraints if constraint.label is not None]
    return {name: duals[name] for name in dict.fromkeys([*names, *model.vars]) if name in duals}


def limit_output(kind: Classification, model: Model, binding: Binding, dtype: str) -> Output:
    """The record of a solve that was stopped at its time limit: what is known without solving."""
    record = {
        "v": VERSION,
        "model": model.name,
        "status": Status.LIMIT.word,
        "objective": None,
        "values": dict.fromkeys(outputs(model)),
        "duals": {},
        "dims": dict(binding.dims),
        "labels": {dim: list(labels) for dim, labels in binding.labels.items()},
        "problem": {"class": kind.problem_class, "convex": kind.convex},
        "solver": None,
        "versions": versions(),
        "dtype": dtype,
    }
    return Output(record)


def solver_record(compiled: Compiled, outcome: Outcome, times: Times) -> dict[str, Any]:
    """What solved it and how well."""
    assert compiled.choice is not None and outcome.residuals is not None
    residuals = outcome.residuals
    return {
        "name": compiled.choice.name,
        "iterations": outcome.iterations,
        "residuals": {"primal": residuals.primal, "dual": residuals.dual, "gap": residuals.gap},
        "compile_s": round(times.compile_s, 4),
        "solve_s": round(times.solve_s, 7),
    }


def inner_record(compiled: Compiled, outcome: Outcome) -> dict[str, Any]:
    """The inner problems without a solution: model, line of the call, values of the binders around it, status."""
    found: list[dict[str, Any]] = []
    for step in compiled.steps:
        call, binders = step.solve.call, step.solve.binders
        statuses = np.asarray(outcome.inner[step.solve.name].status)
        for place in map(tuple, np.argwhere(statuses > Status.SOLVED_INACCURATE)[:MOST_INNER]):
            at = {
                binder.name: int(binder.start.evaluate(compiled.dims) + binder.step * index)
                for binder, index in zip(binders, place, strict=True)
            }
            word = Status(int(statuses[place])).word
            found.append({"model": call.model.name, "line": call.span.line, "at": at, "status": word})
    return {"inner": found} if found else {}


def certificate(compiled: Compiled, outcome: Outcome, status: Status) -> dict[str, Any]:
    """The weights of the rows that prove infeasibility, by label, or the direction in which the objective falls."""
    assert compiled.form is not None and outcome.certificate is not None
    if status is Status.UNBOUNDED:
        parts = host(compiled.form.layout.split(outcome.certificate.x))
        return {"direction": {name: parts[name] for name in compiled.model.vars}}
    return {"weights": host(Recovery(compiled.form).duals(outcome.certificate))}


def versions() -> dict[str, str]:
    """The versions that made a result."""
    found = {}
    for package in ("karush", "jax"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = importlib.import_module(package).__version__
    return found


def dtype_word(compiled: Compiled) -> str:
    """``f32`` or ``f64``."""
    return f"f{8 * np.dtype(compiled.dtype).itemsize}"


# ---------------------------------------------------------------- labels of axes


def axes_of(model: Model, binding: Binding) -> Iterator[tuple[str, Axes]]:
    """The labels of the axes of every value, dual and gradient, by dotted name."""
    for name, var in model.vars.items():
        yield from named(
            (f"values.{name}", f"duals.{name}", f"duals.{name}.lower", f"duals.{name}.upper"),
            labels_of(var.shape, binding),
        )
    for name, value in model.lets.items():
        yield f"values.{name}", let_axes(value, binding)
    for constraint in model.constraints:
        if constraint.label is None or not isinstance(constraint, Relation | InSet):
            continue
        own = constraint_shape(constraint)
        heads = tuple(
            binding.labels.get(b.dim or "") if b.start.value == 0 and b.step == 1 else None for b in constraint.binders
        )
        label = f"duals.{constraint.label}"
        yield from named((label, f"{label}.lower", f"{label}.upper"), (*heads, *labels_of(own, binding)))
    for name, param in model.params.items():
        yield f"gradients.{name}", labels_of(param.shape, binding)


def named(names: tuple[str, ...], axes: Axes) -> Iterator[tuple[str, Axes]]:
    """The same axes under several names."""
    return ((name, axes) for name in names)


def labels_of(shape: Shape, binding: Binding) -> Axes:
    """The labels of the axes that are dims with labels."""
    return tuple(binding.labels.get(bare_name(size) or "") for size in shape)


def let_axes(value: Expr, binding: Binding) -> Axes:
    """The labels of a let's axes; a comprehension over a range shorter than its dim has none there."""
    if any(isinstance(node, Comprehension) and node.binders[0].start.value != 0 for node in walk(value)):
        return (None,) * len(value.shape)
    while isinstance(value, Named):
        value = value.value
    return labels_of(value.shape, binding)


def constraint_shape(constraint: Relation | InSet) -> Shape:
    """The shape of one row expression of a constraint."""
    if isinstance(constraint, InSet):
        return constraint.value.shape
    return next((operand.shape for operand in constraint.operands if operand.shape), ())


# ---------------------------------------------------------------- gradients


def status_word(status: Any) -> str:
    """``unique``, ``conservative`` or ``undefined``."""
    return DerivativeStatus(int(status)).word


def active_rows(masks: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The places of the True entries by label: plain numbers on one axis (0 for a single row), else lists of them."""
    found: dict[str, list[Any]] = {}
    for name, mask in masks.items():
        places = [list(map(int, index)) for index in np.argwhere(np.atleast_1d(mask))]
        if places:
            found[name] = [place[0] if len(place) == 1 else place for place in places]
    return found
