"""Options that several verbs share, and options whose work has not come yet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click

Function = TypeVar("Function", bound=Callable[..., Any])
Decorator = Callable[[Function], Function]


class Verb(click.Command):
    """A command that answers an unknown option with the list of its options."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; the message for an unknown option also lists the known ones."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            known = sorted({name for p in self.params if isinstance(p, click.Option) for name in p.opts})
            message = f"{error.format_message()} (the options are: {', '.join(known)})"
            raise click.UsageError(message, ctx) from None


def not_available(what: str) -> click.UsageError:
    """The answer to what the language has and this version has not."""
    return click.UsageError(f"{what} is not available yet")


def _refuse(ctx: click.Context, param: click.Parameter, value: Any) -> None:
    if value not in (None, False, ()):
        raise not_available(param.opts[-1])


def later(*names: str, flag: bool = False, choices: Sequence[str] | None = None, help: str = "") -> Decorator:
    """An option that parses and is then refused as not available yet."""
    kind = click.Choice(choices) if choices else None
    text = f"{help} (not available yet)"
    return click.option(*names, is_flag=flag, type=kind, expose_value=False, callback=_refuse, help=text)


class Words(click.ParamType):
    """A comma-separated list of words, all from a list of choices; ``absent`` ones are not available yet."""

    name = "words"

    def __init__(self, choices: Sequence[str], absent: Sequence[str] = ()):
        self.choices, self.absent = choices, absent

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The words; a wrong one is refused with the list of choices."""
        words = tuple(value) if isinstance(value, tuple) else tuple(w.strip() for w in value.split(","))
        for word in words:
            if word not in self.choices:
                self.fail(f"{word!r} is not one of {', '.join(map(repr, self.choices))}", param, ctx)
            if word in self.absent:
                flag = param.opts[-1] if param is not None else ""
                raise not_available(f"{flag} {word}")
        return words

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:
        """How the value is shown in the help."""
        return ",".join(self.choices)


class OneOf(click.Choice[str]):
    """A choice of which some are not available yet."""

    def __init__(self, choices: Sequence[str], absent: Sequence[str]):
        super().__init__(list(choices))
        self.absent = absent

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The choice; one whose work has not come is refused as that."""
        choice = super().convert(value, param, ctx)
        if choice in self.absent:
            raise not_available(f"{param.opts[-1] if param is not None else ''} {choice}")
        return choice


class Existing(click.ParamType):
    """The path of a file that exists, or ``-`` for stdin."""

    name = "FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The path as it was given."""
        if value != "-" and not Path(value).exists():
            self.fail(f"no such file: {value}", param, ctx)
        if value != "-" and Path(value).is_dir() and not (Path(value) / "model.opt").exists():
            self.fail(f"{value} is a folder without a model.opt", param, ctx)
        return str(value)


class Setting(click.ParamType):
    """``NAME=VALUE``."""

    name = "NAME=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The setting as it was given, once it is known to have a name."""
        name, equals, _ = str(value).partition("=")
        if not equals or not name.isidentifier():
            self.fail(f"{value!r} is not NAME=VALUE", param, ctx)
        return str(value)


def read_sizes(text: str) -> dict[str, int]:
    """``n=50,m=3`` as numbers."""
    found: dict[str, int] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, equals, number = part.partition("=")
        if not equals or not number.strip().isdecimal() or not number.strip().isascii():
            raise click.UsageError(f"--sizes takes NAME=NUMBER with commas between; {part!r} is none")
        found[name.strip()] = int(number)
    return found


def data_options(function: Function) -> Function:
    """``-d`` and ``-p``."""
    params = click.option(
        "-p", "--param", "settings", multiple=True, type=Setting(), help="A param or size as JSON; wins over -d."
    )
    data = click.option(
        "-d", "--data", "data", multiple=True, metavar="[NAME=]FILE",
        help="Data: JSON, NPZ, or one param from CSV (NAME=FILE); repeatable.",
    )  # fmt: skip
    return data(params(function))


def out_option(function: Function) -> Function:
    """``-o``."""
    return click.option("-o", "--out", metavar="OUT", help="Write here: .json, .npz or .csv; - is stdout.")(function)


def solve_options(function: Function) -> Function:
    """What ``run`` and ``grad`` share."""
    decorators = [
        click.argument("file", type=Existing()),
        data_options,
        out_option,
        click.option("--solver", metavar="NAME", help="The solver, whatever the file asks for; auto chooses one."),
        click.option("--set", "options", multiple=True, type=Setting(), help="An option of the solver, as tol=1e-9."),
        click.option("--dtype", type=click.Choice(["f32", "f64"]), default="f64", help="Precision (default f64)."),
        later("--device", help="The device to run on."),
        later("--batch", help="A dim of the data to map over."),
        click.option("--warm", type=Existing(), help="Start from the solution in this output of an earlier run."),
        click.option("--timeout", type=click.FloatRange(0, min_open=True), help="Hard limit in seconds."),
        later("--allow", choices=["nonconvex"], help="Allow a local solve."),
        click.option("--json", "as_json", is_flag=True, help="JSON on stdout (default unless a terminal)."),
        click.option("--table", "as_table", is_flag=True, help="A table on stdout (default on a terminal)."),
        click.option("-v", "--verbose", is_flag=True, help="Say on stderr what is done and how long it takes."),
    ]
    for decorator in reversed(decorators):
        function = decorator(function)
    return function
