"""Another name for an entity: at all places that name it, or the reason why not."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import takewhile

from karush.compiler.library import Library
from karush.compiler.resolving.calls import LANGUAGE_NAMES
from karush.dsl.source import Span
from karush.dsl.tokens import KEYWORDS, is_name
from karush.lsp.document import Document
from karush.lsp.entities import Entity, Level, Role, Use

RESERVED = frozenset({"T", "objective", "status", "dual", "derivative"})
"""Fields that every value or record has: no var, let or param may be called so."""


class RenameError(Exception):
    """Why a name cannot be changed, in the user's words."""


def renameable(document: Document, offset: int) -> tuple[Entity, Span]:
    """The entity at a place, and its name there. Raises RenameError where there is none that can be renamed."""
    use = document.state.bindings.at(offset)
    if use is None:
        raise RenameError("there is no name here")
    name = use.span.text
    if use.entity is None:
        known = document.state.library.names() | LANGUAGE_NAMES
        raise RenameError(
            f"`{name}` is a name of the library" if name in known else f"`{name}` is not declared in this file"
        )
    if use.entity.role is Role.IMPORT and use.entity.span.text.startswith('"'):
        raise RenameError(f"`{name}` is named after its file: write `as` and a name behind the path first")
    if use.entity.name in document.state.module.poisoned:
        raise RenameError(f"`{name}` stands in a statement that cannot be read: mend its error first")
    return use.entity, use.span


def rename(document: Document, offset: int, name: str) -> list[Span]:
    """The places where the new name has to be written. Raises RenameError where the model would become another."""
    entity, _ = renameable(document, offset)
    check_name(entity, name, document.state.library)
    wanted = unicodedata.normalize("NFKC", name)
    uses = document.state.bindings.of(entity)
    clash = clashing(entity, wanted, uses) if wanted != entity.name else None
    if clash is not None:
        line = clash.span.line
        raise RenameError(f"`{name}` is already the name of a {clash.role.value}, declared in line {line}")
    if wanted != entity.name and wanted in document.state.module.poisoned:
        raise RenameError(f"`{name}` stands in a statement that cannot be read: mend its error first")
    return [use.span for use in uses]


def check_name(entity: Entity, name: str, library: Library) -> None:
    """Raises RenameError where no entity of this kind may be called so."""
    if name in KEYWORDS:
        raise RenameError(f"`{name}` is a keyword")
    if not name.isidentifier() or (name.startswith("_") and not name.strip("_")) or not is_name(name):
        raise RenameError(f"`{name}` is not a name: letters, digits and `_`, and no digit first")
    if name in library.names() | LANGUAGE_NAMES and name != entity.name:
        raise RenameError(f"`{name}` is a name of the library")
    if name in RESERVED and entity.role in (Role.PARAM, Role.VAR, Role.LET):
        raise RenameError(f"a {entity.role.value} may not be called `{name}`: it is a field of every value or solution")


def clashing(entity: Entity, name: str, uses: Iterable[Use]) -> Entity | None:
    """A name that is in sight where the entity is declared, or that would come between it and one of its uses."""
    for level in (*entity.level.outwards(), *_between(entity, uses)):
        found = level.names.get(name) or level.labels.get(name)
        if found is not None:
            return found
    return None


def _between(entity: Entity, uses: Iterable[Use]) -> Iterator[Level]:
    """The scopes from the uses of an entity up to its own."""
    for use in uses:
        inside = entity.level.at(use.span.start)
        yield from takewhile(lambda level: level is not entity.level, inside.outwards())
