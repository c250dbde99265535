"""The group of verbs, and what every way out of it means as an exit code."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Sequence

import click

from karush import __version__
from karush.cli.exits import INTERRUPTED, PIPE_CLOSED, USAGE

VERBS = {
    "check": ("check", "Find errors in models, without running them."),
    "run": ("run", "Solve a model."),
    "grad": ("grad", "Differentiate an output of a model."),
    "compile": ("compile", "Compile a model to an artefact or to text."),
    "exec": ("execute", "Run an artefact without its model."),
    "show": ("show", "Show a model: interface, mathematics, optimality conditions."),
    "explain": ("explain", "Explain an error code, or what a model is."),
    "cost": ("cost", "Count operations of a model and of its derivative."),
    "fmt": ("format", "Format models."),
    "new": ("new", "Start a model from a template."),
    "doc": ("doc", "Write documentation of a model."),
    "lsp": ("language_server", "Serve an editor."),
    "bench": ("bench", "Count and measure what derivatives cost and what ties do."),
}


class Verbs(click.Group):
    """The verbs of karush, each imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order in which a reader meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a verb; None if there is no such verb."""
        if cmd_name not in VERBS:
            return None
        module = importlib.import_module(f"karush.cli.{VERBS[cmd_name][0]}")
        return module.COMMANDS[cmd_name]

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but an unknown verb is answered with the list of verbs."""
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            raise click.UsageError(f"no such verb: {args[0]} (the verbs are: {', '.join(VERBS)})", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of verbs, without importing them."""
        with formatter.section("Verbs"):
            formatter.write_dl([(name, line) for name, (_, line) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="karush %(version)s")
def karush() -> None:
    """Differentiable optimisation: check, solve, differentiate and compile .opt models."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit code. Results go to stdout, everything else to stderr."""
    try:
        code = karush.main(args=list(arguments) if arguments is not None else None, standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return USAGE
    except (KeyboardInterrupt, click.exceptions.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    except Exception as error:  # whatever is left is a defect of karush, and the exit code says so
        report(error)
        return USAGE
    return code if isinstance(code, int) else 0


def report(error: Exception) -> None:
    """Tell of an internal error: one line, where it arose, and how to see all of it."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{os.path.basename(frame.filename)}:{frame.lineno}"
    click.echo(f"internal error in karush: {type(error).__name__}: {error} ({where})", err=True)
    if os.environ.get("KARUSH_TRACEBACK"):
        click.echo("".join(traceback.format_exception(error)), err=True)
    else:
        click.echo("Please report it with the model, and with what KARUSH_TRACEBACK=1 prints.", err=True)
