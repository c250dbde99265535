"""``karush cost``: the operations of a model and of its derivatives, and the bound on them."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

import click
import jax.numpy as jnp

from karush.cli.exits import DONE, WRONG
from karush.cli.grad import check_request
from karush.cli.options import Existing, Verb, data_options, read_sizes
from karush.cli.session import Stop, open_model, tell, usage
from karush.cli.solving import Options, bind_data, prepare, start_jax
from karush.compiler.analyse import Analysis
from karush.compiler.cost.table import UnknownCostError
from karush.compiler.lowering.compiled import Compiled
from karush.compiler.lowering.settings import settings_of
from karush.cost import Cost, NothingToCountError, compiled_for, price
from karush.cost_text import cost_record, cost_text
from karush.errors import ModelError
from karush.measured import Measured, measure
from karush.outputs import DerivativeError
from karush.problem import Prepared, Problem
from karush.template import data_template


@click.command(cls=Verb, help="Count the operations of a model and of its derivatives, with the proven bound on them.")
@click.argument("file", type=Existing())
@data_options
@click.option("--sizes", default="", metavar="n=50,m=3", help="Count for these sizes, without data.")
@click.option("--of", "of", help="The output (default: the objective; of a plain function all lets together).")
@click.option("--wrt", "wrt", help="The params, with commas (default: all real ones).")
@click.option("--measure", "is_measured", is_flag=True, help="Run the programs too: times, and XLA's own flop count.")
@click.option("--dtype", type=click.Choice(["f32", "f64"]), default="f64", help="Precision (default f64).")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout (default unless a terminal).")
@click.option("--table", "as_table", is_flag=True, help="A table on stdout (default on a terminal).")
def cost(
    *,
    file: str,
    data: tuple[str, ...],
    settings: tuple[str, ...],
    sizes: str,
    of: str | None,
    wrt: str | None,
    is_measured: bool,
    dtype: str,
    as_json: bool,
    as_table: bool,
) -> int:
    """Count, and print."""
    if as_json and as_table:
        raise usage("--json and --table exclude each other")
    if sizes and (data or settings):
        raise usage("--sizes counts without data; with -d or -p the sizes are those of the data (-p n=50 gives one)")
    dims = read_sizes(sizes)
    analysis = open_model(file)
    assert analysis.model is not None
    names = [name.strip() for name in wrt.split(",")] if wrt is not None else None
    if of is not None or names is not None:
        check_request(analysis.model, of or "objective" if analysis.model.objective else of or first(analysis), names)
    start_jax()
    problem = Problem(analysis, settings_of(analysis.model), dtype)
    prepared = prepared_for(problem, analysis, data, settings)
    found, compiled = counted(problem, of, names, dims, prepared)
    measured = measure(found, arrays_of(problem, compiled, prepared)) if is_measured else None
    show(found, measured, as_table or (not as_json and sys.stdout.isatty()))
    return DONE


def first(analysis: Analysis) -> str:
    """An output of a plain function, where none is asked for."""
    assert analysis.model is not None
    return next(iter(analysis.model.lets), "objective")


def prepared_for(problem: Problem, analysis: Analysis, data: tuple[str, ...], settings: tuple[str, ...]) -> Any:
    """The model compiled for the data; None where there are none."""
    if not data and not settings:
        return None
    options = Options("-", data, settings, (), None, "f64", None, None, False, False, False)
    return prepare(problem, bind_data(analysis, options))


def counted(
    problem: Problem, of: str | None, wrt: list[str] | None, dims: Mapping[str, int], prepared: Prepared | None
) -> tuple[Cost, Compiled]:
    """The price; what keeps it from being counted is told and ends the verb."""
    try:
        compiled = compiled_for(problem, dims) if prepared is None else prepared.compiled
        return price(problem, of, wrt, compiled=compiled), compiled
    except ModelError as error:
        tell(error.diagnostics)
        raise Stop(WRONG) from None
    except DerivativeError as error:
        raise usage(error.message) from None
    except (NothingToCountError, UnknownCostError) as error:
        raise usage(str(error)) from None


def arrays_of(problem: Problem, compiled: Compiled, prepared: Prepared | None) -> Mapping[str, Any]:
    """All params as arrays: the data, or where there are none those of the data template."""
    if prepared is not None:
        return compiled.complete(prepared.arrays)
    dims = {name: int(size) for name, size in compiled.dims.items()}
    template = data_template(problem.model, problem.analysis.whole.facts, dims)
    given = {name: jnp.asarray(value) for name, value in template.items() if name in problem.model.params}
    return compiled.complete(given)


def show(found: Cost, measured: Measured | None, as_table: bool) -> None:
    """The price on stdout."""
    if as_table:
        click.echo(cost_text(found, measured), nl=False)
    else:
        click.echo(json.dumps(cost_record(found, measured), indent=1, ensure_ascii=False))


COMMANDS = {"cost": cost}
