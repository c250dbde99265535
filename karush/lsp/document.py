"""An open file: its text, and what is known of it, worked out when it is asked for."""

from __future__ import annotations

from functools import cached_property

from karush.compiler.analyse import Analysis, analyse
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
    def analysis(self) -> Analysis:
        """Model, facts, class and findings."""
        return analyse(self.source, earlier=self._earlier)

    @cached_property
    def bindings(self) -> Bindings:
        """What every name stands for."""
        return bind(self.analysis.module)


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
        found = self._state.analysis
        if found.facts is not None and self._knowledge.analysis is not found:
            self._knowledge = Knowledge(found)
        return self._knowledge
