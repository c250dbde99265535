"""The one exception that user code meets: a model or its data are wrong, and here is where."""

from __future__ import annotations

from collections.abc import Sequence

from karush.dsl.diagnostics import Diagnostic
from karush.dsl.render import render


class ModelError(Exception):
    """A model or its data hold errors; ``diagnostics`` are the findings, the message shows them with carets."""

    def __init__(self, diagnostics: Sequence[Diagnostic]):
        self.diagnostics = tuple(diagnostics)
        super().__init__("\n" + render(list(self.diagnostics), "full"))
