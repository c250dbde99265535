"""Statements of an earlier parse of the same file, taken over where their text has not changed.

An editor asks for the syntax tree after every key. What a statement says depends on its own text, on the ``##`` text
that belongs to its lines, and on the kind of block it stands in: these are its key here, and a statement with the
same key is moved to its new place instead of being parsed again. Only statements without a finding are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeVar, cast

from karush.dsl import ast
from karush.dsl.source import Source, Span
from karush.dsl.token_lines import TokenLines

Key = tuple[str, str, tuple[tuple[int, str], ...]]
"""Kind of block, text, and documentation by line, counted from the first line of the statement."""

Moved = TypeVar("Moved")
Copied = TypeVar("Copied", bound=ast.Node)


@dataclass
class Statements:
    """What is kept from one parse to the next: the statements of the last one, with the places of their beginnings."""

    kept: dict[Key, tuple[ast.Statement, int]] = field(default_factory=dict)
    seen: dict[Key, tuple[ast.Statement, int]] = field(default_factory=dict)
    lines: TokenLines = field(default_factory=TokenLines)

    def begin(self) -> None:
        """A parse begins: what the one before it has seen is kept, what is older is forgotten."""
        self.kept, self.seen = self.seen, {}

    def take(self, key: Key, source: Source, start: int) -> ast.Statement | None:
        """The statement of this key at its place in a text; None where it has to be parsed."""
        found = self.seen.get(key) or self.kept.get(key)
        if found is None:
            return None
        statement, earlier = found
        here = moved(statement, source, start - earlier)
        self.seen[key] = here, start
        return here

    def keep(self, key: Key, statement: ast.Statement, start: int) -> None:
        """Take down a statement that was parsed without a finding."""
        self.seen[key] = statement, start


def moved(value: Moved, source: Source, shift: int) -> Moved:
    """A part of a syntax tree in another text, ``shift`` characters further on."""
    if isinstance(value, tuple):
        return cast(Moved, tuple([moved(item, source, shift) for item in value]))
    if isinstance(value, ast.Binary):
        return cast(Moved, _moved_chain(value, source, shift))
    return _moved_node(value, source, shift) if isinstance(value, ast.Node) else value


def _moved_chain(node: ast.Binary, source: Source, shift: int) -> ast.Expr:
    """``a + b + c`` leans to the left and may be thousands of terms long: it is walked with a loop."""
    spine: list[ast.Binary] = []
    inner: ast.Expr = node
    while isinstance(inner, ast.Binary):
        spine.append(inner)
        inner = inner.left
    here = moved(inner, source, shift)
    for link in reversed(spine):
        here = _moved_node(link, source, shift, left=here)
    return here


def _moved_node(node: Copied, source: Source, shift: int, **known: ast.Expr) -> Copied:
    """A node with its parts moved, but for those already known. This runs for every node of a file, so neither the
    nodes nor their places go through their constructors.
    """
    copy = object.__new__(type(node))
    fields = copy.__dict__
    for name, part in node.__dict__.items():
        kind = type(part)
        if kind is Span:
            place = object.__new__(Span)
            place.__dict__.update(source=source, start=part.start + shift, end=part.end + shift)
            fields[name] = place
        elif kind is str or part is None:
            fields[name] = part
        else:
            fields[name] = known[name] if name in known else moved(part, source, shift)
    return copy
