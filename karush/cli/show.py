"""``karush show``: print a model's stages."""

from __future__ import annotations

import json

import click

from karush.cli.exits import DONE
from karush.cli.options import Existing, Verb, later
from karush.cli.session import open_model, usage
from karush.compiler.model import Model
from karush.compiler.show.kkt import show_kkt
from karush.compiler.show.stages import interface_schema, show_interface, show_ir, show_math


@click.command(cls=Verb, help="Show a model: by default its interface, its mathematics, its optimality conditions.")
@click.argument("file", type=Existing())
@click.option("--math", "math", is_flag=True, help="The problem as mathematics.")
@later("--latex", flag=True, help="The problem in LaTeX.")
@click.option("--kkt", "kkt", is_flag=True, help="The derived optimality (KKT) conditions.")
@later("--optimality", help="Another optimality map.")
@later("--curvature", flag=True, help="The tree of curvatures.")
@click.option("--interface", "interface", is_flag=True, help="Params, sizes and outputs.")
@click.option("--json", "as_json", is_flag=True, help="With --interface: a JSON schema of the data.")
@click.option("--ir", "ir", is_flag=True, help="The typed form.")
def show(file: str, math: bool, kkt: bool, interface: bool, as_json: bool, ir: bool) -> int:
    """Print the parts that were asked for."""
    if as_json and (math or kkt or ir):
        raise usage("--json goes with --interface alone")
    model = open_model(file).model
    assert model is not None
    if as_json:
        click.echo(json.dumps(interface_schema(model), indent=1, ensure_ascii=False))
        return DONE
    click.echo("\n".join(parts(model, math=math, kkt=kkt, interface=interface, ir=ir)), nl=False)
    return DONE


def parts(model: Model, *, math: bool, kkt: bool, interface: bool, ir: bool) -> list[str]:
    """The texts asked for, or the three that a reader wants first."""
    every = not (math or kkt or interface or ir)
    wanted = (
        (interface or every, show_interface),
        (math or every, show_math),
        (kkt or (every and model.objective is not None), show_kkt),
        (ir, show_ir),
    )
    return [printer(model) for is_wanted, printer in wanted if is_wanted]


COMMANDS = {"show": show}
