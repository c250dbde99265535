"""``karush compile``: a model as an artefact, as StableHLO, or as a jaxpr."""

from __future__ import annotations

from pathlib import Path

import click

from karush.cli.exits import DONE, WRONG
from karush.cli.options import Existing, OneOf, Verb, Words, later, read_sizes
from karush.cli.session import Stop, open_model, tell, usage
from karush.cli.solving import start_jax
from karush.compiler.lowering.settings import settings_of
from karush.errors import ModelError
from karush.export import PLATFORMS, Export, export_model
from karush.output import write_stdout, write_whole
from karush.problem import Problem


@click.command(cls=Verb, help="Compile a model: an artefact for `karush exec`, or its program as text.")
@click.argument("file", type=Existing())
@click.option(
    "--emit",
    type=OneOf(("artifact", "stablehlo", "hlo", "jaxpr", "ir"), ("hlo", "ir")),
    default="artifact",
    show_default=True,
)
@click.option("--sizes", default="", metavar="n=50,m=3", help="The sizes; others take their defaults.")
@click.option("--platform", "platforms", type=Words(PLATFORMS), default=("cpu",), help="One or several (default cpu).")
@click.option("--vjp", is_flag=True, help="With its derivative.")
@later("--batch", help="A batch of models.")
@click.option("-o", "--out", metavar="OUT", help="Write here (an artefact: default NAME.karush); - is stdout.")
def compile_(file: str, emit: str, sizes: str, platforms: tuple[str, ...], vjp: bool, out: str | None) -> int:
    """Compile and write."""
    dims = read_sizes(sizes)
    check_out(emit, out)
    analysis = open_model(file)
    assert analysis.model is not None
    start_jax()
    problem = Problem(analysis, settings_of(analysis.model), "f64")
    try:
        export = export_model(problem, dims, platforms, vjp)
    except ModelError as error:
        tell(error.diagnostics)
        raise Stop(WRONG) from None
    except ValueError as error:
        raise usage(str(error)) from None
    write(export, emit, out)
    return DONE


def check_out(emit: str, out: str | None) -> None:
    """Wrong usage of ``-o`` that can be seen before any work."""
    if emit == "artifact" and out == "-":
        raise usage("an artefact is a file: -o NAME.karush")
    if out not in (None, "-") and not Path(str(out)).parent.is_dir():
        raise usage(f"no such folder: {Path(str(out)).parent}")


def write(export: Export, emit: str, out: str | None) -> None:
    """The artefact to its file, text to stdout or a file."""
    try:
        if emit == "artifact":
            target = out or f"{export.model.name}.karush"
            export.save(target)
            click.echo(target, err=True)
            return
        text = export.stablehlo() if emit == "stablehlo" else export.jaxpr()
        if out in (None, "-"):
            write_stdout(text.encode())
        else:
            write_whole(Path(str(out)), text.encode())
    except OSError as error:
        raise usage(f"{out} cannot be written: {error.strerror}") from None


COMMANDS = {"compile": compile_}
