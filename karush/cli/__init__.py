"""The command line. A verb's module is imported when the verb is called, so that ``check`` stays light."""

from __future__ import annotations

from karush.cli.app import run

__all__ = ["main"]


def main() -> None:
    """Run ``karush`` on the arguments of the process and end it with the exit code."""
    raise SystemExit(run())
