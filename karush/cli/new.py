"""``karush new``: a model to begin with, and templates of data. Imports neither JAX nor NumPy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from karush.cli.exits import DONE
from karush.cli.options import Existing, Verb, read_sizes
from karush.cli.session import look_at, usage
from karush.compiler.analyse import Analysis, analyse_text
from karush.dsl.tokens import KEYWORDS
from karush.template import data_template
from karush.writing import write_stdout, write_whole

STARTER = """## {title}: least squares with a penalty on large coefficients. Replace it by your own problem.
dim m, d                   # rows, features

param X[m, d], y[m]        ## data: one row an observation
param lam in nonneg = 0.1  ## weight of the penalty

var b[d]                   ## coefficients

let residual = X @ b - y

minimize sumsq(residual) / m + lam * sumsq(b)
"""


@click.command(cls=Verb, help="Begin a model, NAME.opt with data NAME.json; or print the data template of a model.")
@click.argument("name", required=False)
@click.option("--data", "data", type=Existing(), help="A template of the data of this model (with NAME: in NAME.json).")
@click.option("--sizes", default="", metavar="n=50,m=3", help="Sizes of the template; else defaults, or small ones.")
def new(name: str | None, data: str | None, sizes: str) -> int:
    """Write or print what to begin with."""
    given = read_sizes(sizes)
    if data is None and name is None:
        raise usage("name the model to begin, or a model whose data template is wanted: --data FILE")
    if data is not None:
        template = template_text(look_at(data), given)
        if name is None:
            write_stdout(template.encode())
        else:
            begin({f"{stem(name)}.json": template})
        return DONE
    title = stem(str(name))
    model = STARTER.format(title=Path(title).name)
    begin({f"{title}.opt": model, f"{title}.json": template_text(analyse_text(model), given)})
    click.echo(f"next: karush run {title}.opt -d {title}.json", err=True)
    return DONE


def stem(name: str) -> str:
    """The name without an ending; one that no model can have is refused."""
    path = Path(name)
    bare = path.with_suffix("") if path.suffix in (".opt", ".json") else path
    if not bare.name.isidentifier() or bare.name in KEYWORDS:
        raise usage(f"{name!r} is no name for a model: letters, digits and _ are, beginning with a letter")
    if not bare.parent.is_dir():
        raise usage(f"no such folder: {bare.parent}")
    return str(bare)


def begin(files: dict[str, str]) -> None:
    """Write new files, none of which may be there."""
    there = [name for name in files if Path(name).exists()]
    if there:
        raise usage(f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} there already")
    for name, text in files.items():
        try:
            write_whole(Path(name), text.encode())
        except OSError as error:
            raise usage(f"{name} cannot be written: {error.strerror or error}") from None
        click.echo(f"wrote {name}", err=True)


def template_text(analysis: Analysis, given: dict[str, int]) -> str:
    """The data template of a model as JSON, one line a param, matrices one line a row."""
    model, facts = analysis.model, analysis.facts
    assert model is not None and facts is not None
    unknown = [name for name in given if name not in model.dims]
    if unknown:
        raise usage(f"no such size: {', '.join(unknown)} (the sizes are: {', '.join(model.dims) or 'none'})")
    entries = [f"  {json.dumps(name)}: {listed(value)}" for name, value in data_template(model, facts, given).items()]
    return "{\n" + ",\n".join(entries) + "\n}\n" if entries else "{}\n"


def listed(value: Any, indent: str = "  ") -> str:
    """JSON with every innermost list on one line."""
    if isinstance(value, list) and value and isinstance(value[0], list):
        deeper = indent + "  "
        rows = ",\n".join(f"{deeper}{listed(row, deeper)}" for row in value)
        return f"[\n{rows}\n{indent}]"
    return json.dumps(value)


COMMANDS = {"new": new}
