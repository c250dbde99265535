"""``karush show``: print a model's stages."""

from __future__ import annotations

import json
from collections.abc import Container

import click

from karush.cli.exits import DONE
from karush.cli.options import Existing, Verb, later
from karush.cli.session import look_at, usage
from karush.compiler.analyse import Analysis
from karush.compiler.model import Model
from karush.compiler.show.curvature import curvature_of
from karush.compiler.show.kkt import show_kkt
from karush.compiler.show.latex import show_latex
from karush.compiler.show.stages import interface_schema, show_interface, show_ir, show_math


@click.command(cls=Verb, help="Show a model: by default its interface, its mathematics, its optimality conditions.")
@click.argument("file", type=Existing())
@click.option("--math", "math", is_flag=True, help="The problem as mathematics.")
@click.option("--latex", "latex", is_flag=True, help="The problem in LaTeX (amsmath, amssymb).")
@click.option("--kkt", "kkt", is_flag=True, help="The derived optimality (KKT) conditions.")
@later("--optimality", help="Another optimality map.")
@click.option("--curvature", "curvature", is_flag=True, help="The tree of curvatures of objective and constraints.")
@click.option("--interface", "interface", is_flag=True, help="Params, sizes and outputs.")
@click.option("--json", "as_json", is_flag=True, help="With --interface: a JSON schema of the data.")
@click.option("--ir", "ir", is_flag=True, help="The typed form.")
def show(file: str, as_json: bool, **wanted: bool) -> int:
    """Print the parts that were asked for."""
    chosen = {part for part, is_wanted in wanted.items() if is_wanted}
    if as_json and chosen - {"interface"}:
        raise usage("--json goes with --interface alone")
    analysis = look_at(file)
    assert analysis.model is not None
    if as_json:
        click.echo(json.dumps(interface_schema(analysis.model), indent=1, ensure_ascii=False))
        return DONE
    click.echo("\n".join(parts(analysis, chosen or default_parts(analysis.model))), nl=False)
    return DONE


def default_parts(model: Model) -> set[str]:
    """What a reader wants first."""
    return {"interface", "math"} | ({"kkt"} if model.objective is not None else set())


def parts(analysis: Analysis, chosen: Container[str]) -> list[str]:
    """The texts asked for, in a fixed order."""
    model = analysis.model
    assert model is not None
    printers = {
        "interface": lambda: show_interface(model),
        "math": lambda: show_math(model),
        "latex": lambda: show_latex(model),
        "kkt": lambda: show_kkt(model),
        "curvature": lambda: curvature_of(analysis.whole),
        "ir": lambda: show_ir(model),
    }
    return [printer() for part, printer in printers.items() if part in chosen]


COMMANDS = {"show": show}
