"""``karush show``: print a model's stages."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Container, Mapping
from typing import Any

import click

from karush.cli.exits import DONE, WRONG
from karush.cli.options import Existing, Verb, data_options, later
from karush.cli.session import Stop, look_at, usage
from karush.compiler.analyse import Analysis
from karush.compiler.model import Model
from karush.compiler.show.curvature import curvature_of
from karush.compiler.show.kkt import show_kkt
from karush.compiler.show.latex import show_latex
from karush.compiler.show.solver import show_solver, solver_record
from karush.compiler.show.stages import interface_schema, show_interface, show_ir, show_math


@click.command(cls=Verb, help="Show a model: by default its interface, mathematics, optimality conditions and solver.")
@click.argument("file", type=Existing())
@data_options
@click.option("--math", "math", is_flag=True, help="The problem as mathematics.")
@click.option("--latex", "latex", is_flag=True, help="The problem in LaTeX (amsmath, amssymb).")
@click.option("--kkt", "kkt", is_flag=True, help="The derived optimality (KKT) conditions.")
@later("--optimality", help="Another optimality map.")
@click.option("--curvature", "curvature", is_flag=True, help="The tree of curvatures of objective and constraints.")
@click.option("--solver", "solver", is_flag=True, help="The solver and its reason: with -d the choice for the data.")
@click.option("--interface", "interface", is_flag=True, help="Params, sizes and outputs.")
@click.option("--json", "as_json", is_flag=True, help="--interface as a JSON schema of the data, or --solver as JSON.")
@click.option("--ir", "ir", is_flag=True, help="The typed form.")
def show(file: str, data: tuple[str, ...], settings: tuple[str, ...], as_json: bool, **wanted: bool) -> int:
    """Print the parts that were asked for."""
    chosen = {part for part, is_wanted in wanted.items() if is_wanted}
    if as_json and chosen not in ({"interface"}, {"solver"}, set()):
        raise usage("--json goes with --interface alone, or with --solver alone")
    if (data or settings) and (as_json or chosen) and "solver" not in chosen:
        raise usage("-d and -p go with --solver: the other parts are the same for all data")
    analysis = look_at(file)
    assert analysis.model is not None
    if as_json and "solver" in chosen:
        click.echo(json.dumps(solver_of(analysis, data, settings, as_json=True), indent=1, ensure_ascii=False))
    elif as_json:
        click.echo(json.dumps(interface_schema(analysis.model), indent=1, ensure_ascii=False))
    else:
        printers = {**printers_of(analysis), "solver": lambda: solver_of(analysis, data, settings)}
        click.echo("\n".join(parts(printers, chosen or default_parts(analysis.model))), nl=False)
    return DONE


def default_parts(model: Model) -> set[str]:
    """What a reader wants first."""
    return {"interface", "math"} | ({"kkt", "solver"} if model.objective is not None else set())


def printers_of(analysis: Analysis) -> dict[str, Callable[[], str]]:
    """The printers of the parts that the text alone tells, in a fixed order."""
    model = analysis.model
    assert model is not None
    return {
        "interface": lambda: show_interface(model),
        "math": lambda: show_math(model),
        "latex": lambda: show_latex(model),
        "kkt": lambda: show_kkt(model),
        "curvature": lambda: curvature_of(analysis.whole),
        "ir": lambda: show_ir(model),
    }


def parts(printers: Mapping[str, Callable[[], str]], chosen: Container[str]) -> list[str]:
    """The texts asked for, in the order of the printers."""
    return [printer() for part, printer in printers.items() if part in chosen]


def solver_of(analysis: Analysis, data: tuple[str, ...], settings: tuple[str, ...], *, as_json: bool = False) -> Any:
    """The solver, in text or as JSON data; what compiles a model for its data is imported only here."""
    if not data and not settings:
        return solver_record(analysis) if as_json else show_solver(analysis)
    if analysis.failed:
        raise Stop(WRONG)
    showing = importlib.import_module("karush.cli.showing")
    compiled = showing.compiled_for(analysis, data, settings)
    return showing.choice_record(analysis, compiled) if as_json else showing.show_choice(analysis, compiled)


COMMANDS = {"show": show}
