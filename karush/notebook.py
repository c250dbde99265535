"""The notebook extension: ``%load_ext karush``, then ``%%karush name`` makes a model of a cell.

IPython is not imported: it calls `load_ipython_extension` with its shell, which is all that is needed.
"""

from __future__ import annotations

import keyword
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from karush.dsl.diagnostics import Diagnostic
from karush.dsl.render import render
from karush.errors import ModelError
from karush.problem import loads


class Shell(Protocol):
    """What is used of IPython's ``InteractiveShell``."""

    def push(self, variables: dict[str, Any]) -> None:
        """Define variables in the notebook."""

    def register_magic_function(self, function: Any, magic_kind: str, magic_name: str) -> None:
        """Add a magic."""


class CellError(Exception):
    """A cell holds no model; shown as its text alone, without a Python traceback, which would say nothing."""

    def _render_traceback_(self) -> list[str]:
        return str(self).splitlines()


@dataclass(frozen=True, eq=False)
class ModelMagic:
    """``%%karush name``: defines ``name`` as the model that stands in the cell."""

    shell: Shell

    def __call__(self, line: str, cell: str) -> None:
        """Read the cell. Findings are shown as diagnostics; errors among them end the cell with a `CellError`."""
        name = line.strip()
        if not name.isidentifier() or keyword.iskeyword(name):
            given = f", not {name!r}" if name else ""
            raise CellError(f"%%karush takes the name of the model to define{given}: %%karush portfolio")
        try:
            problem = loads(cell, name)
        except ModelError as error:
            raise CellError(coloured(error.diagnostics)) from None
        if problem.analysis.diagnostics:
            sys.stderr.write(coloured(problem.analysis.diagnostics))
        self.shell.push({name: problem})


def coloured(findings: Sequence[Diagnostic]) -> str:
    """Findings with their carets; in colour, which a notebook shows, unless NO_COLOR is set."""
    return render(findings, "full", colour=not os.environ.get("NO_COLOR"))


def load_ipython_extension(shell: Shell) -> None:
    """What ``%load_ext karush`` calls."""
    shell.register_magic_function(ModelMagic(shell), "cell", "karush")
