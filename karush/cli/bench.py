"""``karush bench``: count and measure a figure of the papers on nonsmooth derivatives."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from karush.cli.exits import DONE
from karush.cli.options import Verb
from karush.cli.telling import usage
from karush.writing import special, write_stdout, write_whole

TAKEN: Mapping[str, tuple[str, ...]] = {
    "overhead": ("layers", "neurons", "batch", "data", "rounds"),
    "relu-matmul": ("p", "layers", "rounds"),
    "clarke": ("p", "rounds"),
    "relu-tie": ("layers", "neurons", "batch", "data", "draws", "steps"),
    "memory": ("T", "rounds"),
}
"""The figures, and the options that each takes."""

SINGLE = {("relu-matmul", "layers"), ("relu-tie", "batch")}
"""Options that are one number here, and a list elsewhere."""
PICTURES = (".png", ".svg")
TEXTS = (".json", ".md")


class Numbers(click.ParamType):
    """Positive whole numbers with commas between."""

    name = "N,N,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The numbers, in the order given."""
        words = [word.strip() for word in str(value).split(",")]
        if not all(word.isascii() and word.isdecimal() and int(word) > 0 for word in words):
            self.fail(f"{value!r} is not a list of positive whole numbers with commas between", param, ctx)
        return tuple(int(word) for word in words)


@click.command(cls=Verb, help="Count and measure what derivatives cost and what ties do: the figures of the papers.")
@click.argument("name", type=click.Choice(list(TAKEN)))
@click.option("--layers", type=Numbers(), help="Hidden layers of the networks.")
@click.option("--neurons", type=Numbers(), help="Neurons of a hidden layer.")
@click.option("--batch", type=Numbers(), help="Images in a batch.")
@click.option("--p", "p", type=Numbers(), help="Numbers of inputs.")
@click.option("--T", "T", type=Numbers(), help="Lengths of the sum.")
@click.option("--data", type=click.Choice(["digits", "synthetic"]), help="Of scikit-learn, or 784 normal numbers each.")
@click.option("--draws", type=click.IntRange(1), help="Draws of weights.")
@click.option("--steps", type=click.IntRange(1), help="Steps of the training.")
@click.option("--rounds", type=click.IntRange(0), help="Times each is run; 0 counts alone.")
@click.option("--plot", metavar="FILE", help="Draw it: .png or .svg (needs matplotlib).")
@click.option("-o", "--out", metavar="OUT", help="Write here: .json or .md; - is stdout.")
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout (default unless a terminal).")
@click.option("--table", "as_table", is_flag=True, help="A table on stdout (default on a terminal).")
def bench(*, name: str, plot: str | None, out: str | None, as_json: bool, as_table: bool, **given: Any) -> int:
    """Count, measure, show."""
    if as_json and as_table:
        raise usage("--json and --table exclude each other")
    options = chosen(name, given)
    check_place(plot, PICTURES, "--plot")
    check_place(out, TEXTS, "--out")
    check_modules(name, options, plot)
    importlib.import_module("karush.cli.solving").start_jax()
    figures = importlib.import_module("karush.figures.every").FIGURES[name](**options)
    if plot is not None:
        picture = importlib.import_module("karush.figures.plot").draw(figures, Path(plot).suffix[1:].lower())
        deliver(plot, picture)
    show(figures, out, as_table or (not as_json and sys.stdout.isatty()))
    return DONE


def chosen(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given; one that the figure does not take is refused."""
    found: dict[str, Any] = {}
    for option, value in given.items():
        if value is None:
            continue
        if option not in TAKEN[name]:
            known = ", ".join(f"--{known}" for known in TAKEN[name])
            raise usage(f"bench {name} has no --{option} (it takes: {known})")
        is_single = (name, option) in SINGLE
        if is_single and len(value) != 1:
            raise usage(f"bench {name} takes one number as --{option}")
        found[option] = value[0] if is_single else value
    return found


def check_place(path: str | None, endings: Sequence[str], option: str) -> None:
    """Refuse, before any work, a place where nothing can be written."""
    if path is None or (path == "-" and option == "--out"):
        return
    if Path(path).suffix.lower() not in endings:
        raise usage(f"{option} {path}: the ending must be one of {', '.join(endings)}")
    if not special(Path(path)) and not Path(path).parent.is_dir():
        raise usage(f"no such folder: {Path(path).parent}")


def check_modules(name: str, options: Mapping[str, Any], plot: str | None) -> None:
    """Refuse, before any work, what needs a package that is not installed."""
    if plot is not None and importlib.util.find_spec("matplotlib") is None:
        raise usage('--plot draws with matplotlib: pip install "karush[plot]"')
    needs_digits = name == "relu-tie" or (name == "overhead" and options.get("data", "digits") == "digits")
    if needs_digits and importlib.util.find_spec("sklearn") is None:
        other = "" if name == "relu-tie" else ", or take --data synthetic"
        raise usage(f'the digits are those of scikit-learn: pip install "karush[bench]"{other}')


def show(figures: Sequence[Any], out: str | None, as_table: bool) -> None:
    """The figures in their place."""
    texts = importlib.import_module("karush.figures.figure")
    encoded = json.dumps({"figures": [texts.record(f) for f in figures]}, indent=1, ensure_ascii=False) + "\n"
    if out is not None and out != "-":
        is_json = Path(out).suffix.lower() == ".json"
        deliver(out, (encoded if is_json else "\n".join(map(texts.markdown, figures))).encode())
    elif as_table and out is None:
        console = Console(width=None if sys.stdout.isatty() else 200)
        for figure in figures:
            print_figure(figure, console)
    else:
        write_stdout(encoded.encode())


def print_figure(figure: Any, console: Console) -> None:
    """A figure as a table for people."""
    texts = importlib.import_module("karush.figures.figure")
    names = texts.columns(figure.rows)
    table = Table(box=SIMPLE_HEAD, title=figure.title, title_justify="left", title_style="bold")
    for name in names:
        numeric = not any(isinstance(row.get(name), str) for row in figure.rows)
        table.add_column(name, justify="right" if numeric else "left")
    for row in figure.rows:
        table.add_row(*(texts.cell(row.get(name)) for name in names))
    console.print(table)
    for note in figure.notes:
        console.print(note, style="dim", highlight=False)


def deliver(path: str, content: bytes) -> None:
    """Write a file whole."""
    try:
        write_whole(Path(path), content)
    except OSError as error:
        raise usage(f"{os.fspath(path)} cannot be written: {error.strerror or error}") from None


COMMANDS = {"bench": bench}
