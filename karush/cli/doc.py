"""``karush doc``: write the documentation of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from karush.cli.exits import DONE
from karush.cli.options import Existing, Verb
from karush.cli.session import look_at, usage
from karush.document import document, to_html, to_markdown
from karush.writing import special, write_stdout, write_whole

Style = Literal["md", "html"]
ENDINGS: dict[str, Style] = {".md": "md", ".markdown": "md", ".html": "html", ".htm": "html"}


@click.command(cls=Verb, help="Write the documentation of a model, from its ## comments: Markdown or HTML.")
@click.argument("file", type=Existing())
@click.option("-o", "--out", metavar="OUT", default="-", help="Write here (default: stdout).")
@click.option("--format", "style", type=click.Choice(["md", "html"]), help="Default: by the ending of OUT, else md.")
def doc(file: str, out: str, style: Style | None) -> int:
    """Read the model, write its page."""
    chosen = style or ENDINGS.get(Path(out).suffix.lower(), "md")
    unwritable(out, style)
    page = document(look_at(file))
    text = to_html(page) if chosen == "html" else to_markdown(page)
    if out == "-":
        write_stdout(text.encode())
        return DONE
    try:
        write_whole(Path(out), text.encode())
    except OSError as error:
        raise usage(f"{out} cannot be written: {error.strerror or error}") from None
    return DONE


def unwritable(out: str, style: Style | None) -> None:
    """Refuse, before any work, a place where no page can be written, or an ending that says nothing of its format."""
    path = Path(out)
    if out == "-" or special(path):
        return
    if not path.parent.is_dir():
        raise usage(f"no such folder: {path.parent}")
    if style is None and path.suffix.lower() not in ENDINGS:
        raise usage(f"{out}: the ending must be one of {', '.join(ENDINGS)}, or give --format")


COMMANDS = {"doc": doc}
