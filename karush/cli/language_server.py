"""``karush lsp``: serve an editor on stdin and stdout."""

from __future__ import annotations

import importlib
import importlib.util

import click

from karush.cli.exits import DONE
from karush.cli.options import Verb

INSTALL = "karush lsp needs pygls: pip install 'karush[lsp]'"


@click.command(cls=Verb, help="Serve an editor: the language server protocol on stdin and stdout.")
@click.option("--stdio", is_flag=True, expose_value=False, help="As editors ask for it; the only way there is.")
def lsp() -> int:
    """Run the language server until the editor leaves."""
    if importlib.util.find_spec("pygls") is None:
        raise click.UsageError(INSTALL)
    importlib.import_module("karush.lsp.server").serve()
    return DONE


COMMANDS = {"lsp": lsp}
