"""The verbs whose work has not come yet: their options parse, and they are refused by name."""

from __future__ import annotations

from typing import Any

import click

from karush.cli.options import Verb, not_available


def refuse(**_: Any) -> None:
    """Answer the verb that was called."""
    raise not_available(f"karush {click.get_current_context().info_name}")


def verb(name: str, *params: click.Parameter) -> click.Command:
    """A command with these params that is refused."""
    return Verb(name, params=list(params), callback=refuse, help="Not available yet.")


FILES = click.Argument(["files"], nargs=-1)
COMMANDS = {
    "bench": verb("bench", FILES, click.Option(["-d", "--data"], multiple=True)),
}
