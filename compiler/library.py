"""The standard library: names at once, declarations when they are asked for.

The ``.opt`` files of stdlib are cut into declarations by their first words, which costs a millisecond; a declaration is
parsed when its name is looked up, so that checking a model costs what the model uses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from importlib import resources
from pathlib import PurePath

from karush.compiler.declarations import build_atom, build_set
from karush.dsl import ast
from karush.dsl.parse import parse
from karush.dsl.source import Source
from karush.stdlib.atom import Atom
from karush.stdlib.set import SetFacts

FOLDERS = ("atoms", "losses", "sets")
_DECLARATION = re.compile(r"^(atom|set)[ \t]+(\w+)", re.MULTILINE)


@dataclass(frozen=True, eq=False)
class Library:
    """The outermost scope: atoms and sets by name. ``sources`` maps (``atom`` or ``set``, name) to its text.

    ``atoms`` and ``sets`` are declared by the file itself and hide those of the library.
    """

    sources: Mapping[tuple[str, str], Source]
    atoms: Mapping[str, Atom] = field(default_factory=dict)
    sets: Mapping[str, SetFacts] = field(default_factory=dict)

    def atom(self, name: str) -> Atom | None:
        """The atom of this name, or None."""
        source = self.sources.get(("atom", name))
        return self.atoms.get(name) or (_parsed_atom(source) if source else None)

    def set(self, name: str) -> SetFacts | None:
        """The set of this name, or None."""
        source = self.sources.get(("set", name))
        return self.sets.get(name) or (_parsed_set(source) if source else None)

    def atom_names(self) -> frozenset[str]:
        """Names of all atoms; nothing is parsed."""
        return frozenset(name for kind, name in self.sources if kind == "atom") | frozenset(self.atoms)

    def set_names(self) -> frozenset[str]:
        """Names of all sets; nothing is parsed."""
        return frozenset(name for kind, name in self.sources if kind == "set") | frozenset(self.sets)

    def names(self) -> frozenset[str]:
        """Names of all atoms and sets; nothing is parsed."""
        return self.atom_names() | self.set_names()

    def extended(self, declarations: tuple[ast.AtomDeclaration | ast.SetDeclaration, ...]) -> Library:
        """This library with the atoms and sets that a file declares."""
        atoms = {d.name: build_atom(d) for d in declarations if isinstance(d, ast.AtomDeclaration)}
        sets = {d.name: build_set(d) for d in declarations if isinstance(d, ast.SetDeclaration)}
        return replace(self, atoms={**self.atoms, **atoms}, sets={**self.sets, **sets})


@lru_cache(maxsize=1)
def load_library() -> Library:
    """The library that comes with the package."""
    root = resources.files("karush.stdlib")
    sources: dict[tuple[str, str], Source] = {}
    for folder in FOLDERS:
        files = (f for f in root.joinpath(folder).iterdir() if f.name.endswith(".opt"))
        for file in sorted(files, key=lambda f: f.name):
            text = file.read_text(encoding="utf-8")
            for kind, name, source in declarations(f"stdlib/{folder}/{file.name}", text):
                sources[kind, name] = source
    return Library(sources)


def declarations(name: str, text: str) -> Iterator[tuple[str, str, Source]]:
    """The declarations of a file as (``atom`` or ``set``, name, text); line numbers stay those of the file."""
    found = list(_DECLARATION.finditer(text))
    for match, following in zip(found, [*found[1:], None], strict=True):
        start, end = match.start(), following.start() if following else len(text)
        padding = "\n" * text.count("\n", 0, start)
        yield match[1], match[2], Source(name, padding + text[start:end])


def modules_of(source: Source) -> tuple[str, str]:
    """The modules that a declaration of the library belongs to: its folder and its file."""
    path = PurePath(source.name).with_suffix("")
    return f"stdlib.{path.parent.name}", f"stdlib.{path.name}"


class LibraryError(Exception):
    """A declaration of the library itself does not parse: an internal error."""


def _declaration(source: Source) -> ast.Statement:
    module, findings = parse(source)
    if findings or len(module.statements) != 1:
        raise LibraryError(f"{source.name}: {[f.message for f in findings] or 'not one declaration'}")
    return module.statements[0]


@cache
def _parsed_atom(source: Source) -> Atom:
    declaration = _declaration(source)
    assert isinstance(declaration, ast.AtomDeclaration)
    return build_atom(declaration)


@cache
def _parsed_set(source: Source) -> SetFacts:
    declaration = _declaration(source)
    assert isinstance(declaration, ast.SetDeclaration)
    return build_set(declaration)
