"""An open file: its text, and what is known of it, worked out when it is asked for."""

from __future__ import annotations

from functools import cached_property

from karush.compiler.analyse import Analysis, analyse_module
from karush.compiler.library import Library, load_library
from karush.compiler.resolving.resolve import extend_library
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic
from karush.dsl.parse import parse
from karush.dsl.reuse import Statements
from karush.dsl.source import Source
from karush.lsp.bindings import Bindings, bind
from karush.lsp.knowledge import Knowledge
from karush.lsp.positions import Lines, Position, Units


class State:
    """One text of a document with everything that follows from it."""

    def __init__(self, name: str, text: str, units: Units, earlier: Statements) -> None:
        self.source = Source(name, text)
        self.lines = Lines(text, units)
        self._earlier = earlier

    @cached_property
    def parsed(self) -> tuple[ast.Module, list[Diagnostic]]:
        """The syntax tree and what cannot be read. Where names alone are asked for, nothing more is worked out."""
        return parse(self.source, self._earlier)

    @property
    def module(self) -> ast.Module:
        """The syntax tree."""
        return self.parsed[0]

    @cached_property
    def library(self) -> Library:
        """The library, with the atoms and sets that the file declares."""
        return extend_library(self.module, load_library())

    @cached_property
    def analysis(self) -> Analysis:
        """Model, facts, class and findings."""
        return analyse_module(*self.parsed)

    @cached_property
    def bindings(self) -> Bindings:
        """What every name stands for."""
        return bind(self.module)


class Document:
    """A file while it is written. ``name`` is its path, or what stands for one."""

    def __init__(self, name: str, text: str, units: Units = Units.UTF16) -> None:
        self.name = name
        self.units = units
        self._earlier = Statements()
        self._knowledge = Knowledge(None)
        self._state = State(name, text, units, self._earlier)

    def edit(self, text: str) -> None:
        """The document has another text from now on; nothing is worked out yet."""
        if text != self._state.source.text:
            self._state = State(self.name, text, self.units, self._earlier)

    def reread(self) -> None:
        """Another file has changed: what follows from this text is worked out anew."""
        self._state = State(self.name, self._state.source.text, self.units, self._earlier)

    def change(self, start: Position, end: Position, text: str) -> None:
        """A piece of the text is replaced."""
        whole, lines = self._state.source.text, self._state.lines
        self.edit(whole[: lines.offset(start)] + text + whole[lines.offset(end) :])

    @property
    def state(self) -> State:
        """The text of now."""
        return self._state

    @property
    def analysis(self) -> Analysis:
        """What is known of the text of now."""
        return self._state.analysis

    @property
    def knowledge(self) -> Knowledge:
        """What is known of the names or, where the text of now has an error, what the last one without told: shapes
        and signs do not vanish from the screen while a line is being typed.
        """
        return self._known(self._state.analysis)

    @property
    def recent(self) -> Knowledge:
        """The same without waiting: what is known of the text of now if that was worked out, else of one before."""
        return self._known(self._state.__dict__.get("analysis", self._knowledge.analysis))

    def _known(self, found: Analysis | None) -> Knowledge:
        if found is not None and found.facts is not None and self._knowledge.analysis is not found:
            self._knowledge = Knowledge(found)
        return self._knowledge
