"""What is shown of the thing under the pointer, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable

from karush.compiler.library import Library
from karush.dsl import ast
from karush.dsl.source import Span
from karush.lsp import knowledge
from karush.lsp.bind_expressions import words_in
from karush.lsp.document import Document
from karush.lsp.entities import Entity, Role, Use
from karush.stdlib.atom import Atom
from karush.stdlib.lattice import FREE
from karush.stdlib.set import SetFacts
from karush.words import CLAUSES, CONSTANTS, CONTEXTUAL, FUNCTIONS, OPERATORS, STATEMENTS

LONGEST = 10
"""So many lines of a declaration are shown."""


def hover(document: Document, offset: int) -> tuple[str, Span] | None:
    """Markdown about the name, word or expression at a place, and the place it is about."""
    use = document.state.bindings.at(offset)
    if use is not None:
        text = page_of_use(document, use)
        return None if text is None else (text, use.span)
    word = _word_at(document, offset)
    if word is not None and word.text in WORDS:
        return f"{code(word.text)}\n\n{WORDS[word.text]}", word
    known = document.knowledge.expression_at(offset, document.state.source)
    if known is None or known.value is None:
        return None
    return page(known.value.span.text, None, knowledge.lines_about(known)), known.value.span


WORDS = {**CLAUSES, **CONTEXTUAL, **CONSTANTS, **OPERATORS, **STATEMENTS, "subject": STATEMENTS["subject to"]}


def _word_at(document: Document, offset: int) -> Span | None:
    """The word of the language that covers a place; none in a comment."""
    position = document.state.lines.position(offset)
    start = document.state.lines.starts[position.line]
    line = Span(document.state.source, start, start + len(document.state.lines.line(position.line)))
    return next((word for word in words_in(line) if word.start <= offset <= word.end), None)


def page_of_use(document: Document, use: Use) -> str | None:
    """The page about a name in use; None where nothing is known of it."""
    if use.entity is not None:
        return page_of_entity(document, use.entity)
    return page_of_library(document.state.library, use.span.text, prefer_set=use.kind == "set")


def page(heading: str, doc: str | None, lines: Iterable[str]) -> str:
    """Code, documentation, and a list of facts."""
    parts = [code(heading)]
    if doc:
        parts.append(doc)
    facts = "\n".join(f"- {line}" for line in lines)
    return "\n\n".join([*parts, facts] if facts else parts)


def code(text: str) -> str:
    """A piece of a model, fenced; of a long one the beginning."""
    lines = text.splitlines()
    shown = [*lines[:LONGEST], "…"] if len(lines) > LONGEST else lines
    return "```karush\n" + "\n".join(shown) + "\n```"


# ---------------------------------------------------------------- names of the file


def page_of_entity(document: Document, entity: Entity) -> str:
    """What a name of the file is, and what the compiler found out about it."""
    known = document.knowledge.of(entity)
    lines = list(knowledge.lines_about(known)) if known is not None else []
    if entity.role is Role.LABEL and known is not None and not isinstance(entity.node, ast.Objective):
        lines = [f"multipliers: {knowledge.shape_words(known)}"]
    return page(declaration_text(entity), entity.doc, lines)


def declaration_text(entity: Entity) -> str:
    """The declaration as it is written, without the body of a block."""
    node = entity.node
    match node:
        case ast.Fn(body=(ast.Return(),)) if "{" not in node.span.text:
            return node.span.text
        case ast.Fn() | ast.ModelBlock() | ast.AtomDeclaration():
            return _until(node.span, "{")
        case ast.Declaration() if entity.span != node.name_span:
            return f"size {entity.name}"
        case ast.Declaration():
            return f"{entity.role.value} {node.span.text}"
        case ast.Binder():
            return f"for {node.span.text}"
        case ast.AtomProx():
            return f"step {entity.name}"
    return node.span.text


def _until(span: Span, brace: str) -> str:
    return span.text.partition(brace)[0].rstrip()


# ---------------------------------------------------------------- names of the library


def page_of_library(library: Library, name: str, *, prefer_set: bool = False) -> str | None:
    """The page about an atom, a set or a function of the language; None where there is none."""
    found_set = library.set(name) if prefer_set else None
    if found_set is not None:
        return page_of_set(found_set)
    atom = library.atom(name)
    if atom is not None:
        return page_of_atom(atom)
    if name in FUNCTIONS:
        form, meaning = FUNCTIONS[name]
        return page(form, meaning, ())
    found_set = library.set(name)
    return page_of_set(found_set) if found_set is not None else None


def page_of_atom(atom: Atom) -> str:
    """Header, documentation, and what is declared of the function."""
    return page(f"atom {header_of(atom)}", _meaning(atom), facts_of_atom(atom))


def header_of(declared: Atom | SetFacts) -> str:
    """``huber(x, delta in pos = 1.0)``."""
    header = declared.declaration.header
    inside = ", ".join(item.span.text for item in header)
    return f"{declared.name}({inside})" if header or isinstance(declared, Atom) else declared.name


def _meaning(atom: Atom) -> str | None:
    form = FUNCTIONS.get(atom.name)
    return "\n\n".join(part for part in (atom.doc, form and f"`{form[0]}`: {form[1]}") if part) or None


def facts_of_atom(atom: Atom) -> list[str]:
    """Curvature, monotonicity, range, and the forms that an atom has."""
    lines = [f"{curvature.value} in {', '.join(names)}" for names, curvature in atom.curvature]
    for clause in atom.monotonicity:
        where = f", where it is {knowledge.sign_words(clause.interval)}" if clause.interval else ""
        lines.append(f"{clause.monotonicity.value} in {clause.name}{where}")
    if atom.range != FREE:
        lines.append(f"values: {knowledge.sign_words(atom.range)}")
    if atom.rules:
        lines.append(f"derivative rule in {', '.join(atom.rules)}")
    forms = [("graph form", atom.graph), ("proximal operator", atom.prox)]
    return lines + [name for name, form in forms if form is not None]


def page_of_set(found: SetFacts) -> str:
    """Header, documentation and condition of a set."""
    lines = [] if found.convex else ["not convex"]
    if found.enclosure != FREE:
        lines.append(f"entries {knowledge.sign_words(found.enclosure)}")
    if found.matrix:
        lines.append("symmetric matrices" if found.symmetric else "square matrices")
    return page(found.declaration.span.text, found.doc, lines)
