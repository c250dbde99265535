"""``karush fmt``: the one style for models. Imports neither JAX nor NumPy."""

from __future__ import annotations

import difflib
from pathlib import Path

import click

from karush.cli.exits import DONE, WRONG
from karush.cli.options import Existing, Verb
from karush.cli.telling import model_path, tell, usage
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.files import read_source
from karush.dsl.format import format_source
from karush.dsl.source import Source
from karush.writing import write_stdout, write_whole


@click.command(cls=Verb, help="Format models: one style, 88 columns, comments kept. - is stdin to stdout.")
@click.argument("files", nargs=-1, required=True, type=Existing())
@click.option("--check", "check", is_flag=True, help="Write nothing; exit code 1 if a file would change.")
@click.option("--diff", "diff", is_flag=True, help="Write nothing; print what would change.")
def fmt(files: tuple[str, ...], check: bool, diff: bool) -> int:
    """Format the files one after the other; one with an error is left as it is."""
    outcomes = [format_file(file, write=not (check or diff), diff=diff) for file in files]
    wrong = "wrong" in outcomes or (check and "changed" in outcomes)
    return WRONG if wrong else DONE


def format_file(file: str, *, write: bool, diff: bool) -> str:
    """Format one file: ``same``, ``changed``, or ``wrong`` where it cannot be read."""
    source = read_source(model_path(file))
    formatted = [source] if isinstance(source, Diagnostic) else format_source(source)
    if isinstance(source, Diagnostic) or not isinstance(formatted, str):
        tell([finding for finding in formatted if isinstance(finding, Diagnostic)])
        return "wrong"
    changed = formatted != source.text
    if diff and changed:
        write_stdout(difference(source, formatted).encode())
    elif write and file == "-":
        write_stdout(formatted.encode())
    elif changed:
        if write:
            save(model_path(file), formatted)
        click.echo(f"{'formatted' if write else 'would format'} {source.name}", err=True)
    return "changed" if changed else "same"


def difference(source: Source, formatted: str) -> str:
    """What would change, as a unified diff."""
    before = source.text.splitlines(keepends=True)
    if before and not before[-1].endswith("\n"):
        before[-1] += "\n\\ No newline at end of file\n"
    after = formatted.splitlines(keepends=True)
    return "".join(difflib.unified_diff(before, after, source.name, f"{source.name} (formatted)"))


def save(path: str, text: str) -> None:
    """The new text in the place of the old one, whole or not at all."""
    try:
        write_whole(Path(path), text.encode())
    except OSError as error:
        raise usage(f"{path} cannot be written: {error.strerror or error}") from None


COMMANDS = {"fmt": fmt}
