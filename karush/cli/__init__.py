"""The command line. A verb's module is imported when the verb is called, so that ``check`` stays light."""

from __future__ import annotations

from collections.abc import Sequence

from karush.cli.app import run

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run ``karush``, by default on the arguments of the process, and end it with the exit code."""
    raise SystemExit(run(arguments))
