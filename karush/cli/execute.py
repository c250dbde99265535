"""``karush exec``: run an artefact without the model."""

from __future__ import annotations

import time
from typing import Any

import click
import jax
import numpy as np

from karush.artifact_model import infinite_inputs, interface_model, with_sizes
from karush.cli.exits import OF_STATUS, WRONG
from karush.cli.options import Existing, Verb, data_options, out_option
from karush.cli.session import Stop, tell, usage
from karush.cli.solving import Options, check_usage, deliver, read_all, start_jax
from karush.data.bind import bind
from karush.data.given import Binding, SparseMatrix
from karush.dsl.diagnostics import Diagnostic, Label
from karush.dsl.source import Source, Span
from karush.output import Axes, Output
from karush.report import VERSION, host, versions
from karush.result import Record, Result
from karush.runtime import Artifact, ArtifactError, Metadata, open_artifact
from karush.solvers.result import Status


@click.command(cls=Verb, help="Run an artefact that `karush compile` wrote.")
@click.argument("artifact", type=Existing())
@data_options
@out_option
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout (default unless a terminal).")
@click.option("--table", "as_table", is_flag=True, help="A table on stdout (default on a terminal).")
def execute(
    *, artifact: str, data: tuple[str, ...], settings: tuple[str, ...], out: str | None, as_json: bool, as_table: bool
) -> int:
    """Bind the data by the artefact's interface, run it, report."""
    options = Options(artifact, data, settings, (), out, "f64", None, None, as_json, as_table, False)
    check_usage(options)
    start_jax()
    program = open_or_stop(artifact)
    metadata = program.metadata
    model = interface_model(metadata, artifact)
    binding = bind(model, with_sizes(metadata, read_all(options)), infinite_inputs(metadata))
    if isinstance(binding, list):
        tell(binding)
        raise Stop(WRONG)
    params = {name: dense_param(name, value) for name, value in binding.params.items()}
    begin = time.perf_counter()
    result = host(jax.block_until_ready(program(**params)))
    record = exec_record(metadata, result, binding, time.perf_counter() - begin)
    axes = {f"values.{name}": axes_of_value(metadata, binding, np.shape(result[name])) for name in record["values"]}
    deliver(Output(record, axes), options)
    return OF_STATUS[record["status"]]


def dense_param(name: str, value: Any) -> Any:
    """A param as an artefact takes it: its program was compiled for dense arrays."""
    if not isinstance(value, SparseMatrix):
        return value
    if not value.pattern.small:
        raise usage(f"{name} is too large to be dense, and an artefact takes dense arrays")
    return value.pattern.dense(value.entries)


def open_or_stop(path: str) -> Artifact:
    """The artefact; what is wrong with it is told and ends the verb with exit code 1."""
    try:
        return open_artifact(path)
    except ArtifactError as error:
        tell([Diagnostic(error.code, error.message, (Label(Span(Source(path, ""), 0, 0)),))])
        raise Stop(WRONG) from None


def axes_of_value(metadata: Metadata, binding: Binding, shape: tuple[int, ...]) -> Axes:
    """The labels of a value's axes: those of a size that alone has this length and labels."""
    found: list[tuple[str, ...] | None] = []
    for length in shape:
        fitting = [dim for dim, size in metadata.dims.items() if size == length]
        found.append(binding.labels.get(fitting[0]) if len(fitting) == 1 else None)
    return tuple(found)


def exec_record(metadata: Metadata, result: Result, binding: Binding, seconds: float) -> dict[str, Any]:
    """The record of ``karush run``, as far as an artefact knows it."""
    status = Status(int(result.status))
    found = status not in (Status.INFEASIBLE, Status.UNBOUNDED, Status.FAILED)
    names = [name.removeprefix("values.") for name in metadata.outputs if name.startswith("values.")]
    statistics = result.statistics if metadata.solver is not None else None
    solver = None
    if statistics is not None:
        residuals = dict(statistics.residuals)
        solver = {
            "name": metadata.solver,
            "iterations": statistics.iterations,
            "residuals": residuals,
            "solve_s": seconds,
        }
    return {
        "v": VERSION,
        "model": metadata.model,
        "status": status.word,
        "objective": result.objective if found and metadata.solver is not None else None,
        "values": {name: result[name] if found else None for name in names},
        "duals": nested(result.dual) if found and metadata.solver is not None and "dual" in dir(result) else {},
        "dims": dict(metadata.dims),
        "labels": {name: list(labels) for name, labels in binding.labels.items() if name in metadata.dims},
        "problem": dict(metadata.problem),
        "solver": solver,
        "versions": versions(),
        "device": jax.devices()[0].platform,
        "dtype": {"float32": "f32", "float64": "f64"}[metadata.dtype],
    }


def nested(record: Record) -> dict[str, Any]:
    """A record as plain dicts."""
    return {name: nested(value) if isinstance(value, Record) else value for name, value in record.items()}


COMMANDS = {"exec": execute}
