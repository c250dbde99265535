"""What ``run`` and ``grad`` share: options to settings, data to a compiled model, a result to its place."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
import jax

from karush.cli.exits import STOPPED, WRONG
from karush.cli.override import with_solver
from karush.cli.session import Stop, colours, open_model, tell, usage
from karush.compiler.analyse import Analysis
from karush.compiler.lowering.settings import SETTING_NAMES, settings_of
from karush.data.bind import bind
from karush.data.files import read_data, read_setting, unusable
from karush.data.given import Binding, Reading
from karush.dsl.grammar import private_cache
from karush.errors import ModelError
from karush.output import Output, encode, unwritable, write_stdout, write_whole
from karush.problem import Prepared, Problem
from karush.solvers.protocol import Settings

SETTINGS: dict[str, Callable[[str], Any]] = {"tol": float, "max_iter": int, "active": float}
"""What ``--set`` takes, and how the value is read."""


@dataclass(frozen=True)
class Options:
    """The options that ``run`` and ``grad`` share, as they were given."""

    file: str
    data: tuple[str, ...]
    settings: tuple[str, ...]
    options: tuple[str, ...]
    out: str | None
    dtype: str
    warm: str | None
    timeout: float | None
    as_json: bool
    as_table: bool
    verbose: bool
    solver: str | None = None


class Watch:
    """A hard limit of time: when it is over, what ``at_limit`` makes is delivered and the process ends.

    Whoever holds ``lock`` is delivering a result and is not interrupted in it.
    """

    def __init__(self, seconds: float | None, at_limit: Callable[[], None]):
        self.lock, self.at_limit = threading.Lock(), at_limit
        self.timer = threading.Timer(seconds, self._end) if seconds is not None else None
        if self.timer is not None:
            self.timer.daemon = True
            self.timer.start()

    def _end(self) -> None:
        with self.lock:
            try:
                self.at_limit()
                sys.stdout.flush()
            finally:
                os._exit(STOPPED)

    def stop(self) -> None:
        """Everything is done in time; from here on nothing is interrupted."""
        if self.timer is not None:
            self.lock.acquire()
            self.timer.cancel()


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Within, Ctrl-C ends the process at once: XLA compiles and runs without looking at Python's signals.

    Nothing is written within, so nothing can be left half-written.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def working(what: str) -> Iterator[None]:
    """Say what is being done while it is done, on a terminal; nothing elsewhere."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True, no_color=not colours(sys.stderr)).status(what):
        yield


def check_usage(options: Options) -> None:
    """Wrong usage that can be seen before any work: exit code 2."""
    slips = [unusable(option) for option in options.data]
    slips += [unwritable(options.out)] if options.out is not None else []
    for slip in slips:
        if slip is not None:
            raise usage(slip)
    if options.as_json and options.as_table:
        raise usage("--json and --table exclude each other")
    if [options.file, *options.data].count("-") > 1:
        raise usage("- (stdin) is given more than once")


def solver_settings(own: Settings, options: Sequence[str]) -> Settings:
    """The file's settings with those of ``--set``."""
    for option in options:
        name, _, text = option.partition("=")
        if name not in SETTINGS:
            raise usage(f"--set {name}: there is no such option (the options are: {', '.join(SETTINGS)})")
        try:
            value = SETTINGS[name](text)
        except ValueError:
            raise usage(
                f"--set {option}: {name} takes {'a whole number' if name == 'max_iter' else 'a number'}"
            ) from None
        if not value > 0:
            raise usage(f"--set {option}: {name} must be positive")
        own = replace(own, **{SETTING_NAMES.get(name, name): value})
    return own


def start_jax() -> None:
    """Double precision, and compiled programs kept in the user's own cache (unless JAX was told another place).

    For this process alone.
    """
    jax.config.update("jax_enable_x64", True)
    cache = private_cache() if getattr(jax.config, "jax_compilation_cache_dir", None) is None else None
    if cache is not None:
        jax.config.update("jax_compilation_cache_dir", str(cache / "xla"))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)


def read_all(options: Options) -> Reading:
    """All ``-d`` and ``-p``."""
    reading = Reading()
    for option in options.data:
        reading += read_data(option)
    for option in options.settings:
        reading += read_setting(option)
    return reading


def bind_data(analysis: Analysis, options: Options) -> Binding:
    """The data for the model; findings are told and end the verb with exit code 1."""
    assert analysis.model is not None
    binding = bind(analysis.model, read_all(options))
    if isinstance(binding, list):
        tell(binding)
        raise Stop(WRONG)
    return binding


def open_problem(options: Options) -> tuple[Problem, Binding]:
    """The model with its settings, and its data; JAX is set up."""
    analysis = open_model(options.file)
    assert analysis.model is not None
    own = with_solver(settings_of(analysis.model), options.solver, analysis)
    settings = solver_settings(own, options.options)
    binding = bind_data(analysis, options)
    start_jax()
    return Problem(analysis, settings, options.dtype), binding


def prepare(problem: Problem, binding: Binding) -> Prepared:
    """The program for the data; a finding ends the verb with exit code 1."""
    try:
        return problem.bound(binding)
    except ModelError as error:
        tell(error.diagnostics)
        raise Stop(WRONG) from None


@dataclass
class Clock:
    """Says on stderr what is done and how long it takes, if asked to."""

    verbose: bool
    begin: float = 0.0

    def start(self) -> None:
        """Start measuring."""
        self.begin = time.perf_counter()

    def lap(self, what: str) -> float:
        """Seconds since the last lap, said with what was done in them."""
        now = time.perf_counter()
        seconds, self.begin = now - self.begin, now
        self.say(f"{what}: {seconds:.3g} s")
        return seconds

    def say(self, line: str) -> None:
        """One line on stderr."""
        if self.verbose:
            click.echo(line, err=True)


def deliver(output: Output, options: Options) -> None:
    """A result to the file of ``-o``, or to stdout as a table (a terminal) or JSON."""
    if options.out is not None and options.out != "-":
        try:
            write_whole(Path(options.out), encode(output, Path(options.out).suffix))
        except OSError as error:
            raise usage(f"{options.out} cannot be written: {error.strerror}") from None
        return
    if options.as_table or (not options.as_json and options.out is None and sys.stdout.isatty()):
        print_table(output)
    else:
        write_stdout(encode(output, ".json"))


def print_table(output: Output) -> None:
    """A table on stdout; rich is imported only for this."""
    from rich.console import Console

    from karush.table import print_output

    wide = None if sys.stdout.isatty() else 100
    print_output(output, Console(markup=False, highlight=False, no_color=not colours(sys.stdout), width=wide))


def warn(message: str) -> None:
    """A warning on stderr."""
    click.echo(f"warning: {message}", err=True)


def dump(value: Any) -> str:
    """JSON on one line."""
    return json.dumps(value, ensure_ascii=False)
