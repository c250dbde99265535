"""Graph forms and proximal maps of a file's own atoms, tried at their declarations.

Both are read only where an atom is applied; a slip in one is told where it stands, whether the atom is used or not.
"""

from __future__ import annotations

from collections.abc import Iterator

from karush.compiler.library import Library, load_library
from karush.compiler.messages import atom_messages
from karush.compiler.model import Expr, Kind, ParamValue
from karush.compiler.names.context import Block, Context, Session
from karush.compiler.names.symbols import DimSymbol, Scope
from karush.compiler.reductions.graph import GraphError, expand_graph
from karush.compiler.reductions.proximal import expand_prox
from karush.compiler.resolving.atoms import takes_entries
from karush.compiler.resolving.dimensions import find_shape, header_sizes
from karush.compiler.resolving.expressions import resolve_expression
from karush.compiler.resolving.records import resolve_record
from karush.dsl import ast
from karush.dsl.diagnostics import Diagnostic
from karush.stdlib.atom import Atom
from karush.stdlib.primitive_names import PROXIMAL_NAMES
from karush.stdlib.shape import SCALAR, Shape, Size


def slips_of_declarations(library: Library) -> list[Diagnostic]:
    """What is wrong with the graphs and the proximal maps of the atoms that a file declares."""
    found: list[Diagnostic] = []
    for atom in library.atoms.values():
        for clause in atom.declaration.clauses:
            for entry in (SCALAR, (Size.of("entries"),)) if takes_entries(atom) else (SCALAR,):
                slips = list(_slips(atom, clause, entry, library))
                found += slips
                if slips:
                    break
    return found


def _slips(atom: Atom, clause: ast.Statement, entry: Shape, library: Library) -> Iterator[Diagnostic]:
    """The slips of one clause, where arguments without sizes have the shape ``entry``."""
    try:
        if isinstance(clause, ast.AtomGraph):
            yield from _slips_of_graph(atom, clause, _stand_ins(atom, entry, library), entry, library)
        elif isinstance(clause, ast.AtomProx):
            yield from _slips_of_prox(atom, clause, _stand_ins(atom, entry, library), library)
    except GraphError as fault:
        yield from fault.findings


def _slips_of_graph(
    atom: Atom, clause: ast.AtomGraph, arguments: tuple[Expr, ...], entry: Shape, library: Library
) -> Iterator[Diagnostic]:
    objective = next((s for s in clause.body if isinstance(s, ast.Objective)), None)
    if objective is None:
        yield atom_messages.graph_without_objective(clause)
        return
    expansion = expand_graph(atom, arguments, (), None, "", library)
    if expansion.value.shape != entry:
        yield atom_messages.graph_shape(objective, expansion.value)


def _slips_of_prox(
    atom: Atom, clause: ast.AtomProx, arguments: tuple[Expr, ...], library: Library
) -> Iterator[Diagnostic]:
    if atom.proximal is None:
        yield atom_messages.prox_without_argument(clause)
        return
    if isinstance(clause.value, ast.String):
        yield from _slips_of_map(atom, clause, clause.value.value)
        return
    point = expand_prox(atom, arguments, ParamValue("step", shape=SCALAR, span=clause.span), library)
    moving = next(a for a, p in zip(arguments, atom.params, strict=True) if p.name == atom.proximal)
    if point is not None and point.shape != moving.shape:
        yield atom_messages.prox_shape(clause, atom.proximal, point, moving)


def _slips_of_map(atom: Atom, clause: ast.AtomProx, name: str) -> Iterator[Diagnostic]:
    if name not in PROXIMAL_NAMES:
        yield atom_messages.unknown_map(clause, name)
        return
    standard = load_library()
    known = next(a for n in sorted(standard.atom_names()) if (a := standard.atom(n)) is not None and _map_of(a) == name)
    if len(known.params) != len(atom.params):
        yield atom_messages.map_arity(clause, name, atom.declaration, len(known.params))


def _map_of(atom: Atom) -> str | None:
    value = atom.prox[1] if atom.prox is not None else None
    return value.value if isinstance(value, ast.String) else None


def _stand_ins(atom: Atom, entry: Shape, library: Library) -> tuple[Expr, ...]:
    """Arguments of the shapes that the header states."""
    header = atom.declaration.header
    scope = Scope(None, kind="library")
    for name in header_sizes(header):
        scope.names[name] = DimSymbol(name, None, Size.of(name))
    context = Context(Session(library, resolve_expression, resolve_record), scope, Block())
    found: list[Expr] = []
    for item, param in zip(header, atom.params, strict=True):
        shape = find_shape(context, item.sizes) if item.sizes else entry
        kind = Kind.INTEGER if param.set_name == "index" else Kind.REAL
        found.append(ParamValue(item.name, shape=shape or SCALAR, kind=kind, span=item.span))
    return tuple(found)
